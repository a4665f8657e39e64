"""What a handler is given besides its message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from pgmqgen.runtime.client.headers import Headers
from pgmqgen.runtime.progress import RUNNING, SETTLED, SETTLING

if TYPE_CHECKING:
    import psycopg

    from pgmqgen.runtime.child.acknowledgement import Acknowledgement
    from pgmqgen.runtime.child.resources import Resources
    from pgmqgen.runtime.client.producer import AsyncProducer, Producer
    from pgmqgen.runtime.client.protocol import Delay
    from pgmqgen.runtime.database.layout import Layout
    from pgmqgen.runtime.message import Message
    from pgmqgen.runtime.progress import Entry

T = TypeVar("T")


class Context:
    """What a handler can use while it handles one message.

    acknowledged: whether the handler has acknowledged the message in a transaction of its own
    is_connected: whether it has asked for `connection`
    """

    __slots__ = ("_archive", "_entry", "_in_transaction", "_message", "_resources", "acknowledged", "is_connected")  # fmt: skip

    def __init__(
        self,
        resources: Resources,
        message: Message[Any],
        *,
        archive: Layout | None,
        entry: Entry,
    ) -> None:
        self.acknowledged = False
        self.is_connected = False
        self._resources = resources
        self._message = message
        self._archive = archive
        self._entry = entry
        self._in_transaction: Any = None  # the connection of the transaction that is open

    @property
    def number(self) -> int:
        """Number of the process within its worker, from 0."""
        return self._resources.number

    @property
    def lease_lost(self) -> bool:
        """Whether another worker may have the message by now, so that this work is in vain.

        Leases are extended while a handler runs, so this takes a database that was away for
        longer than a lease, a frozen host, or somebody who deleted the message. A sync handler
        that runs long may look from time to time; an async one is cancelled.
        """
        return self._entry.is_lost

    @property
    def connection(self) -> psycopg.Connection:
        """This process's own connection (psycopg, autocommit), opened on first use.

        For sync handlers; use `with context.connection.transaction():` for several statements. A
        transaction that is still open when the handler returns is rolled back, and fails the message.
        """
        if self.is_connected:
            return self._resources.connection
        self.is_connected = True
        return self._resources.live_connection()

    async def async_connection(self) -> psycopg.AsyncConnection:
        """This process's own async connection (autocommit), shared by its async handlers.

        For single statements: a transaction on it would take in what other handlers execute
        meanwhile. For several, use `async with context.transaction()`, or a pool of your own.
        """
        return await self._resources.async_connection()

    def transaction(self) -> Transaction:
        """Have what a handler writes and the acknowledgement of its message in one commit.

            with context.transaction() as connection:
                connection.execute("UPDATE accounts SET ...")

        `async with` gives an AsyncConnection. The message is acknowledged by the last statement
        before the commit. An exception, the death of the process and a lost lease roll all of it
        back. Raises LeaseLost, and RuntimeError if the message is settled already.
        """
        return Transaction(self)

    def acknowledge(self, connection: psycopg.Connection) -> None:
        """Acknowledge the message inside a transaction that is open on `connection`.

        For transactions that others manage, such as an ORM's: call it last. The message is gone
        once they commit, and back when its lease runs out if they roll back. Raises LeaseLost.
        """
        from pgmqgen.runtime.database.postgres import fetch

        statement = self._acknowledgement()
        self._entry.note(SETTLING)
        statement.check(fetch(connection, statement.call))
        self.acknowledged = True

    async def async_acknowledge(self, connection: psycopg.AsyncConnection) -> None:
        """`acknowledge` for an AsyncConnection."""
        from pgmqgen.runtime.database.postgres import fetch_async

        statement = self._acknowledgement()
        self._entry.note(SETTLING)
        statement.check(await fetch_async(connection, statement.call))
        self.acknowledged = True

    def send(
        self,
        producer: type[Producer[T]],
        payload: T,
        delay: Delay = 0,
        headers: Headers | None = None,
    ) -> int:
        """Send to another queue; inside of `transaction()`, as part of that. Returns the id.

        producer: a generated producer: `context.send(ShipOrderProducer, ShipOrder(...))`

        Raises like the producer's `send`.
        """
        return producer(self._in_transaction or self.connection).send(payload, delay, headers)

    async def async_send(
        self,
        producer: type[AsyncProducer[T]],
        payload: T,
        delay: Delay = 0,
        headers: Headers | None = None,
    ) -> int:
        """`send` by an async producer."""
        connection = self._in_transaction or await self._resources.sending()
        return await producer(connection).send(payload, delay, headers)

    def _acknowledgement(self) -> Acknowledgement:
        from pgmqgen.runtime.child.acknowledgement import Acknowledgement

        if self._message.settled or self.acknowledged:
            raise RuntimeError(f"{self._message!r} is settled already")
        return Acknowledgement(self._message, archive=self._archive)

    @contextmanager
    def _transact(self) -> Iterator[psycopg.Connection]:
        from pgmqgen.runtime.database.postgres import in_own_transaction

        self._acknowledgement()
        connection = self._resources.live_connection()
        with self._entered(connection), in_own_transaction(connection):
            yield connection
            self.acknowledge(connection)
        self._commit()

    @asynccontextmanager
    async def _transact_async(self) -> AsyncIterator[psycopg.AsyncConnection]:
        from pgmqgen.runtime.database.postgres import in_own_transaction_async

        self._acknowledgement()
        async with self._resources.lend() as connection:
            with self._entered(connection):
                async with in_own_transaction_async(connection):
                    yield connection
                    await self.async_acknowledge(connection)
            self._commit()

    @contextmanager
    def _entered(self, connection: Any) -> Iterator[None]:
        self._in_transaction = connection
        try:
            yield
        except BaseException:
            self.acknowledged = False
            self._entry.note(RUNNING)
            raise
        finally:
            self._in_transaction = None

    def _commit(self) -> None:
        self._message.settled = True
        self._entry.note(SETTLED)


class Transaction:
    """A transaction that ends with the acknowledgement of a message; for `with` and `async with`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sync: AbstractContextManager[psycopg.Connection] | None = None
        self._async: AbstractAsyncContextManager[psycopg.AsyncConnection] | None = None

    def __enter__(self) -> psycopg.Connection:
        self._sync = self._context._transact()
        return self._sync.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        assert self._sync is not None
        return self._sync.__exit__(kind, error, traceback)

    async def __aenter__(self) -> psycopg.AsyncConnection:
        self._async = self._context._transact_async()
        return await self._async.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        assert self._async is not None
        return await self._async.__aexit__(kind, error, traceback)
