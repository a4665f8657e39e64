"""What a handler is given besides its message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pgmqgen.errors import ConfigError

if TYPE_CHECKING:
    import psycopg

    from pgmqgen.runtime.connector import Connector


class Context:
    """What one process offers its handlers.

    number: of the process within its worker, from 0
    """

    def __init__(self, number: int, connector: Connector | None) -> None:
        self.number = number
        self._connector = connector
        self._connection: psycopg.Connection | None = None
        self._async_connection: psycopg.AsyncConnection | None = None
        self._opening = asyncio.Lock()

    @property
    def connection(self) -> psycopg.Connection:
        """This process's own connection (psycopg, autocommit), opened on first use.

        For sync handlers; use `with context.connection.transaction():` for several statements.
        """
        if self._connection is None or self._connection.closed:
            self._connection = self._require_connector().connect()
        return self._connection

    async def async_connection(self) -> psycopg.AsyncConnection:
        """This process's own async connection (autocommit), shared by its async handlers."""
        async with self._opening:
            if self._async_connection is None or self._async_connection.closed:
                self._async_connection = await self._require_connector().connect_async()
            return self._async_connection

    def _require_connector(self) -> Connector:
        if self._connector is None:
            raise ConfigError("this context has no database")
        return self._connector
