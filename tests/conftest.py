"""One embedded PostgreSQL for the session, and a database of its own for each test."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql

from pgmqgen import local

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


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The session's server: a URL of its maintenance database, without pgmq."""
    directory = Path(tempfile.mkdtemp(prefix="pgmqgen-"))
    directory.chmod(0o711)
    watch = subprocess.Popen(
        ["sh", "-c", _WATCH, "watch", str(directory)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        with local.serve(directory) as url:
            yield url
    finally:
        shutil.rmtree(directory)
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
