"""The embedded PostgreSQL of the extra `local`.

`up` starts a server that stays, `down` stops it. `local_server` attaches to a running one, or
starts one that lives as long as some process uses it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from pgmqgen.errors import ConfigError
from pgmqgen.local import cluster
from pgmqgen.local.programs import (
    ROOT_STATE,
    SYSTEM_USER,
    find_package,
    is_reachable,
    psql_path,
)

__all__ = [
    "DIRECTORY_VARIABLE",
    "Status",
    "directory_of",
    "down",
    "local_server",
    "psql_path",
    "reset",
    "serve",
    "status",
    "up",
]

DIRECTORY_VARIABLE = "PGMQGEN_LOCAL_DIR"
"""Environment variable that names the folder of the embedded server."""

_SOCKET_PATH_LIMIT = 103
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
    state = ROOT_STATE if os.geteuid() == 0 else Path(home) / "pgmqgen"
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
        try:
            with _locked(directory), _uninterrupted():
                _start(directory)
                fcntl.flock(users, fcntl.LOCK_SH)
            yield _url(directory)
        finally:
            with _locked(directory), _uninterrupted():
                if not _kept(directory).exists() and _is_last(users):
                    cluster.stop(directory / "data")


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
        return cluster.stop(directory / "data")


def status(root: Path) -> Status:
    """Look whether the project's server runs."""
    find_package()
    directory = directory_of(root)
    pid = cluster.find_postmaster(directory / "data")
    kept = pid is not None and _kept(directory).exists()
    return Status(directory=directory, url=_url(directory), pid=pid, kept=kept)


def reset(root: Path) -> None:
    """Delete all data of the project's server; start it again, empty, if `up` keeps it."""
    directory = _existing(root)
    if directory is None:
        return
    with _locked(directory):
        kept = _kept(directory).exists()
        cluster.stop(directory / "data")
        shutil.rmtree(directory / "data", ignore_errors=True)
        if kept:
            _start(directory)
            _kept(directory).touch()


def _existing(root: Path) -> Path | None:
    find_package()
    directory = directory_of(root)
    return directory if directory.exists() else None


def _start(directory: Path) -> None:
    data = directory / "data"
    if cluster.find_postmaster(data) is None:
        _kept(directory).unlink(missing_ok=True)
    cluster.start(data)


def _prepare(directory: Path) -> None:
    find_package()
    socket = directory / "data" / f".s.PGSQL.{cluster.PORT}"
    if len(os.fsencode(socket)) > _SOCKET_PATH_LIMIT:
        raise ConfigError(
            f"the socket's path is too long: `{socket}`",
            hint=f"name a shorter folder with {DIRECTORY_VARIABLE}",
        )
    try:
        _make_folder(directory)
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder of the embedded PostgreSQL: {error}",
            hint=f"name another folder with {DIRECTORY_VARIABLE}",
        ) from error
    if os.geteuid() == 0 and not is_reachable(directory):
        raise ConfigError(
            f"user `{SYSTEM_USER}`, as whom PostgreSQL runs, cannot enter `{directory}`",
            hint=f"name a folder below a public one with {DIRECTORY_VARIABLE}",
        )


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)  # whatever the umask is, root's server must get through


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off what signals do to the end of the block: a server half started could not be stopped."""
    caught: list[int] = []
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        before = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in before:
        signal.signal(number, lambda number, _: caught.append(number))
    wakeup = signal.set_wakeup_fd(-1) if before else -1  # of asyncio, which would call twice
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if wakeup != -1:
            signal.set_wakeup_fd(wakeup)
        for each in caught:
            signal.raise_signal(each)


def _is_last(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _kept(directory: Path) -> Path:
    return directory / "kept"


def _url(directory: Path) -> str:
    return (
        f"postgresql://postgres@/postgres?host={quote(str(directory / 'data'))}&port={cluster.PORT}"
    )
