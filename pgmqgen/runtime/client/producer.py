"""The base of the generated producers: a queue to which one type of payload is sent.

A process of a worker imports the producers of its queues with their models, and may never send: so
the database driver is imported with the first producer that is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from pgmqgen.runtime.client.headers import Headers
from pgmqgen.runtime.contract.validation import Contract

if TYPE_CHECKING:
    from pgmqgen.runtime.client.protocol import Delay
    from pgmqgen.runtime.client.queues import AsyncQueue, Queue
    from pgmqgen.runtime.client.target import AsyncTarget, Target

T = TypeVar("T")


class Producer(Generic[T]):
    """Sends the payloads of one queue; a generated subclass names its `contract`.

    target: a connection string or URL, a `psycopg.Connection` (then it sends inside the
        caller's transaction), or a `psycopg_pool.ConnectionPool`
    """

    contract: ClassVar[Contract[Any]]

    def __init__(self, target: Target) -> None:
        from pgmqgen.runtime.client.queues import Queue

        self._queue: Queue[T] = Queue(target, self.contract.queue, self.contract)

    def send(self, payload: T, delay: Delay = 0, headers: Headers | None = None) -> int:
        """Validate and send one message and return its id.

        delay: seconds or a timedelta from now by the server's clock, or an aware datetime
        headers: any JSON object without the key `x-pgmqgen`

        Raises InvalidMessage before anything is sent, and DatabaseError.
        """
        return self._queue.send(payload, delay, headers)

    def send_batch(
        self,
        payloads: Iterable[T],
        delay: Delay = 0,
        headers: Headers | Sequence[Headers | None] | None = None,
    ) -> list[int]:
        """Validate and send messages by one statement and return their ids in order.

        headers: of all of them, or a sequence of one for each

        Raises like `send`; the pointers of InvalidMessage start with the payload's index.
        """
        return self._queue.send_batch(payloads, delay, headers)

    def close(self) -> None:
        """Close the connection that the producer opened itself."""
        self._queue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncProducer(Generic[T]):
    """`Producer` for asyncio.

    target: a connection string or URL, a `psycopg.AsyncConnection`, or a
        `psycopg_pool.AsyncConnectionPool`
    """

    contract: ClassVar[Contract[Any]]

    def __init__(self, target: AsyncTarget) -> None:
        from pgmqgen.runtime.client.queues import AsyncQueue

        self._queue: AsyncQueue[T] = AsyncQueue(target, self.contract.queue, self.contract)

    async def send(self, payload: T, delay: Delay = 0, headers: Headers | None = None) -> int:
        """Validate and send one message and return its id, like `Producer.send`."""
        return await self._queue.send(payload, delay, headers)

    async def send_batch(
        self,
        payloads: Iterable[T],
        delay: Delay = 0,
        headers: Headers | Sequence[Headers | None] | None = None,
    ) -> list[int]:
        """Validate and send messages by one statement, like `Producer.send_batch`."""
        return await self._queue.send_batch(payloads, delay, headers)

    async def close(self) -> None:
        """Close the connection that the producer opened itself."""
        await self._queue.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
