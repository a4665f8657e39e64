"""Where a client gets its connection from: a conninfo, a caller's connection, or a pool."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from pgmqgen.runtime.database import postgres
from pgmqgen.runtime.database.postgres import Call

if TYPE_CHECKING:
    from psycopg import AsyncConnection, Connection
    from psycopg.rows import TupleRow
    from psycopg_pool import AsyncConnectionPool, ConnectionPool

    Target = str | Connection[Any] | ConnectionPool[Any]
    AsyncTarget = str | AsyncConnection[Any] | AsyncConnectionPool[Any]


class Source(Protocol):
    """Runs statements; one at a time on a connection of its own or of a pool."""

    def fetch(self, call: Call) -> list[TupleRow]: ...

    def close(self) -> None: ...


class AsyncSource(Protocol):
    """Like Source, asynchronously."""

    async def fetch(self, call: Call) -> list[TupleRow]: ...

    async def close(self) -> None: ...


def open_source(target: Target) -> Source:
    """The source that serves `target`. Raises TypeError for anything else."""
    if isinstance(target, str):
        return _Own(target)
    if postgres.is_connection(target):
        return _Borrowed(target)
    if _is_pool(target) and not asyncio.iscoroutinefunction(cast(Any, target).getconn):
        return _Pooled(cast("ConnectionPool[Any]", target))
    raise _unsuitable(target, "psycopg.Connection", "ConnectionPool")


def open_async_source(target: AsyncTarget) -> AsyncSource:
    """Like `open_source`, for asynchronous targets."""
    if isinstance(target, str):
        return _AsyncOwn(target)
    if postgres.is_async_connection(target):
        return _AsyncBorrowed(target)
    if _is_pool(target) and asyncio.iscoroutinefunction(cast(Any, target).getconn):
        return _AsyncPooled(cast("AsyncConnectionPool[Any]", target))
    raise _unsuitable(target, "psycopg.AsyncConnection", "AsyncConnectionPool")


class _Own:
    """One connection in autocommit mode, opened when needed, again when it was lost."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._lock = threading.Lock()
        self._connection: Connection[Any] | None = None
        self._pid = 0
        self._release: Callable[[], object] = _nothing_to_release

    def fetch(self, call: Call) -> list[TupleRow]:
        with self._lock:
            connection = self._connection
            if connection is None or not self._usable(connection):
                self._drop()
                self._connection = connection = postgres.connect(self._conninfo)
                self._pid = os.getpid()
                self._release = weakref.finalize(self, _release, connection, self._pid)
            return postgres.fetch(connection, call)

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _usable(self, connection: Connection[Any]) -> bool:
        if self._pid != os.getpid():
            return False
        return postgres.is_idle(connection) or postgres.answers(connection)

    def _drop(self) -> None:
        self._connection = None
        self._release()


class _AsyncOwn:
    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._lock = asyncio.Lock()
        self._connection: AsyncConnection[Any] | None = None
        self._pid = 0
        self._release: Callable[[], object] = _nothing_to_release

    async def fetch(self, call: Call) -> list[TupleRow]:
        async with self._lock:
            connection = self._connection
            if connection is None or not await self._usable(connection):
                self._drop()
                self._connection = connection = await postgres.connect_async(self._conninfo)
                self._pid = os.getpid()
                self._release = weakref.finalize(self, _release, connection, self._pid)
            return await postgres.fetch_async(connection, call)

    async def close(self) -> None:
        async with self._lock:
            self._drop()

    async def _usable(self, connection: AsyncConnection[Any]) -> bool:
        if self._pid != os.getpid():
            return False
        return postgres.is_idle(connection) or await postgres.answers_async(connection)

    def _drop(self) -> None:
        self._connection = None
        self._release()


class _Borrowed:
    """The caller's connection: what runs on it is part of the caller's transaction."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def fetch(self, call: Call) -> list[TupleRow]:
        return postgres.fetch(self._connection, call)

    def close(self) -> None:
        """The connection is its owner's to close."""


class _AsyncBorrowed:
    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def fetch(self, call: Call) -> list[TupleRow]:
        return await postgres.fetch_async(self._connection, call)

    async def close(self) -> None:
        """The connection is its owner's to close."""


class _Pooled:
    """A pool: each statement is a transaction of its own, on autocommit, which saves two
    round trips."""

    def __init__(self, pool: ConnectionPool[Any]) -> None:
        self._pool = pool

    def fetch(self, call: Call) -> list[TupleRow]:
        with self._pool.connection() as connection:
            before = connection.autocommit
            connection.autocommit = True
            try:
                return postgres.fetch(connection, call)
            finally:
                if not connection.closed:
                    connection.autocommit = before

    def close(self) -> None:
        """The pool is its owner's to close."""


class _AsyncPooled:
    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def fetch(self, call: Call) -> list[TupleRow]:
        async with self._pool.connection() as connection:
            before = connection.autocommit
            await connection.set_autocommit(True)
            try:
                return await postgres.fetch_async(connection, call)
            finally:
                if not connection.closed:
                    await connection.set_autocommit(before)

    async def close(self) -> None:
        """The pool is its owner's to close."""


_inherited: list[object] = []
"""Connections of a parent process: to close one here would end the parent's session."""


def _nothing_to_release() -> None: ...


def _release(connection: Connection[Any] | AsyncConnection[Any], pid: int) -> None:
    # Below the driver's `close`, which is a coroutine for an AsyncConnection.
    if pid == os.getpid():
        connection.pgconn.finish()
    else:
        _inherited.append(connection)


def _is_pool(target: object) -> bool:
    return hasattr(target, "getconn") and hasattr(target, "putconn")


def _unsuitable(target: object, connection: str, pool: str) -> TypeError:
    kind = f"{type(target).__module__}.{type(target).__qualname__}"
    return TypeError(
        f"expected a connection string, a {connection} or a psycopg_pool.{pool}, got `{kind}`"
    )
