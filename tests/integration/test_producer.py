"""Producers as generated code subclasses them, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from opentelemetry.sdk.trace import TracerProvider
from psycopg_pool import ConnectionPool
from pydantic import BaseModel, Field

from pgmqgen import AsyncProducer, Contract, InvalidMessage, Producer, Queue


class Order(BaseModel):
    """An order with a field under an alias and one that need not be set."""

    order_id: int = Field(alias="order-id")
    note: str | None = None


contract: Contract[Order] = Contract(
    queue="orders",
    schema={
        "type": "object",
        "properties": {"order-id": {"type": "integer", "minimum": 1}, "note": {"type": "string"}},
        "required": ["order-id"],
    },
    payload=Order,
    fingerprint="f00d",
)


class OrderProducer(Producer[Order]):
    """As generated."""

    contract = contract


class AsyncOrderProducer(AsyncProducer[Order]):
    """As generated."""

    contract = contract


def order(number: int) -> Order:
    return Order.model_validate({"order-id": number})


@pytest.fixture
def db(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit mode to a database that has the queue `orders`."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.create('orders')")
        yield connection


def sent(db: psycopg.Connection[Any], columns: str = "message") -> list[Any]:
    return db.execute(f"SELECT {columns} FROM pgmq.q_orders ORDER BY msg_id".encode()).fetchall()


def test_typed_payloads_are_sent(database_url: str, db: psycopg.Connection[Any]) -> None:
    with OrderProducer(database_url) as producer:
        assert producer.send(order(1)) == 1
        assert producer.send_batch(order(number) for number in (2, 3)) == [2, 3]
        assert producer.send(order(4), delay=60, headers={"a": 1}) == 4
    assert sent(db) == [({"order-id": number},) for number in (1, 2, 3, 4)]
    assert sent(db, "headers")[3] == ({"a": 1, "x-pgmqgen": {"schema": "f00d", "version": 1}},)
    with Queue(database_url, "orders", contract) as queue:
        assert [message.payload for message in queue.read(quantity=9)] == [
            order(1),
            order(2),
            order(3),
        ]


def test_invalid_payloads_are_refused(database_url: str, db: psycopg.Connection[Any]) -> None:
    with OrderProducer(database_url) as producer:
        with pytest.raises(InvalidMessage) as single:
            producer.send(order(0))
        with pytest.raises(InvalidMessage) as batch:
            producer.send_batch([order(1), order(0), order(-1)])
    assert [str(error) for error in single.value.errors] == [
        "/order-id: 0 is less than the minimum of 1 [minimum]"
    ]
    assert [error.pointer for error in batch.value.errors] == ["/1/order-id", "/2/order-id"]
    assert sent(db) == []


def test_it_sends_inside_the_callers_transaction(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(database_url) as connection:
        producer = OrderProducer(connection)
        producer.send(order(1))
        connection.rollback()
        producer.send(order(2))
    assert sent(db) == [({"order-id": 2},)]


def test_a_pool(database_url: str, db: psycopg.Connection[Any]) -> None:
    with ConnectionPool(database_url, min_size=1) as pool:
        OrderProducer(pool).send(order(1))
        assert sent(db) == [({"order-id": 1},)]


def test_the_active_trace_goes_with_the_message(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    tracer = TracerProvider().get_tracer("test")
    with (
        OrderProducer(database_url) as producer,
        tracer.start_as_current_span("checkout") as span,
    ):
        producer.send(order(1))
        producer.send_batch([order(2), order(3)], headers=[{"traceparent": "mine"}, None])
    trace_id = f"{span.get_span_context().trace_id:032x}"
    first, second, third = (headers["traceparent"] for (headers,) in sent(db, "headers"))
    assert trace_id in first
    assert second == "mine"
    assert third == first


def test_the_async_producer(database_url: str, db: psycopg.Connection[Any]) -> None:
    async def main() -> None:
        async with AsyncOrderProducer(database_url) as producer:
            assert await producer.send(order(1), headers={"a": 1}) == 1
            assert await producer.send_batch([order(2), order(3)]) == [2, 3]
            with pytest.raises(InvalidMessage):
                await producer.send(order(0))
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            await AsyncOrderProducer(connection).send(order(4))
            await connection.rollback()

    asyncio.run(main())
    assert sent(db) == [({"order-id": number},) for number in (1, 2, 3)]
