"""A message as a handler sees it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pgmqgen.runtime.instant import read_instant
from pgmqgen.runtime.json_text import read_leniently

if TYPE_CHECKING:
    from pgmqgen.runtime.wire import Row

T = TypeVar("T")

RESERVED_HEADER = "x-pgmqgen"
"""The one header key that pgmqgen keeps for itself; its value is an object."""
FOREIGN_HEADERS = "x-pgmqgen-headers"
"""Where headers that are not an object are kept once the reserved header joins them."""


def read_headers(raw: bytes | str | None) -> dict[str, Any]:
    """Headers as an object, whatever they are."""
    value = {} if raw is None else read_leniently(raw)
    return value if isinstance(value, dict) else {FOREIGN_HEADERS: value}


class Controls(Protocol):
    """What a message can ask of whoever holds its lease; `ticket` names the delivery.

    Each returns False if the lease was lost.
    """

    def delete(self, ticket: int) -> bool: ...

    def archive(self, ticket: int) -> bool: ...

    def set_timeout(self, ticket: int, seconds: float) -> bool: ...


class Message(Generic[T]):
    """One delivery of one message.

    queue: name of the queue
    payload: the typed payload
    attempt: number of this attempt, 1 for the first; a lease that was given back spends none
    settled: whether `delete` or `archive` has already disposed of the message
    """

    __slots__ = ("_controls", "_row", "_ticket", "attempt", "payload", "queue", "settled")

    def __init__(
        self, row: Row, *, queue: str, payload: T, attempt: int, controls: Controls, ticket: int
    ) -> None:
        self._row = row
        self.queue = queue
        self.payload = payload
        self.attempt = attempt
        self._controls = controls
        self._ticket = ticket
        self.settled = False

    @property
    def id(self) -> int:
        """pgmq's `msg_id`."""
        return self._row[0]

    @property
    def read_count(self) -> int:
        """pgmq's `read_ct`: how often the message was leased, this time included."""
        return self._row[1]

    @property
    def raw(self) -> bytes:
        """The payload's JSON text."""
        return self._row[6] or b"null"  # a large one that could not be loaded

    @property
    def enqueued_at(self) -> datetime:
        """When the message was sent (aware, UTC)."""
        return read_instant(self._row[2])

    @property
    def visible_at(self) -> datetime:
        """When the lease taken for this delivery runs out, unless extended (aware, UTC)."""
        return read_instant(self._row[3])

    @property
    def headers(self) -> dict[str, Any]:
        """The message's headers, numbers exact; `{}` if there are none.

        Those that are not an object stand under the key `x-pgmqgen-headers`, and so does the text
        of what is nested too deeply to be read.
        """
        return read_headers(self._row[5])

    def delete(self) -> bool:
        """Delete the message now, before the handler returns.

        Returns False if its lease was lost, so that another worker holds it, and True if it is
        settled already. An exception after this is logged, not retried.
        """
        self.settled = self.settled or self._controls.delete(self._ticket)
        return self.settled

    def archive(self) -> bool:
        """Archive the message now, before the handler returns; otherwise like `delete`."""
        self.settled = self.settled or self._controls.archive(self._ticket)
        return self.settled

    def set_timeout(self, seconds: float) -> bool:
        """Move both the lease and the handler's time limit to `seconds` from now.

        Returns False if the lease was lost.
        """
        return self._controls.set_timeout(self._ticket, seconds)

    def __repr__(self) -> str:
        return f"Message(id={self.id}, queue={self.queue!r}, attempt={self.attempt})"
