"""`Queue` and `AsyncQueue`: send to and read from one queue, with or without a schema."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, overload

from pgmqgen.errors import DatabaseError, Violation
from pgmqgen.runtime.client.headers import Headers
from pgmqgen.runtime.client.protocol import (
    Codec,
    Delay,
    InvalidDelivery,
    QueueMetrics,
    QueueProtocol,
    ReceivedMessage,
    Row,
    UntypedDelivery,
    sent_ids,
)
from pgmqgen.runtime.client.target import open_async_source, open_source
from pgmqgen.runtime.database import postgres
from pgmqgen.runtime.database.postgres import Call

if TYPE_CHECKING:
    from pgmqgen.runtime.client.target import AsyncTarget, Target

__all__ = ["AsyncQueue", "Codec", "Queue", "QueueMetrics", "ReceivedMessage"]

log = logging.getLogger("pgmqgen.queue")

T = TypeVar("T")
Leased = ReceivedMessage[T] | int
OnInvalid = (
    Literal["archive", "raise"] | Callable[[Sequence[Violation], ReceivedMessage[Any]], object]
)
AsyncOnInvalid = (
    OnInvalid | Callable[[Sequence[Violation], ReceivedMessage[Any]], Awaitable[object]]
)


class Queue(Generic[T]):
    """One queue of a database.

    target: a connection string or URL (a connection of its own in autocommit mode, opened when
        needed, safe for several threads), a `psycopg.Connection` (everything happens inside
        the caller's transaction, and nothing is committed), or a `psycopg_pool.ConnectionPool`
    name: the queue's name in pgmq
    spec: validates and types payloads: a Contract or a registry's QueueSpec; None takes and
        gives JSON values
    on_invalid: what `read` does with a message that breaks the spec: `archive` it with the
        errors in its headers; `raise` InvalidMessage (the messages leased together with it come
        back when their lease runs out); or call this with the errors and the undecoded
        message, which stays leased unless the callable settles it

    Raises TypeError for another target, and ValueError for a name that pgmq cannot have. Its
    methods raise DatabaseError for whatever PostgreSQL refuses. A send that fails because the
    connection broke is not repeated, as it may have taken effect.
    """

    @overload
    def __init__(
        self: Queue[Any],
        target: Target,
        name: str,
        spec: None = None,
        *,
        on_invalid: OnInvalid = "archive",
    ) -> None: ...
    @overload
    def __init__(
        self, target: Target, name: str, spec: Codec[T], *, on_invalid: OnInvalid = "archive"
    ) -> None: ...

    def __init__(
        self,
        target: Target,
        name: str,
        spec: Codec[T] | None = None,
        *,
        on_invalid: OnInvalid = "archive",
    ) -> None:
        self.name = name
        self._protocol = QueueProtocol(name, spec)
        self._source = open_source(target)
        self._on_invalid = on_invalid

    def send(self, payload: T, delay: Delay = 0, headers: Headers | None = None) -> int:
        """Send one message and return its id.

        delay: seconds or a timedelta from now by the server's clock, or an aware datetime
        headers: any JSON object without the key `x-pgmqgen`

        Raises InvalidMessage before anything is sent if the payload breaks the spec.
        """
        return sent_ids(self._run(self._protocol.send(payload, delay, headers)))[0]

    def send_batch(
        self,
        payloads: Iterable[T],
        delay: Delay = 0,
        headers: Headers | Sequence[Headers | None] | None = None,
    ) -> list[int]:
        """Send messages by one statement and return their ids in the order of the payloads.

        headers: of all of them, or a sequence of one for each

        Raises InvalidMessage before anything is sent if any payload breaks the spec; its
        pointers start with the payload's index: `/3/total`.
        """
        call = self._protocol.send_batch(payloads, delay, headers)
        return [] if call is None else sent_ids(self._run(call))

    def read(
        self, visibility_timeout: float | timedelta = 30, quantity: int = 1
    ) -> list[ReceivedMessage[T]]:
        """Lease up to `quantity` visible messages for `visibility_timeout` seconds.

        Those that have been visible for longest come first. Delete or archive each within that
        time: afterwards it is visible again. Invalid ones are not among those returned. Nor is
        one that its schema accepts and its model refuses, through a fault of ours: it is logged
        and stays in the queue, or PayloadTypeError is raised if `on_invalid` is `raise`.
        """
        received = self._protocol.messages(
            self._run(self._protocol.read(visibility_timeout, quantity))
        )
        for item in received:
            match item:
                case InvalidDelivery():
                    self._dispose(item)
                case UntypedDelivery():
                    _leave(item, self._on_invalid)
        return [item for item in received if isinstance(item, ReceivedMessage)]

    def delete(self, message: Leased[Any]) -> bool:
        """Delete a message; False if it is gone or another reader holds it by now.

        A bare id has no fence: it deletes the message even if its lease has run out and another
        reader is at work on it.
        """
        return bool(self._run(self._protocol.delete(message)))

    def archive(self, message: Leased[Any]) -> bool:
        """Move a message to the queue's archive; otherwise like `delete`."""
        return bool(self._run(self._protocol.archive(message)))

    def set_timeout(self, message: Leased[Any], seconds: float | timedelta) -> bool:
        """Let the lease run out `seconds` from now, 0 for at once; otherwise like `delete`."""
        return bool(self._run(self._protocol.set_timeout(message, seconds)))

    def metrics(self) -> QueueMetrics:
        """Count the queue's messages."""
        return self._protocol.queue_metrics(self._run(self._protocol.metrics()))

    def close(self) -> None:
        """Close the connection that the queue opened itself; a later call opens a new one."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, call: Call) -> list[Row]:
        try:
            return self._fetch(call)
        except DatabaseError as error:
            if not self._protocol.may_be_older(error):
                raise
            try:
                columns = self._fetch(self._protocol.columns())
            except DatabaseError:  # in a transaction of the caller's, which has failed now
                raise error from None
            return self._fetch(self._protocol.relay(call, columns))

    def _fetch(self, call: Call) -> list[Row]:
        with postgres.translating_errors(self.name):
            return self._source.fetch(call)

    def _dispose(self, invalid: InvalidDelivery) -> None:
        if self._on_invalid == "archive":
            self._run(self._protocol.archive_invalid(invalid))
        elif self._on_invalid == "raise":
            raise invalid.error
        else:
            self._on_invalid(invalid.error.errors, invalid.message)


class AsyncQueue(Generic[T]):
    """`Queue` for asyncio.

    target: a connection string or URL, a `psycopg.AsyncConnection`, or a
        `psycopg_pool.AsyncConnectionPool`
    on_invalid: a callable may be a coroutine function
    """

    @overload
    def __init__(
        self: AsyncQueue[Any],
        target: AsyncTarget,
        name: str,
        spec: None = None,
        *,
        on_invalid: AsyncOnInvalid = "archive",
    ) -> None: ...
    @overload
    def __init__(
        self,
        target: AsyncTarget,
        name: str,
        spec: Codec[T],
        *,
        on_invalid: AsyncOnInvalid = "archive",
    ) -> None: ...

    def __init__(
        self,
        target: AsyncTarget,
        name: str,
        spec: Codec[T] | None = None,
        *,
        on_invalid: AsyncOnInvalid = "archive",
    ) -> None:
        self.name = name
        self._protocol = QueueProtocol(name, spec)
        self._source = open_async_source(target)
        self._on_invalid = on_invalid

    async def send(self, payload: T, delay: Delay = 0, headers: Headers | None = None) -> int:
        """Send one message and return its id, like `Queue.send`."""
        return sent_ids(await self._run(self._protocol.send(payload, delay, headers)))[0]

    async def send_batch(
        self,
        payloads: Iterable[T],
        delay: Delay = 0,
        headers: Headers | Sequence[Headers | None] | None = None,
    ) -> list[int]:
        """Send messages by one statement and return their ids, like `Queue.send_batch`."""
        call = self._protocol.send_batch(payloads, delay, headers)
        return [] if call is None else sent_ids(await self._run(call))

    async def read(
        self, visibility_timeout: float | timedelta = 30, quantity: int = 1
    ) -> list[ReceivedMessage[T]]:
        """Lease up to `quantity` visible messages, like `Queue.read`."""
        received = self._protocol.messages(
            await self._run(self._protocol.read(visibility_timeout, quantity))
        )
        for item in received:
            match item:
                case InvalidDelivery():
                    await self._dispose(item)
                case UntypedDelivery():
                    _leave(item, self._on_invalid)
        return [item for item in received if isinstance(item, ReceivedMessage)]

    async def delete(self, message: Leased[Any]) -> bool:
        """Delete a message, like `Queue.delete`."""
        return bool(await self._run(self._protocol.delete(message)))

    async def archive(self, message: Leased[Any]) -> bool:
        """Move a message to the queue's archive, like `Queue.archive`."""
        return bool(await self._run(self._protocol.archive(message)))

    async def set_timeout(self, message: Leased[Any], seconds: float | timedelta) -> bool:
        """Let the lease run out `seconds` from now, like `Queue.set_timeout`."""
        return bool(await self._run(self._protocol.set_timeout(message, seconds)))

    async def metrics(self) -> QueueMetrics:
        """Count the queue's messages."""
        return self._protocol.queue_metrics(await self._run(self._protocol.metrics()))

    async def close(self) -> None:
        """Close the connection that the queue opened itself; a later call opens a new one."""
        await self._source.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, call: Call) -> list[Row]:
        try:
            return await self._fetch(call)
        except DatabaseError as error:
            if not self._protocol.may_be_older(error):
                raise
            try:
                columns = await self._fetch(self._protocol.columns())
            except DatabaseError:  # in a transaction of the caller's, which has failed now
                raise error from None
            return await self._fetch(self._protocol.relay(call, columns))

    async def _fetch(self, call: Call) -> list[Row]:
        with postgres.translating_errors(self.name):
            return await self._source.fetch(call)

    async def _dispose(self, invalid: InvalidDelivery) -> None:
        if self._on_invalid == "archive":
            await self._run(self._protocol.archive_invalid(invalid))
        elif self._on_invalid == "raise":
            raise invalid.error
        else:
            outcome = self._on_invalid(invalid.error.errors, invalid.message)
            if inspect.isawaitable(outcome):
                await outcome


def _leave(untyped: UntypedDelivery, on_invalid: object) -> None:
    """Leave a message to its lease, for it is not at fault that its model refuses it."""
    if on_invalid == "raise":
        raise untyped.error
    log.error("message %d is left in the queue: %s", untyped.id, untyped.error)
