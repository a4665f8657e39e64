"""A connection of the worker with PostgreSQL settings of its own, direct or through a pooler.

A pooler in transaction mode gives each transaction another session of the server: what was set or
prepared in one is missing in the next, and in the way of whoever gets that session then. So there
the settings go with each statement, in one message, and end with its transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgmqgen.errors import DatabaseError
from pgmqgen.runtime.database.connector import Connector
from pgmqgen.runtime.database.watchdog import Wait

Row = tuple[Any, ...]


class Session:
    """Connects, and runs statements. Raises DatabaseError or ConfigError if it cannot connect.

    settings: value by the name of a setting of PostgreSQL
    wait: told while an answer is waited for
    kept: whether the server's session is this connection's own, so that LISTEN works

    Of text it returns the bytes, of timestamptz what `read_instant` reads.
    """

    def __init__(
        self, connector: Connector, application_name: str, settings: Mapping[str, str], wait: Wait
    ) -> None:
        from pgmqgen.runtime.database import postgres

        self.connection = connector.dial(application_name)
        postgres.leave_raw(self.connection)
        self._wait = wait
        self._settings = ""
        try:
            with postgres.translating_errors(), wait.on(self.connection):
                postgres.expect_pooler(self.connection, connector.pooler)
                self._set_up(settings)
        except DatabaseError:
            self.close()
            raise

    def _set_up(self, settings: Mapping[str, str]) -> None:
        from pgmqgen.runtime.database import postgres

        self.kept = postgres.keeps_session(self.connection)
        if self.kept:
            self._cursor = self.connection.cursor()
            self._cursor.execute(_set("SET", settings).encode())
        else:
            self._cursor = postgres.client_side_cursor(self.connection)
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
        from pgmqgen.runtime.database.postgres import translating_errors

        with translating_errors(queue), self._wait.on(self.connection):
            if self.kept:
                self._cursor.execute(statement, parameters, prepare=prepare, binary=True)
                return self._cursor.fetchall()
            self._cursor.execute(self._settings + statement, parameters)
            while self._cursor.nextset():
                pass  # the settings give no rows
            return self._cursor.fetchall()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _set(command: str, settings: Mapping[str, str]) -> str:
    return "".join(f"{command} {name} = '{value}'; " for name, value in settings.items())
