"""`AsyncQueue` on a real database: the same calls as `Queue`, run by asyncio."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from pgmqgen import (
    AsyncQueue,
    Contract,
    DatabaseError,
    InvalidMessage,
    PayloadTypeError,
    Queue,
    ReceivedMessage,
    Violation,
)

ORDER: Contract[Any] = Contract(
    queue="orders",
    schema={
        "type": "object",
        "properties": {"total": {"type": "integer"}},
        "required": ["total"],
    },
    payload=Any,
    fingerprint="f00d",
)


@pytest.fixture
def db(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit mode to a database that has the queue `orders`."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.create('orders')")
        yield connection


def rows(db: psycopg.Connection[Any], columns: str, table: str = "q_orders") -> list[Any]:
    statement = f"SELECT {columns} FROM pgmq.{table} ORDER BY msg_id"
    return db.execute(statement.encode()).fetchall()


def run(
    database_url: str,
    body: Callable[[AsyncQueue[Any]], Awaitable[None]],
    spec: Contract[Any] | None = None,
) -> None:
    async def main() -> None:
        queue: AsyncQueue[Any]
        if spec is None:
            queue = AsyncQueue(database_url, "orders")
        else:
            queue = AsyncQueue(database_url, "orders", spec)
        async with queue:
            await body(queue)

    asyncio.run(main())


def test_every_call(database_url: str, db: psycopg.Connection[Any]) -> None:
    async def body(queue: AsyncQueue[Any]) -> None:
        assert await queue.send({"n": 2**70}, headers={"a": 1}) == 1
        assert await queue.send_batch([2, 3, 4], headers=[None, {"b": 1}, None]) == [2, 3, 4]
        assert await queue.send_batch([]) == []
        first, second, third = await queue.read(quantity=3)
        assert (first.payload, first.headers) == ({"n": 2**70}, {"a": 1})
        assert await queue.delete(first)
        assert not await queue.delete(first)
        assert await queue.archive(second)
        assert await queue.set_timeout(third, 0)
        assert [message.id for message in await queue.read(quantity=2)] == [3, 4]
        assert not await queue.delete(third)
        metrics = await queue.metrics()
        assert (metrics.length, metrics.visible, metrics.total) == (2, 0, 4)

    run(database_url, body)
    assert rows(db, "message", "a_orders") == [(2,)]


def test_delays(database_url: str, db: psycopg.Connection[Any]) -> None:
    due = datetime(2030, 1, 2, tzinfo=UTC)

    async def body(queue: AsyncQueue[Any]) -> None:
        await queue.send(1, delay=60)
        await queue.send(2, delay=timedelta(minutes=1))
        await queue.send(3, delay=due)
        with pytest.raises(ValueError, match="naive"):
            await queue.send(4, delay=datetime(2030, 1, 2))
        assert await queue.read(quantity=3) == []

    run(database_url, body)
    assert rows(db, "message")[2:] == [(3,)]
    assert rows(db, "vt")[2] == (due,)


def test_invalid_payloads_and_messages(database_url: str, db: psycopg.Connection[Any]) -> None:
    db.execute("SELECT pgmq.send('orders', '[]')")

    async def body(queue: AsyncQueue[Any]) -> None:
        with pytest.raises(InvalidMessage) as caught:
            await queue.send_batch([{"total": 1}, {}])
        assert [error.pointer for error in caught.value.errors] == ["/1"]
        await queue.send({"total": 1})
        assert [message.payload for message in await queue.read(quantity=5)] == [{"total": 1}]

    run(database_url, body, ORDER)
    [(headers,)] = rows(db, "headers", "a_orders")
    assert headers["x-pgmqgen"]["reason"] == "invalid"
    assert rows(db, "headers") == [({"x-pgmqgen": {"schema": "f00d", "version": 1}},)]


def test_invalid_messages_may_go_to_a_coroutine(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    db.execute("SELECT pgmq.send_batch('orders', ARRAY['[]', '5']::jsonb[])")
    seen: list[Any] = []

    async def main() -> None:
        async def settle(errors: Sequence[Violation], message: ReceivedMessage[Any]) -> None:
            seen.append((message.payload, [error.keyword for error in errors]))
            await queue.delete(message)

        async with AsyncQueue(database_url, "orders", ORDER, on_invalid=settle) as queue:
            assert await queue.read(quantity=2) == []

    asyncio.run(main())
    assert seen == [([], ["type"]), (5, ["type"])]
    assert rows(db, "*") == []


def test_invalid_messages_may_raise(database_url: str, db: psycopg.Connection[Any]) -> None:
    db.execute("SELECT pgmq.send('orders', '[]')")

    async def main() -> None:
        async with AsyncQueue(database_url, "orders", ORDER, on_invalid="raise") as queue:
            with pytest.raises(InvalidMessage):
                await queue.read()

    asyncio.run(main())


def test_a_message_that_only_its_model_refuses_hides_no_other(
    database_url: str, db: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    count: Contract[Any] = Contract(queue="orders", schema={}, payload=int, fingerprint="f")
    db.execute("SELECT pgmq.send_batch('orders', ARRAY['1', '\"odd\"', '3']::jsonb[])")

    async def main() -> None:
        async with AsyncQueue(database_url, "orders", count) as queue:
            assert [message.payload for message in await queue.read(quantity=3)] == [1, 3]
            await queue.set_timeout(2, 0)
        async with AsyncQueue(database_url, "orders", count, on_invalid="raise") as strict:
            with pytest.raises(PayloadTypeError):
                await strict.read()

    asyncio.run(main())
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert rows(db, "read_ct") == [(1,), (2,), (1,)]


def test_a_rolled_back_transaction_leaves_nothing(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            queue = AsyncQueue(connection, "orders")
            await queue.send(1)
            await queue.send_batch([2, 3])
            assert len(await queue.read(quantity=3)) == 3
            await connection.rollback()
            await queue.send(4)
            await queue.close()

    asyncio.run(main())
    assert rows(db, "message") == [(4,)]


def test_a_pool(database_url: str, db: psycopg.Connection[Any]) -> None:
    async def main() -> None:
        async with AsyncConnectionPool(database_url, min_size=1, open=False) as pool:
            queue = AsyncQueue(pool, "orders", ORDER)
            assert await queue.send({"total": 1}) == 1
            assert rows(db, "message") == [({"total": 1},)]
            [message] = await queue.read()
            assert await queue.delete(message)
            await queue.close()
            async with pool.connection() as connection:
                assert not connection.autocommit

    asyncio.run(main())


def test_a_connection_that_the_server_closed_between_sends_is_replaced(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    terminate = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'pgmqgen'"

    async def body(queue: AsyncQueue[Any]) -> None:
        for number in range(3):
            await queue.send(number)
            assert db.execute(terminate).fetchall() == [(True,)]
        await queue.send(3)

    run(database_url, body)
    assert rows(db, "message") == [(number,) for number in range(4)]


def test_concurrent_tasks_share_a_queue(database_url: str, db: psycopg.Connection[Any]) -> None:
    async def body(queue: AsyncQueue[Any]) -> None:
        ids = await asyncio.gather(*(queue.send(number) for number in range(100)))
        assert sorted(ids) == list(range(1, 101))

    run(database_url, body)


def test_a_cancelled_send_does_not_spoil_the_next(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    async def body(queue: AsyncQueue[Any]) -> None:
        await queue.send(1)
        with psycopg.connect(database_url) as blocking:
            blocking.execute("LOCK TABLE pgmq.q_orders")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(queue.send(2), 0.2)
        assert await queue.send(3) > 1

    run(database_url, body)
    assert rows(db, "message") == [(1,), (3,)]


def test_a_queue_that_is_forgotten_closes_its_connection(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    code = (
        "import asyncio, sys; from pgmqgen import AsyncQueue\n"
        "async def main(): await AsyncQueue(sys.argv[1], 'orders').send(1)\n"
        "asyncio.run(main())"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, database_url],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    assert rows(db, "message") == [(1,)]


def test_errors(database_url: str) -> None:
    async def main() -> None:
        async with AsyncQueue(database_url, "missing") as queue:
            with pytest.raises(DatabaseError, match="queue `missing` does not exist"):
                await queue.send(1)
        async with AsyncQueue("postgresql://u:secret@127.0.0.1:1/shop", "orders") as queue:
            with pytest.raises(DatabaseError, match=r"cannot connect to database `shop`") as caught:
                await queue.read()
            assert "secret" not in str(caught.value)

    asyncio.run(main())


def test_targets_of_the_other_kind_are_refused(database_url: str) -> None:
    sync_pool = ConnectionPool(database_url, open=False)
    with pytest.raises(TypeError, match="AsyncConnectionPool, got `psycopg_pool"):
        AsyncQueue(sync_pool, "orders")  # type: ignore[call-overload]

    async def main() -> None:
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            with pytest.raises(TypeError, match="expected a connection string"):
                Queue(connection, "orders")  # type: ignore[call-overload]
        async_pool = AsyncConnectionPool(database_url, open=False)
        with pytest.raises(TypeError, match=r"psycopg_pool.ConnectionPool, got"):
            Queue(async_pool, "orders")  # type: ignore[call-overload]

    asyncio.run(main())
