"""What the clients of a queue say to PostgreSQL and how they read its answers: no I/O.

`Queue` and `AsyncQueue` run the same calls, each in its own way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar, cast

from pgmqgen.errors import DatabaseError, InvalidMessage, PayloadTypeError, Violation
from pgmqgen.queue import MAX_NAME_LENGTH
from pgmqgen.runtime.client.headers import Headers, HeaderWriter
from pgmqgen.runtime.client.older import MISSING_COLUMN, without_headers
from pgmqgen.runtime.database import sql
from pgmqgen.runtime.database.layout import CURRENT, Layout
from pgmqgen.runtime.database.postgres import Call
from pgmqgen.runtime.json_text import dump_json, encode_each, parse_json, read_leniently
from pgmqgen.runtime.message import read_headers

T = TypeVar("T")
Delay = float | timedelta | datetime
Row = tuple[Any, ...]

_KEPT_ERRORS = 100
_KEPT_ERROR_LENGTH = 1_000


class Codec(Protocol[T]):
    """What a queue needs to know of its payloads; a Contract or a QueueSpec is one.

    One that also has `encode_batch`, as these have, writes a whole batch by one call, a line each message.
    """

    @property
    def fingerprint(self) -> str: ...

    def encode(self, payload: T) -> bytes: ...

    def decode(self, raw: bytes | str) -> T: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage(Generic[T]):
    """A message that `read` has leased.

    payload: decoded by the queue's spec, else the JSON value
    read_count: how often the message was leased, this time included; it is the fence of this
        lease: once another reader has the message, this lease settles nothing any more
    visible_at: when the lease runs out
    headers: `{}` if there are none; those that are not an object stand under a key, and as text if they
        are nested too deeply to be read
    """

    id: int
    queue: str
    payload: T
    read_count: int
    enqueued_at: datetime
    visible_at: datetime
    headers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class InvalidDelivery:
    """A leased message that breaks its schema: its payload is the JSON value, or its text if it is
    nested too deeply to be read."""

    message: ReceivedMessage[Any]
    error: InvalidMessage


@dataclass(frozen=True, slots=True)
class UntypedDelivery:
    """A leased message that its schema accepts and its model refuses."""

    id: int
    error: PayloadTypeError


Delivered = ReceivedMessage[T] | InvalidDelivery | UntypedDelivery


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMetrics:
    """How full a queue is.

    length: messages in the queue; visible: those of them that `read` would return now
    total: messages ever sent; the ages are None for an empty queue
    """

    queue: str
    length: int
    visible: int
    total: int
    oldest_age_s: int | None
    newest_age_s: int | None
    measured_at: datetime


class QueueProtocol(Generic[T]):
    """The calls of one queue.

    name: the queue's name in pgmq
    codec: encodes and decodes payloads; None takes and gives JSON values
    """

    def __init__(self, name: str, codec: Codec[T] | None) -> None:
        if not 0 < len(name) <= MAX_NAME_LENGTH:
            raise ValueError(
                f"expected a queue name of 1 to {MAX_NAME_LENGTH} characters: `{name}`"
            )
        if codec is not None and not hasattr(codec, "fingerprint"):
            raise TypeError(f"expected a QueueSpec or a Contract, got {_name(codec)}")
        self.name = name
        self._codec = codec
        self._headers = HeaderWriter(codec.fingerprint if codec else None)
        self._statements: dict[str, bytes] = {}
        self._layout = CURRENT

    def send(self, payload: T, delay: Delay, headers: Headers | None) -> Call:
        """Insert one message. Raises InvalidMessage, or ValueError for `delay` or `headers`."""
        vt = _visibility(delay)
        written = self._headers.write(headers)
        body = self._encode(payload).decode()
        if written is None:
            return self._call(sql.SEND, *vt, body)
        return self._call(sql.SEND_WITH_HEADERS, *vt, body, written)

    def send_batch(
        self,
        payloads: Iterable[T],
        delay: Delay,
        headers: Headers | Sequence[Headers | None] | None,
    ) -> Call | None:
        """Insert messages by one statement; None if there are none. Raises like `send`."""
        if isinstance(payloads, (str, bytes, dict)) or hasattr(payloads, "model_dump"):
            raise TypeError(f"expected several payloads, got one {_name(payloads)}: use `send`")
        vt = _visibility(delay)
        payloads = list(payloads)
        batch = self._encode_batch(payloads).decode()
        if isinstance(headers, Sequence):
            each = self._headers.write_each(headers, len(payloads))
            call = self._call(sql.SEND_BATCH_WITH_HEADERS_EACH, *vt, each, batch)
        elif (written := self._headers.write(headers)) is not None:
            call = self._call(sql.SEND_BATCH_WITH_HEADERS, *vt, written, batch)
        else:
            call = self._call(sql.SEND_BATCH, *vt, batch)
        return call if payloads else None

    def read(self, visibility_timeout: float | timedelta, quantity: int) -> Call:
        """Lease messages. Raises ValueError for a negative time or a quantity below 1."""
        if quantity < 1:
            raise ValueError(f"expected a quantity of at least 1, got `{quantity}`")
        return self._call(sql.READ, quantity, _seconds(visibility_timeout, "visibility timeout"))

    def delete(self, message: ReceivedMessage[Any] | int) -> Call:
        return self._call(sql.DELETE, *_fence(message))

    def archive(self, message: ReceivedMessage[Any] | int) -> Call:
        return self._call(sql.ARCHIVE, *_fence(message))

    def archive_invalid(self, invalid: InvalidDelivery) -> Call:
        """Archive, fenced, with the errors kept beside the message."""
        errors = [_shortened(error) for error in invalid.error.errors[:_KEPT_ERRORS]]
        kept = dump_json(errors).decode()
        return self._call(sql.ARCHIVE_INVALID, *_fence(invalid.message), self.name, kept)

    def set_timeout(self, message: ReceivedMessage[Any] | int, seconds: float | timedelta) -> Call:
        return self._call(sql.SET_TIMEOUT, _seconds(seconds, "timeout"), *_fence(message))

    def metrics(self) -> Call:
        return self._call(sql.METRICS, self.name)

    def messages(self, rows: Sequence[Row]) -> list[Delivered[T]]:
        """Decode the rows of `read`."""
        return [self._decode(row) for row in rows]

    def queue_metrics(self, rows: Sequence[Row]) -> QueueMetrics:
        """Decode the row of `metrics`."""
        length, visible, oldest, newest, total, measured_at = rows[0]
        return QueueMetrics(
            queue=self.name,
            length=length,
            visible=visible,
            total=total,
            oldest_age_s=oldest,
            newest_age_s=newest,
            measured_at=measured_at.astimezone(UTC),
        )

    def columns(self) -> Call:
        """Ask which columns the queue's table has."""
        return Call(sql.COLUMNS.encode(), ([sql.table("q", self.name)],))

    def may_be_older(self, error: DatabaseError) -> bool:
        """Whether `error` may come from a pgmq that lacks columns, and these are not known yet."""
        return error.sqlstate == MISSING_COLUMN and self._layout is CURRENT

    def relay(self, call: Call, rows: Sequence[Row]) -> Call:
        """The same call, now that `columns` is answered; so are all later ones.

        Raises DatabaseError if it cannot be done without what is missing.
        """
        self._layout = Layout.of({name for _, name in rows})
        self._statements.clear()
        return self._call(call.template, *call.parameters) if call.template else call

    def _call(self, template: str, *parameters: Any) -> Call:
        if not self._layout.headers:
            template, parameters = without_headers(self.name, template, parameters)
        statement = self._statements.get(template)
        if statement is None:
            text = sql.on_tables(template, self.name, self._layout)
            statement = self._statements[template] = text.encode()
        return Call(statement, parameters, template)

    def _encode(self, payload: T) -> bytes:
        return self._codec.encode(payload) if self._codec else dump_json(payload)

    def _encode_batch(self, payloads: list[T]) -> bytes:
        if (batch := getattr(self._codec, "encode_batch", None)) is not None:
            return cast(bytes, batch(payloads))
        return encode_each(self._encode, payloads, queue=self.name)

    def _decode(self, row: Row) -> Delivered[T]:
        msg_id, read_count, enqueued_at, visible_at, body, headers = row
        body = "null" if body is None else body

        def message(payload: Any) -> ReceivedMessage[Any]:
            return ReceivedMessage(
                id=msg_id,
                queue=self.name,
                payload=payload,
                read_count=read_count,
                enqueued_at=enqueued_at.astimezone(UTC),
                visible_at=visible_at.astimezone(UTC),
                headers=read_headers(headers),
            )

        try:
            return message(self._codec.decode(body) if self._codec else parse_json(body))
        except InvalidMessage as error:
            return InvalidDelivery(message(read_leniently(body)), error)
        except PayloadTypeError as error:
            return UntypedDelivery(msg_id, error)


def sent_ids(rows: Sequence[Row]) -> list[int]:
    """The ids of sent messages, in the order of their payloads."""
    return [msg_id for (msg_id,) in rows]


def _visibility(delay: Delay) -> tuple[datetime | None, float]:
    if not isinstance(delay, datetime):
        return None, _seconds(delay, "delay")
    if delay.utcoffset() is None:
        raise ValueError(f"expected an aware datetime as delay, got the naive `{delay}`")
    return delay, 0.0


def _seconds(value: float | timedelta, what: str) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if not 0 <= seconds < math.inf:
        raise ValueError(f"expected a {what} of 0 seconds or more, got `{value}`")
    return seconds


def _fence(message: ReceivedMessage[Any] | int) -> tuple[int, int | None]:
    return (message, None) if isinstance(message, int) else (message.id, message.read_count)


def _shortened(violation: Violation) -> dict[str, str]:
    return {**asdict(violation), "message": violation.message[:_KEPT_ERROR_LENGTH]}


def _name(value: object) -> str:
    return value.__name__ if isinstance(value, type) else type(value).__name__
