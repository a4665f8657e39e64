"""The embedded server: who starts it, who stops it, and what it survives."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from pgmqgen import local
from pgmqgen.errors import ConfigError, DatabaseError

_HOLD = """
import sys
from pathlib import Path
from pgmqgen import local

with local.serve(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


_SERVE_UNTIL_SIGNALLED = """
import signal
import sys
from pathlib import Path
from pgmqgen import local

signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
with local.serve(Path(sys.argv[1])):
    signal.pause()
"""


def _pid(directory: Path) -> int | None:
    return local.status(directory).pid


def _query(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


@contextmanager
def _holder(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline().startswith("postgresql://")
        yield process


def test_a_server_started_for_the_time_stops_at_the_end(local_directory: Path) -> None:
    with local.local_server(local_directory) as url:
        pid = _pid(local_directory)
        assert _query(url, "SELECT 1") == 1
    assert _pid(local_directory) is None
    assert pid is not None
    assert not _runs(pid)


def test_up_outlives_what_attaches_to_it(local_directory: Path) -> None:
    url = local.up(local_directory)
    pid = _pid(local_directory)
    with local.local_server(local_directory) as attached:
        assert (attached, _pid(local_directory)) == (url, pid)
    with _holder(local_directory):
        pass
    assert _pid(local_directory) == pid
    assert local.up(local_directory) == url
    assert _pid(local_directory) == pid
    assert local.down(local_directory)
    assert _pid(local_directory) is None
    assert not local.down(local_directory)


def test_up_keeps_a_server_that_a_command_has_started(local_directory: Path) -> None:
    with local.local_server(local_directory):
        local.up(local_directory)
    assert local.status(local_directory).kept
    local.down(local_directory)


def test_after_down_a_server_started_for_the_time_is_not_kept(local_directory: Path) -> None:
    local.up(local_directory)
    local.down(local_directory)
    with local.local_server(local_directory):
        assert not local.status(local_directory).kept
    assert _pid(local_directory) is None


def test_a_killed_server_is_kept_no_longer(local_directory: Path) -> None:
    local.up(local_directory)
    _kill_server(local_directory)
    with local.local_server(local_directory):
        pass
    assert _pid(local_directory) is None


def test_the_starter_does_not_stop_it_under_another_user(local_directory: Path) -> None:
    with local.local_server(local_directory) as url:
        with _holder(local_directory) as other:
            pid = _pid(local_directory)
            assert other.stdin
            other.stdin.close()
            other.wait(30)
            assert _pid(local_directory) == pid
        with _holder(local_directory) as other:
            pass
        assert _query(url, "SELECT 1") == 1

    with _holder(local_directory) as starter:
        pid = _pid(local_directory)
        with local.local_server(local_directory) as url:
            assert starter.stdin
            starter.stdin.close()
            starter.wait(30)
            assert _query(url, "SELECT 1") == 1
            assert _pid(local_directory) == pid
        assert _pid(local_directory) is None


def test_what_a_killed_user_leaves_running_the_next_one_stops(local_directory: Path) -> None:
    with _holder(local_directory) as starter:
        starter.kill()
    assert _pid(local_directory) is not None
    with local.local_server(local_directory):
        pass
    assert _pid(local_directory) is None


def test_two_that_start_it_at_once_share_it(local_directory: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(local_directory)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    try:
        urls = {process.stdout.readline() for process in processes if process.stdout}
        assert len(urls) == 1
    finally:
        for process in processes:
            process.communicate(timeout=30)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert _pid(local_directory) is None


def test_data_survives_stop_and_kill(local_directory: Path) -> None:
    url = local.up(local_directory)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    local.down(local_directory)
    assert _query(local.up(local_directory), "SELECT answer FROM kept") == 42
    _kill_server(local_directory)
    assert _query(local.up(local_directory), "SELECT answer FROM kept") == 42
    local.down(local_directory)


def test_a_process_id_used_by_another_program_is_no_obstacle(local_directory: Path) -> None:
    with local.local_server(local_directory):
        pid_file = local_directory / "data" / "postmaster.pid"
        first, *rest = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *rest]) + "\n")
    assert int(first) != os.getpid()
    assert _pid(local_directory) is None
    with local.local_server(local_directory) as url:
        assert _query(url, "SELECT 1") == 1


def test_a_cluster_cut_off_half_way_is_made_anew(local_directory: Path) -> None:
    half = local_directory / "data.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with local.local_server(local_directory) as url:
        assert _query(url, "SELECT 1") == 1
    assert not half.exists()


def test_a_server_that_does_not_start_says_why(local_directory: Path) -> None:
    with local.local_server(local_directory):
        pass
    (local_directory / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(DatabaseError, match="incompatible with server") as caught:
        local.up(local_directory)
    assert "server.log" in (caught.value.hint or "")


def test_reset_deletes_the_data_and_keeps_it_running(local_directory: Path) -> None:
    url = local.up(local_directory)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE gone ()")
    local.reset(local_directory)
    assert local.status(local_directory).kept
    assert _query(url, "SELECT to_regclass('gone')") is None
    local.down(local_directory)
    local.reset(local_directory)
    assert _pid(local_directory) is None
    assert not (local_directory / "data").exists()


def test_the_server_listens_on_no_network_and_is_durable(local_directory: Path) -> None:
    with local.local_server(local_directory) as url:
        assert _query(url, "SHOW listen_addresses") == ""
        assert _query(url, "SHOW fsync") == "on"
        assert _query(url, "SHOW server_encoding") == "UTF8"


def test_a_folder_with_spaces(local_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(local.DIRECTORY_VARIABLE, str(local_directory / "with 'a' space"))
    with local.local_server(local_directory) as url:
        assert _query(url, "SELECT 1") == 1


def test_projects_have_folders_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(local.DIRECTORY_VARIABLE, raising=False)
    first, again, other = (local.directory_of(Path(name)) for name in ("/a", "/a", "/b"))
    assert first == again != other
    assert first.parent == other.parent


def test_a_path_too_long_for_a_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(local.DIRECTORY_VARIABLE, str(tmp_path / ("x" * 100)))
    with pytest.raises(ConfigError, match="too long") as caught:
        local.up(tmp_path)
    assert local.DIRECTORY_VARIABLE in (caught.value.hint or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_a_private_folder_is_not_opened_to_others(
    local_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = local_directory / "private"
    private.mkdir(mode=0o700)
    monkeypatch.setenv(local.DIRECTORY_VARIABLE, str(private / "server"))
    with pytest.raises(ConfigError, match="cannot enter"):
        local.up(local_directory)
    assert private.stat().st_mode & 0o777 == 0o700


_SERVE_WITH_OTHER_STATE = """
import sys
from pathlib import Path
from pgmqgen import local
from pgmqgen.local import programs

programs.ROOT_STATE = Path(sys.argv[2])
with local.serve(Path(sys.argv[1])):
    print(local.psql_path())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_programs_in_a_private_environment_are_copied(
    local_directory: Path, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    package = local.psql_path().parents[2]
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, private / folder.name)
    state = local_directory / "state"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", _SERVE_WITH_OTHER_STATE, local_directory / "server", state],
            env=os.environ | {"PYTHONPATH": str(private)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert Path(done.stdout.strip()).is_relative_to(private)
    assert [path.name.partition("-")[0] for path in state.iterdir()] == ["postgresql"]
    assert private.stat().st_mode & 0o777 == 0o700


def _kill_server(directory: Path) -> None:
    pid = _pid(directory)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _pid(directory) is not None and time.monotonic() < deadline:
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("made", ["data.new", "data", "data/postmaster.pid"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_interrupted_while_it_starts_leaves_no_server(
    local_directory: Path, made: str, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", _SERVE_UNTIL_SIGNALLED, local_directory]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not (local_directory / made).exists():
            assert process.poll() is None
            time.sleep(0.001)
        process.send_signal(number)
        assert process.wait(60) != 0
    assert _pid(local_directory) is None
    time.sleep(0.3)  # one that was started all the same would be there by now
    assert _pid(local_directory) is None


_SERVE_IN_A_LOOP = """
import asyncio
import os
import signal
import sys
from pathlib import Path
from pgmqgen import local

cluster_start = local.cluster.start


def start(data):
    os.kill(os.getpid(), signal.SIGTERM)
    cluster_start(data)


async def main():
    calls = []
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, calls.append, 1)
    with local.serve(Path(sys.argv[1])):
        await asyncio.sleep(0.1)
    print(calls)


local.cluster.start = start
asyncio.run(main())
"""


def test_a_signal_that_is_put_off_is_handled_once_by_asyncio(local_directory: Path) -> None:
    command = [sys.executable, "-c", _SERVE_IN_A_LOOP, local_directory]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[1]\n"), done.stderr
