"""The acknowledgement that a handler makes part of a transaction: one fenced statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgmqgen.errors import LeaseLost
from pgmqgen.runtime.database import sql
from pgmqgen.runtime.database.layout import CURRENT, Layout
from pgmqgen.runtime.database.postgres import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgmqgen.runtime.message import Message


class Acknowledgement:
    """Deletes or archives one message, if its lease is still the one that it was taken by.

    archive: the layout of the archive to move it to; None deletes it
    """

    def __init__(self, message: Message[Any], *, archive: Layout | None) -> None:
        self._message = message
        template = sql.DELETE if archive is None else sql.ARCHIVE
        statement = sql.on_tables(template, message.queue, archive or CURRENT).encode()
        self.call = Call(statement, (message.id, message.read_count))

    def check(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Raises LeaseLost if the statement found no such lease."""
        if not rows:
            message = self._message
            raise LeaseLost(
                f"the lease of message {message.id} of `{message.queue}` was lost: "
                "another worker may have it",
            )
