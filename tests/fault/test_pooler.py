"""Worker and producers through the real PgBouncer in transaction mode."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from pgmqgen import AsyncQueue, Queue
from pgmqgen.runtime.database import postgres
from pgmqgen.runtime.database.connector import Connector
from tests.fault.harness import Shop
from tests.fault.pgbouncer import PgBouncer, find_program

pytestmark = pytest.mark.skipif(
    find_program() is None, reason="no PgBouncer: `make setup` fetches it where apt-get is"
)

_SESSIONS = 2
_STATE = """
SELECT current_setting('enable_seqscan'), current_setting('lock_timeout'),
    current_setting('TimeZone'), current_setting('DateStyle'),
    (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_listening_channels())
"""
_HANDLERS = """
def in_transaction(message, context):
    with context.transaction() as connection:
        connection.execute("INSERT INTO written VALUES (%s)", [message.payload["id"]])

async def in_async_transaction(message, context):
    async with context.transaction() as connection:
        await connection.execute("INSERT INTO written VALUES (%s)", [message.payload["id"]])
"""


@pytest.fixture
def pooler(database_url: str) -> Iterator[PgBouncer]:
    """A pooler that has fewer sessions than a worker has connections."""
    with PgBouncer(database_url, sessions=_SESSIONS) as pooler:
        yield pooler


def _pooled_states(pooler: PgBouncer) -> list[tuple[Any, ...]]:
    """State of each of the server's sessions that the pooler has, each held by a transaction."""
    with contextlib.ExitStack() as stack:
        rows = []
        for _ in range(_SESSIONS):
            # On a connection of its own, which prepares nothing.
            connection = stack.enter_context(
                psycopg.connect(pooler.url, autocommit=True, prepare_threshold=None)
            )
            stack.enter_context(connection.transaction())
            rows.append(connection.execute(_STATE.encode()).fetchall()[0])
        return rows


def test_a_worker_run(shop: Shop, pooler: PgBouncer) -> None:
    fresh = shop.execute(_STATE)[0]
    shop.execute("CREATE TABLE written (id int)")
    shop.add_queues(
        {
            "orders": {"notify": True, "on_success": "archive", "max_attempts": 2},
            "Bulk": {"asynchronous": True},
            "books": {"function": "in_transaction"},
            "audits": {"function": "in_async_transaction"},
        },
        _HANDLERS,
    )
    shop.send("orders", [{"id": i, "do": "pass"} for i in range(300)])
    shop.send("orders", [{"id": 1000, "do": "raise"}, {"id": 1001, "do": "delete_then_raise"}])
    shop.send("orders", [{"id": 1002, "do": "sleep", "seconds": 0.5}])
    shop.send("Bulk", [{"id": i, "do": "pass"} for i in range(2000, 2300)])
    shop.send("books", [{"id": i, "do": "pass"} for i in range(3000, 3030)])
    shop.send("audits", [{"id": i, "do": "pass"} for i in range(4000, 4030)])
    shop.run(database_url=pooler.url)
    logs = shop.logs()
    assert "behind a pooler: queues with `notify` are only polled" in logs
    assert "prepared statement" not in logs
    assert sorted(line.id for line in shop.ledger("end")) == [
        *range(300), 1002, *range(2000, 2300),
    ]  # fmt: skip
    written = {row[0] for row in shop.execute("SELECT id FROM written")}
    assert written == {*range(3000, 3030), *range(4000, 4030)}
    assert shop.count("a_orders") == 301
    assert [row["message"]["id"] for row in shop.rows("q_orders_dlq")] == [1000]
    assert [shop.count(f"q_{name}") for name in ("orders", "Bulk", "books", "audits")] == [0] * 4
    assert _pooled_states(pooler) == [fresh] * _SESSIONS


def test_a_message_is_found_by_polling(shop: Shop, pooler: PgBouncer) -> None:
    shop.add_queues({"orders": {"notify": True}})
    worker = shop.start(database_url=pooler.url)
    shop.wait_for(lambda: "ready" in shop.logs())
    for number in range(3):
        shop.send("orders", [{"id": number, "do": "pass"}])
        sent_at = time.time()
        line = shop.wait_for_line("begin", "orders", after=number)
        assert line.at - sent_at < 2
    worker.terminate()
    assert worker.wait(20) == 0


def test_a_restart_of_the_pooler_loses_nothing(shop: Shop, pooler: PgBouncer) -> None:
    shop.add_queues({"orders": {"visibility_timeout": 3}, "slow": {"visibility_timeout": 2}})
    worker = shop.start(database_url=pooler.url)
    shop.send("orders", [{"id": i, "do": "pass"} for i in range(4000)])
    shop.send("slow", [{"id": 9000 + i, "do": "sleep", "seconds": 1.5} for i in range(2)])
    for pause_s in (0.0, 1.0):
        before = len(shop.ledger("end"))
        shop.wait_for(lambda before=before: len(shop.ledger("end")) > before + 300)
        pooler.kill()
        time.sleep(pause_s)
        pooler.start()
    wanted = {*range(4000), 9000, 9001}
    shop.wait_for(lambda: {line.id for line in shop.ledger("end")} == wanted, timeout_s=60)
    shop.wait_for(lambda: shop.count("q_orders") == shop.count("q_slow") == 0)
    worker.terminate()
    assert worker.wait(20) == 0
    assert "lease lost" not in shop.logs()


@pytest.fixture
def queue(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.create('orders')")
    return "orders"


def test_producers(pooler: PgBouncer, database_url: str, queue: str) -> None:
    with Queue(pooler.url, queue) as first, Queue(pooler.url, queue) as second:
        for number in range(20):  # the driver prepares what it sees five times
            first.send({"id": number})
            with psycopg.connect(pooler.url) as other:  # now another session serves
                other.execute("SELECT 1")
                second.send_batch([{"id": number}] * 2, headers={"a": number})
        assert first.metrics().length == 60
        assert len(first.read(quantity=60)) == 60
    assert {row[4] for row in _pooled_states(pooler)} == {0}


def test_async_producers(pooler: PgBouncer, queue: str) -> None:
    async def send_all() -> int:
        async with AsyncQueue(pooler.url, queue) as first, AsyncQueue(pooler.url, queue) as second:
            for number in range(20):
                await asyncio.gather(first.send({"id": number}), second.send({"id": number}))
            return (await first.metrics()).length

    assert asyncio.run(send_all()) == 40
    assert {row[4] for row in _pooled_states(pooler)} == {0}


@pytest.mark.parametrize(
    ("pooled", "told", "keeps"),
    [
        (False, None, True),
        (True, None, False),
        (False, True, False),
        (True, False, True),
    ],
)
def test_a_pooler_is_found_unless_it_is_told(
    pooler: PgBouncer, database_url: str, pooled: bool, told: bool | None, keeps: bool
) -> None:
    connector = Connector(pooler.url if pooled else database_url, pooler=told)
    with connector.connect() as connection:
        assert postgres.keeps_session(connection) is keeps

    async def keeps_async() -> bool:
        async with await connector.connect_async() as connection:
            return postgres.keeps_session(connection)

    assert asyncio.run(keeps_async()) is keeps


def test_a_worker_that_is_told_of_a_pooler(shop: Shop) -> None:
    shop.add_queues({"orders": {"notify": True}})
    shop.send("orders", [{"id": 1, "do": "pass"}])
    shop.run(pooler=True)
    assert "only polled" in shop.logs()
    assert [line.id for line in shop.ledger("end")] == [1]


@pytest.mark.parametrize(
    ("configured", "option", "polls"),
    [("true", [], True), ("false", ["--pooler"], True), ("true", ["--no-pooler"], False)],
)
@pytest.mark.usefixtures("project")
def test_the_option_goes_before_the_configuration(
    database_url: str,
    run_pgmqgen: Callable[..., Any],
    configured: str,
    option: list[str],
    polls: bool,
) -> None:
    with open("pgmqgen.toml", "w", encoding="utf-8") as file:
        file.write(f"[database]\npooler = {configured}\n")
    run_pgmqgen("migrate", "--database-url", database_url)
    done = run_pgmqgen("worker", "--until-empty", "--database-url", database_url, *option)
    assert done.returncode == 0, done.stderr
    assert ("only polled" in done.stderr) is polls
