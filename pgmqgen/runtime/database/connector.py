"""How a worker and its children reach the database: a conninfo, or a callable named by string.

Plain data, so that it can cross to a child; the driver is imported on the first connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgmqgen.errors import ConfigError, DatabaseError
from pgmqgen.runtime.registry import import_object

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class Connector:
    """Opens connections.

    conninfo: libpq connection string or URL, or None
    factory: `module:callable`; called without arguments, it returns a conninfo (fresh
        credentials, say) or an open psycopg connection
    pooler: whether a pooler in transaction mode stands before the database; None finds out
    """

    conninfo: str | None
    factory: str | None = None
    pooler: bool | None = None

    def connect(self, *, application_name: str = "pgmqgen") -> psycopg.Connection:
        """Open a connection in autocommit mode. Raises DatabaseError or ConfigError."""
        from pgmqgen.runtime.database import postgres

        connection = self.dial(application_name)
        with postgres.translating_errors():
            postgres.expect_pooler(connection, self.pooler)
        return connection

    def dial(self, application_name: str) -> psycopg.Connection:
        """The same, but nothing is asked on it yet: whether there is a pooler is not known."""
        from pgmqgen.runtime.database import postgres

        found = self._resolve()
        if isinstance(found, str):
            return postgres.dial(found, application_name)
        with postgres.translating_errors():
            encoding = found.info.parameter_status("client_encoding")
            found.autocommit = True
        if encoding != "UTF8":
            found.close()
            raise ConfigError(
                f"`{self.factory}` returns a connection with the client encoding {encoding}",
                hint="open it with client_encoding=utf8: payloads are read as UTF-8",
            )
        return found

    async def connect_async(self) -> psycopg.AsyncConnection:
        """Open an async connection in autocommit mode. Raises DatabaseError or ConfigError."""
        from pgmqgen.runtime.database import postgres

        found = self._resolve()
        if not isinstance(found, str):
            found.close()
            raise ConfigError(
                f"`{self.factory}` returns a sync connection, expected a conninfo",
                hint="let it return a connection string, which serves sync and async handlers",
            )
        return await postgres.connect_async(found, pooler=self.pooler)

    def _resolve(self) -> str | psycopg.Connection:
        if self.factory is not None:
            from pgmqgen.runtime.database import postgres

            found = self._call_factory(self.factory)
            if isinstance(found, str) or postgres.is_connection(found):
                return found
            raise ConfigError(
                f"`{self.factory}` returned {type(found).__name__}, "
                "expected a connection string or a psycopg.Connection"
            )
        if self.conninfo is None:
            raise ConfigError("no database is configured")
        return self.conninfo

    @staticmethod
    def _call_factory(name: str) -> object:
        factory = import_object(name)
        try:
            return factory()
        except Exception as error:  # of the user's code: whatever it is, there is no connection
            raise DatabaseError(
                f"`{name}` raised {type(error).__name__}: {error}",
                hint="it must return a connection string or a psycopg.Connection",
            ) from error
