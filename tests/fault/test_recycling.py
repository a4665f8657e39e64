"""Processes that are replaced: for their age, their size, their number of messages, new handlers."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator

import psycopg
import pytest

from pgmqgen import ConfigError, DatabaseError, Registry, Worker
from pgmqgen.runtime.parent.limits import Limits
from tests.fault.harness import Shop, running_children

HANDLERS = """
kept = []


def grow(message, context):
    note("begin", message)
    kept.append(bytearray(8_000_000))
    note("end", message)
"""


@pytest.mark.parametrize("function", ["handle", "handle_async"])
def test_a_process_is_replaced_after_so_many_messages(shop: Shop, function: str) -> None:
    shop.add_queues({"orders": {"function": function}})
    worker = shop.start(max_messages=20)
    sent = 0

    def is_drained() -> bool:
        return len(shop.ledger("end")) == sent

    while len({line.pid for line in shop.ledger("end")}) < 4:
        ids = range(sent, sent + 50)
        shop.send("orders", [{"id": i, "do": "sleep", "seconds": 0.01} for i in ids])
        sent += 50
        shop.wait_for(is_drained)
    worker.terminate()
    assert worker.wait(20) == 0
    begun = shop.ledger("begin")
    assert sorted(line.id for line in begun) == list(range(sent))
    assert {line.attempt for line in begun} == {1}
    assert "is gone" not in shop.logs()


def test_the_next_process_is_ready_before_one_leaves(shop: Shop) -> None:
    """With one process: there is always one that handles."""
    shop.add_queues({"orders": {}})
    worker = shop.start(processes=1, max_age=0.5)
    numbers, deadline = itertools.count(), time.monotonic() + 60
    while len({line.pid for line in shop.ledger("end")}) < 4:
        assert time.monotonic() < deadline, shop.logs()
        shop.send("orders", [{"id": next(numbers), "do": "pass"}])
        time.sleep(0.1)
    sent = next(numbers)
    shop.wait_for(lambda: len(shop.ledger("end")) == sent)
    worker.terminate()
    assert worker.wait(20) == 0
    waits = [b.at - a.at for a, b in zip(shop.ledger("end"), shop.ledger("end")[1:], strict=False)]
    assert max(waits) < 1


def test_a_process_that_grows_is_replaced(shop: Shop) -> None:
    shop.add_queues({"orders": {"function": "grow"}}, HANDLERS)
    worker = shop.start(processes=1, max_memory_mb=150)
    for number in range(90):
        shop.send("orders", [{"id": number, "do": "pass"}])
        time.sleep(0.1)
    shop.wait_for(lambda: len(shop.ledger("end")) == 90)
    worker.terminate()
    assert worker.wait(20) == 0
    assert len({line.pid for line in shop.ledger("end")}) > 1
    assert "is gone" not in shop.logs()


@pytest.fixture
def one(shop: Shop) -> Iterator[Shop]:
    """A worker of one process that has handled a message."""
    shop.add_queues({"orders": {}})
    worker = shop.start(processes=1)
    shop.send("orders", [{"id": 1, "do": "pass"}])
    shop.wait_for(lambda: len(shop.ledger("end")) == 1)
    yield shop
    worker.terminate()
    assert worker.wait(20) == 0


def _hang_up(shop: Shop, change: tuple[str, str]) -> None:
    path = shop.folder / "shop" / "handlers.py"
    path.write_text(path.read_text().replace(*change))
    shop.workers[0].send_signal(signal.SIGHUP)


def test_a_hangup_loads_new_handlers(one: Shop) -> None:
    _hang_up(one, ('note("end", message)', 'note("new end", message)'))
    one.wait_for(lambda: "takes the place of" in one.logs())
    one.send("orders", [{"id": 2, "do": "pass"}])
    one.wait_for(lambda: [line.id for line in one.ledger("new end")] == [2])
    one.wait_for(lambda: len(list(running_children(one.workers[0].pid))) == 1)


def test_handlers_may_become_async(one: Shop) -> None:
    _hang_up(one, ("def handle(message, context):", "async def handle(message, context):"))
    one.wait_for(lambda: "takes the place of" in one.logs())
    one.send("orders", [{"id": i, "do": "pass"} for i in range(2, 50)])
    one.wait_for(lambda: len(one.ledger("end")) == 49)
    assert one.count("q_orders_dlq") == 0


def test_broken_handlers_leave_the_old_ones_at_work(one: Shop) -> None:
    _hang_up(one, ("import asyncio", "import asyncio, nothing_of_that_name"))
    one.wait_for(lambda: "goes on, as the next one failed" in one.logs())
    assert "nothing_of_that_name" in one.logs()
    one.send("orders", [{"id": 2, "do": "pass"}])
    one.wait_for(lambda: len(one.ledger("end")) == 2)
    _hang_up(one, (", nothing_of_that_name", ""))  # and mended ones are taken at once
    one.wait_for(lambda: "takes the place of" in one.logs())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_after_the_grace_what_runs_is_killed_and_given_back(shop: Shop, asynchronous: bool) -> None:
    shop.add_queues({"orders": {"asynchronous": asynchronous}})
    shop.send("orders", [{"id": 1, "do": "sleep", "seconds": 30}])
    worker = shop.start(grace=0.5)
    shop.wait_for(lambda: len(shop.ledger("begin")) == 1)
    worker.terminate()
    assert worker.wait(5) == 130
    (row,) = shop.rows("q_orders")
    assert row["headers"]["x-pgmqgen"] == {"attempts": 0, "releases": 1}
    assert "the grace of 0.5 s is over" in shop.logs()


def test_processes_that_only_die_are_started_ever_more_rarely(shop: Shop) -> None:
    shop.add_queues({"orders": {"max_attempts": 1000}})
    shop.send("orders", [{"id": 1, "do": "exit"}])
    worker = shop.start(processes=1)
    shop.wait_for(lambda: "is gone" in shop.logs())
    began = time.monotonic()
    shop.wait_for(lambda: shop.logs().count("is gone") >= 5)
    worker.kill()
    assert time.monotonic() - began > 2.5  # pauses of 0.2, 0.4, 0.8 and 1.6 s


def test_a_worker_may_fail_when_the_database_is_away(shop: Shop) -> None:
    shop.add_queues({"orders": {}})
    worker = shop.start(fail_after=0.5)
    shop.wait_for(lambda: "ready" in shop.logs())
    name = shop.execute("SELECT current_database()")[0][0]
    with psycopg.connect(shop.url, dbname="postgres", autocommit=True) as other:
        other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        assert worker.wait(10) == 1
        other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'.encode())
    assert "pgmqgen.errors.DatabaseError" in shop.logs()


def test_a_worker_may_fail_when_there_never_was_a_database(shop: Shop) -> None:
    worker = Worker(_registry(shop), database_url="postgresql://127.0.0.1:1/x", fail_after=0.3)
    with pytest.raises(DatabaseError, match="cannot connect"):
        worker.run()


def _registry(shop: Shop) -> Registry:
    from pgmqgen import QueueSettings, QueueSpec

    spec = QueueSpec(QueueSettings(name="orders"), contract=".orders:contract", handler=".h:handle")
    return Registry("shop.registry", [spec])


def test_limits_are_checked() -> None:
    with pytest.raises(ConfigError, match="`max_age` must be above 0, got -1"):
        Limits(max_age=-1)
    with pytest.raises(ConfigError, match="`grace` must not be below 0, got -1"):
        Limits(grace=-1)
    assert Limits(grace=0).grace == 0


def test_a_replacement_that_is_killed_with_the_old_one_is_forgotten(one: Shop) -> None:
    worker = one.workers[0]
    worker.send_signal(signal.SIGHUP)
    one.wait_for(lambda: len(list(running_children(worker.pid))) == 2)
    for pid in list(running_children(worker.pid)):
        os.kill(pid, signal.SIGKILL)
    one.send("orders", [{"id": 2, "do": "pass"}])
    one.wait_for(lambda: len(one.ledger("end")) == 2)
    worker.send_signal(signal.SIGHUP)
    one.wait_for(lambda: "takes the place of" in one.logs())
