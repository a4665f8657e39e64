"""`pgmqgen dev` and `--local`, as processes of their own."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from pgmqgen import local

Run = Callable[..., subprocess.CompletedProcess[str]]
PGMQGEN = Path(sys.executable).with_name("pgmqgen")

pytestmark = pytest.mark.usefixtures("project", "local_directory")


def _pid(run: Run) -> int | None:
    pid: int | None = json.loads(run("dev", "status", "--json").stdout)["pid"]
    return pid


def test_up_send_down(run_pgmqgen: Run) -> None:
    up = run_pgmqgen("dev", "up")
    assert up.returncode == 0
    pid = _pid(run_pgmqgen)
    assert pid is not None
    assert run_pgmqgen("dev", "url").stdout == up.stdout
    migrated = run_pgmqgen("migrate", "--local")
    assert (migrated.returncode, _pid(run_pgmqgen)) == (0, pid)
    sent = run_pgmqgen("send", "orders", '{"id": 7}', "--local")
    assert (sent.returncode, sent.stdout) == (0, "1\n")
    with psycopg.connect(up.stdout.strip()) as connection:
        messages = connection.execute("SELECT message FROM pgmq.q_orders").fetchall()
    assert messages == [({"id": 7},)]
    assert run_pgmqgen("dev", "down").returncode == 0
    assert _pid(run_pgmqgen) is None


def test_without_up_the_server_runs_while_a_command_does(run_pgmqgen: Run) -> None:
    assert run_pgmqgen("migrate", "--local").returncode == 0
    assert _pid(run_pgmqgen) is None
    again = run_pgmqgen("migrate", "--local")
    assert again.stdout == "up to date\n"


def test_local_by_configuration_and_the_environment_before_it(
    project: Path, database_url: str, run_pgmqgen: Run
) -> None:
    (project / "pgmqgen.toml").write_text("[database]\nlocal = true\n")
    env = {"DATABASE_URL": "postgresql://localhost:1/wrong", "PGMQGEN_DATABASE_URL": database_url}
    assert run_pgmqgen("migrate", env=env).returncode == 0
    assert not (local.directory_of(project) / "data").exists()
    assert run_pgmqgen("migrate").returncode == 0
    assert (local.directory_of(project) / "data").exists()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM pgmq.meta").fetchone() == (6,)


def test_an_explicit_local_goes_before_the_environment(run_pgmqgen: Run) -> None:
    env = {"DATABASE_URL": "postgresql://localhost:1/wrong"}
    assert run_pgmqgen("migrate", "--local", env=env).returncode == 0


def test_status_of_a_stopped_server(run_pgmqgen: Run, local_directory: Path) -> None:
    status = run_pgmqgen("dev", "status")
    assert status.returncode == 0
    assert status.stdout.splitlines() == ["status:    stopped", f"directory: {local_directory}"]
    assert json.loads(run_pgmqgen("dev", "status", "--json").stdout) == {
        "running": False,
        "kept": False,
        "pid": None,
        "url": None,
        "directory": str(local_directory),
    }
    url = run_pgmqgen("dev", "url")
    assert (url.returncode, url.stdout) == (3, "")
    assert "help: run `pgmqgen dev up`" in url.stderr
    assert run_pgmqgen("dev", "down").returncode == 0


def test_psql_gets_arguments_and_its_exit_code_is_passed_on(run_pgmqgen: Run) -> None:
    asked = run_pgmqgen("dev", "psql", "-XAtc", "SELECT 6 * 7")
    assert (asked.returncode, asked.stdout) == (0, "42\n")
    piped = run_pgmqgen("dev", "psql", "--", "-XAt", stdin="SELECT 'from stdin';\n")
    assert (piped.returncode, piped.stdout) == (0, "from stdin\n")
    wrong = run_pgmqgen("dev", "psql", "-Xc", "SELECT wrong")
    assert wrong.returncode == 1
    assert _pid(run_pgmqgen) is None


def test_a_terminated_command_stops_the_server_that_it_started(run_pgmqgen: Run) -> None:
    process = subprocess.Popen(
        [PGMQGEN, "dev", "psql", "-XAtc", "SELECT 'ready'", "-c", "SELECT pg_sleep(60)"],
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        assert _pid(run_pgmqgen) is not None
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
    assert _pid(run_pgmqgen) is None


def test_reset_needs_yes_without_a_terminal(run_pgmqgen: Run) -> None:
    run_pgmqgen("migrate", "--local")
    refused = run_pgmqgen("dev", "reset")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "help: confirm with --yes" in refused.stderr
    assert run_pgmqgen("migrate", "--local").stdout == "up to date\n"
    assert run_pgmqgen("dev", "reset", "--yes").returncode == 0
    assert "install pgmq" in run_pgmqgen("migrate", "--local", "--dry-run").stdout


@pytest.mark.parametrize(("answer", "kept"), [(b"n\n", True), (b"y\n", False)])
def test_reset_asks_on_a_terminal(
    run_pgmqgen: Run, local_directory: Path, answer: bytes, kept: bool
) -> None:
    run_pgmqgen("migrate", "--local")
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            [PGMQGEN, "dev", "reset"], stdin=slave, stdout=slave, stderr=subprocess.PIPE
        )
        os.write(master, answer)
        process.communicate(timeout=30)
    finally:
        os.close(slave)
        os.close(master)
    assert process.returncode == (130 if kept else 0)
    assert (local_directory / "data").exists() == kept
