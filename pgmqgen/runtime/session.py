"""A connection of the worker with PostgreSQL settings of its own, direct or through a pooler.

A pooler in transaction mode gives each transaction another session of the server: what was set or
prepared in one is missing in the next, and in the way of whoever gets that session then. So there
the settings go with each statement, in one message, and end with its transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pgmqgen.runtime.watchdog import Wait

if TYPE_CHECKING:
    import psycopg

Row = tuple[Any, ...]


class Session:
    """Runs statements on `connection`, which is in autocommit mode.

    settings: value by the name of a setting of PostgreSQL
    wait: told while a statement is waited for
    kept: whether the server's session is this connection's own, so that LISTEN works
    """

    def __init__(
        self, connection: psycopg.Connection[Any], settings: Mapping[str, str], wait: Wait
    ) -> None:
        from pgmqgen.runtime import postgres

        self.connection = connection
        self.kept = postgres.keeps_session(connection)
        self._wait = wait
        self._settings = ""
        if self.kept:
            self._cursor = connection.cursor()
            with postgres.translating_errors(), wait.on(connection):
                connection.execute(_set("SET", settings).encode())
        else:
            self._cursor = postgres.client_side_cursor(connection)
            self._settings = _set("SET LOCAL", settings)

    @property
    def closed(self) -> bool:
        """Whether the connection is lost or closed, as far as is known."""
        return self.connection.closed

    def execute(
        self,
        statement: str,
        parameters: Any = None,
        *,
        queue: str | None = None,
        prepare: bool | None = None,
    ) -> list[Row]:
        """Run one statement and return its rows. Raises DatabaseError, which names `queue`.

        prepare: at once, where that is possible; None leaves it to the driver
        """
        from pgmqgen.runtime.postgres import translating_errors

        with translating_errors(queue), self._wait.on(self.connection):
            if self.kept:
                return self._cursor.execute(statement, parameters, prepare=prepare).fetchall()
            self._cursor.execute(self._settings + statement, parameters)
            while self._cursor.nextset():
                pass  # the settings give no rows
            return self._cursor.fetchall()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _set(command: str, settings: Mapping[str, str]) -> str:
    return "".join(f"{command} {name} = '{value}'; " for name, value in settings.items())
