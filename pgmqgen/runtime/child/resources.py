"""What one process has for its handlers: connections to the database, opened when first used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from pgmqgen.errors import ConfigError

if TYPE_CHECKING:
    import asyncio

    import psycopg

    from pgmqgen.runtime.database.connector import Connector

_TRANSACTIONS = 10
"""Async handlers of one process that may be in a transaction at once: each needs a connection."""
_CANCEL_S = 0.5


class Resources:
    """The connections of one process.

    number: of the process within its worker, from 0
    """

    def __init__(self, number: int, connector: Connector | None) -> None:
        self.number = number
        self._connector = connector
        self._connection: psycopg.Connection | None = None
        self._async_connection: psycopg.AsyncConnection | None = None
        self._sending: psycopg.AsyncConnection | None = None
        self._idle: list[psycopg.AsyncConnection] = []

    @property
    def connection(self) -> psycopg.Connection:
        """The connection of the sync handlers, in autocommit mode."""
        if self._connection is None or self._connection.closed:
            self._connection = self.connector.connect()
        return self._connection

    def live_connection(self) -> psycopg.Connection:
        """The same, or another if the server has closed it meanwhile."""
        from pgmqgen.runtime.database.postgres import answers, is_idle, is_in_transaction

        connection = self.connection
        if (
            not is_in_transaction(connection)
            and not is_idle(connection)
            and not answers(connection)
        ):
            connection.close()
        elif is_idle(connection) and not connection.autocommit:
            connection.autocommit = True  # a handler has switched it off
        return self.connection

    def roll_back(self) -> bool:
        """End the transaction that a sync handler has left open; False if there is none."""
        from pgmqgen.runtime.database.postgres import is_between_statements

        connection = self._connection
        if connection is None or not is_between_statements(connection):
            return False
        connection.close()
        return True

    def cancel(self) -> None:
        """Let the server end the statement that a sync handler has left running, if there is one."""
        from pgmqgen.runtime.database.postgres import is_in_transaction

        if self._connection is not None and is_in_transaction(self._connection):
            with suppress(Exception):  # the process ends in any case
                self._connection.cancel_safe(timeout=_CANCEL_S)

    async def async_connection(self) -> psycopg.AsyncConnection:
        """The connection that the async handlers share, in autocommit mode."""
        async with self._opening:
            self._async_connection = await self._live(self._async_connection)
            return self._async_connection

    async def sending(self) -> psycopg.AsyncConnection:
        """The one by which they send: no transaction of a handler's can take in what others send."""
        async with self._opening:
            self._sending = await self._live(self._sending)
            return self._sending

    async def _live(self, connection: psycopg.AsyncConnection | None) -> psycopg.AsyncConnection:
        """A connection, or another if the server has closed it meanwhile."""
        from pgmqgen.runtime.database.postgres import (
            answers_async,
            has_failed,
            is_idle,
            is_in_transaction,
        )

        if connection is not None and not connection.closed and not has_failed(connection):
            if (
                is_in_transaction(connection)
                or is_idle(connection)
                or await answers_async(connection)
            ):
                return connection
            await connection.close()
        return await self.connector.connect_async()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """An async connection for one handler at a time, in autocommit mode."""
        from pgmqgen.runtime.database.postgres import answers_async, is_idle

        async with self._turns:
            connection = self._idle.pop() if self._idle else None
            if connection and not is_idle(connection) and not await answers_async(connection):
                await connection.close()
                connection = None
            connection = connection or await self.connector.connect_async()
            try:
                yield connection
            finally:
                if is_idle(connection):
                    self._idle.append(connection)
                else:
                    await connection.close()

    @cached_property
    def _opening(self) -> asyncio.Lock:
        import asyncio  # where there are async handlers

        return asyncio.Lock()

    @cached_property
    def _turns(self) -> asyncio.Semaphore:
        import asyncio

        return asyncio.Semaphore(_TRANSACTIONS)

    @property
    def connector(self) -> Connector:
        """What opens connections. Raises ConfigError if there is no database."""
        if self._connector is None:
            raise ConfigError("this context has no database")
        return self._connector
