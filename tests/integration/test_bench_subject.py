"""A queue of a benchmark: when it is drained, and what it costs to look."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from pgmqgen.bench import subject
from pgmqgen.bench.subject import Subject

_LEFT = "SELECT count(*) FROM pgmq.q_orders"
_DELETE_ONE = """
DELETE FROM pgmq.q_orders
WHERE msg_id = (SELECT msg_id FROM pgmq.q_orders WHERE vt < now() ORDER BY msg_id LIMIT 1)
"""


@pytest.fixture
def orders(database_url: str) -> Subject:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.create('orders')")
    return Subject(url=database_url, registry="", queue="orders", label="", payloads=[b'{"id": 1}'])


def test_a_queue_is_drained_when_only_delayed_messages_are_left(orders: Subject) -> None:
    orders.fill(3, delayed=2)
    with psycopg.connect(orders.url, autocommit=True) as connection:
        looks: list[int] = []

        def check() -> None:
            looks.append(connection.execute(_DELETE_ONE).rowcount)

        orders.wait_until_drained(check)
        assert looks == [1, 1, 1]
        assert connection.execute(_LEFT).fetchone() == (2,)


def test_an_empty_queue_is_drained(orders: Subject) -> None:
    orders.fill(0)
    orders.wait_until_drained(pytest.fail)


def test_the_time_of_the_last_look_is_not_measured(orders: Subject) -> None:
    with (
        psycopg.connect(orders.url) as owner,
        psycopg.connect(orders.url, autocommit=True) as watcher,
        ThreadPoolExecutor() as pool,
    ):
        owner.execute("LOCK TABLE pgmq.q_orders")
        drained = pool.submit(orders.wait_until_drained, pytest.fail)
        while not watcher.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            time.sleep(0.01)
        while_it_looks = time.perf_counter()
        owner.rollback()
        assert drained.result() < while_it_looks


def test_a_look_does_not_walk_over_what_was_handled_before_the_last(orders: Subject) -> None:
    orders.fill(20_000)
    with psycopg.connect(orders.url, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("DELETE FROM pgmq.q_orders WHERE msg_id < 19000")
        look = subject._LAST_IS_FAR.format(queue="pgmq.q_orders") % "1"
        (plan,) = connection.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {look}".encode()
        ).fetchone() or ("",)
    assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 10
