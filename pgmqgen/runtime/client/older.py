"""The calls of a client on a queue that lacks columns, because its pgmq is older."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from pgmqgen.errors import DatabaseError
from pgmqgen.runtime.client.headers import TRACE_HEADER
from pgmqgen.runtime.database import sql
from pgmqgen.runtime.message import RESERVED_HEADER

MISSING_COLUMN: Final = "42703"

# Template by the one that also writes headers: how many leading parameters both have, and how many
# after these are about headers. Of the last, nobody but pgmqgen says what they hold.
_BARE: dict[str, tuple[str, int, int]] = {
    sql.SEND_WITH_HEADERS: (sql.SEND, 3, 1),
    sql.SEND_BATCH_WITH_HEADERS: (sql.SEND_BATCH, 2, 1),
    sql.SEND_BATCH_WITH_HEADERS_EACH: (sql.SEND_BATCH, 2, 1),
    sql.ARCHIVE_INVALID: (sql.ARCHIVE, 2, 2),
}
_OURS = {RESERVED_HEADER, TRACE_HEADER}


def without_headers(
    queue: str, template: str, parameters: Sequence[Any]
) -> tuple[str, tuple[Any, ...]]:
    """The statement that does the same where there are no headers, and its parameters.

    What pgmqgen writes into headers is left out. Raises DatabaseError for headers of the user's.
    """
    if template not in _BARE:
        return template, tuple(parameters)
    bare, before, about = _BARE[template]
    if template != sql.ARCHIVE_INVALID:
        _check_ours(queue, json.loads(parameters[before]))
    return bare, (*parameters[:before], *parameters[before + about :])


def _check_ours(queue: str, headers: Any) -> None:
    for each in headers if isinstance(headers, list) else [headers]:
        if each is not None and not each.keys() <= _OURS:
            raise DatabaseError(
                f"queue `{queue}` has no column `headers`: its pgmq is too old",
                hint="upgrade pgmq to 1.5 or later, or send without headers",
                sqlstate=MISSING_COLUMN,
            )
