"""One embedded PostgreSQL for the session, and a database of its own for each test."""

from __future__ import annotations

import compileall
import itertools
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from pgmq.install import get_embedded_install_sql

import pgmqgen
from pgmqgen import local

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # a busy machine is no fault

_TEMPLATE = "with_pgmq"
_numbers = itertools.count(1)

# Stops the server and removes its folder once this process has ended, even by SIGKILL: that
# closes the pipe. After a normal end there is only the folder left.
_WATCH = """
trap '' INT TERM HUP
cat >/dev/null
if pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null); then
    kill -INT "$pid"
    for _ in $(seq 100); do [ -e "$1/data/postmaster.pid" ] || break; sleep 0.1; done
fi
rm -rf "$1"
"""


def pytest_configure(config: pytest.Config) -> None:
    """Of a shell in the background, programs inherit to ignore Ctrl-C; those under test must not.

    They are started some thousand times: the package is compiled once, even where
    PYTHONDONTWRITEBYTECODE would have each of them do it again.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(Path(pgmqgen.__file__).parent, quiet=1)


@pytest.fixture(scope="session", autouse=True)
def _mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for every run of mypy: what is installed is analysed once, not for each project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "mypy"))
        yield


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The session's server: a URL of its maintenance database, without pgmq.

    It waits for no disk: no test cuts the power, and to drop a database would take a second.
    """
    with server_directory() as directory, local.serve(directory) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url


@contextmanager
def server_directory() -> Iterator[Path]:
    """Folder of a server; both are gone after the block, or once this process has ended."""
    directory = Path(tempfile.mkdtemp(prefix="pgmqgen-"))
    directory.chmod(0o711)
    watch = subprocess.Popen(
        ["sh", "-c", _WATCH, "watch", str(directory)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield directory
    finally:
        watch.communicate()


@pytest.fixture(scope="session")
def _template(server_url: str) -> str:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_TEMPLATE}")
    with psycopg.connect(_database(server_url, _TEMPLATE), autocommit=True) as connection:
        connection.execute(get_embedded_install_sql().encode())
    return _TEMPLATE


@pytest.fixture
def database_url(server_url: str, _template: str) -> Iterator[str]:
    """A fresh database with pgmq installed and no queue."""
    with _fresh_database(server_url, _template) as url:
        yield url


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A fresh database without pgmq."""
    with _fresh_database(server_url, "template1") as url:
        yield url


@contextmanager
def _fresh_database(server_url: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    try:
        yield _database(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _database(server_url: str, name: str) -> str:
    return server_url.replace("@/postgres?", f"@/{name}?")


@pytest.fixture
def local_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folder of an embedded server of the test's own, for it and for the commands it runs."""
    with server_directory() as directory:
        monkeypatch.setenv(local.DIRECTORY_VARIABLE, str(directory))
        yield directory


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a hand-written registry, as the current folder; no database is configured."""
    for name in ("PGMQGEN_DATABASE_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pgmqgen.toml").touch()
    package = tmp_path / "generated"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "registry.py").write_text(_REGISTRY)
    (package / "orders.py").write_text(_ORDERS)
    return tmp_path


_REGISTRY = """
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.registry import QueueSpec, Registry


def spec(name, **settings):
    return QueueSpec(
        QueueSettings(name=name, **settings), contract=".orders:contract", handler=".orders:handle"
    )


registry = Registry(
    __name__,
    [spec("orders"), spec("Fast", kind="unlogged", notify=True), spec("b", dead_letter_queue="dead")],
)
"""
_ORDERS = """
from typing import Any

from pgmqgen.runtime.contract.validation import Contract

contract = Contract(
    queue="orders",
    schema={
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "integer"}, "email": {"format": "email"}},
    },
    payload=Any,
    fingerprint="f00d",
)


def handle(message, context):
    pass
"""


@pytest.fixture(scope="session")
def run_pgmqgen() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command `pgmqgen` as a user does: in a process of its own, in the current folder."""

    def run(
        *arguments: str, stdin: str = "", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("pgmqgen"), *arguments],
            input=stdin,
            env=os.environ | (env or {}),
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
