"""What a child loads itself: headers and payload of a large message, which its parent never holds."""

from __future__ import annotations

from pgmqgen.errors import DatabaseError, InvalidMessage, Violation
from pgmqgen.runtime import wire
from pgmqgen.runtime.database.connector import Connector
from pgmqgen.runtime.database.postgres import Call, fetch, translating_errors

_TOO_LARGE = "54"
"""Class of SQLSTATE for what PostgreSQL cannot make, such as a text of over 1 GB."""


def load_content(connector: Connector, statement: bytes, job: wire.Job) -> wire.Job | None:
    """The job of a large message with what it lacks; None if its lease is lost.

    Over a connection of its own, as the driver keeps memory for the largest row that a connection
    has brought. Raises ConnectionError if there is no connection, InvalidMessage for a message that
    PostgreSQL cannot give, DatabaseError for other trouble.
    """
    ticket, index, attempt, row = job
    msg_id, read_count = row[:2]
    try:
        connection = connector.connect(application_name="pgmqgen large message")
    except DatabaseError as error:
        raise ConnectionError(str(error)) from error
    try:
        with translating_errors():
            rows = fetch(connection, Call(statement, (msg_id, read_count)))
    except DatabaseError as error:
        if (error.sqlstate or "").startswith(_TOO_LARGE):
            flaw = "its text is too large for PostgreSQL"
            raise InvalidMessage([Violation("", "json", flaw)]) from error
        raise
    finally:
        connection.close()
    if not rows:
        return None
    headers, raw = rows[0]
    return ticket, index, attempt, (*row[:5], headers, raw or b"null")
