"""What a handler writes, and the acknowledgement of its message, in one commit."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from typing import Any

import psutil
import pytest

from tests.fault.harness import Shop, running_children

HANDLERS = """
from pgmqgen import AsyncProducer, LeaseLost, Producer
from shop import mails


class MailProducer(Producer):
    contract = mails.contract


class AsyncMailProducer(AsyncProducer):
    contract = mails.contract


EFFECT = "INSERT INTO effects VALUES (%s)"


def steal(message):
    import psycopg
    with psycopg.connect(os.environ["URL"], autocommit=True) as thief:
        thief.execute(
            "UPDATE pgmq.q_orders SET read_ct = read_ct + 1, vt = clock_timestamp()"
            " + interval '1 s' WHERE msg_id = %s", (message.id,)
        )


def misbehave(message, moment):
    do, first = message.payload["do"], message.read_count == 1
    if do == f"raise {moment}" and first:
        raise ValueError(do)
    if do == f"exit {moment}" and first:
        os._exit(1)
    if do == f"steal {moment}" and first:
        steal(message)
    if do == f"sleep {moment}":
        time.sleep(message.payload["seconds"])


def effect(message, context):
    note("begin", message)
    with context.transaction() as connection:
        connection.execute(EFFECT, (message.payload["id"],))
        context.send(MailProducer, {"id": message.payload["id"], "do": "pass"})
        misbehave(message, "inside")
    assert message.settled
    misbehave(message, "after")
    note("end", message)


async def effect_async(message, context):
    note("begin", message)
    async with context.transaction() as connection:
        await connection.execute(EFFECT, (message.payload["id"],))
        await context.async_send(AsyncMailProducer, {"id": message.payload["id"], "do": "pass"})
        await asyncio.sleep(0)
        misbehave(message, "inside")
    assert message.settled
    misbehave(message, "after")
    note("end", message)


def effect_of_own(message, context):
    note("begin", message)
    with context.connection.transaction():
        context.connection.execute(EFFECT, (message.payload["id"],))
        context.acknowledge(context.connection)
        misbehave(message, "inside")
    note("end", message)


TURNS = asyncio.Semaphore(10)  # the server has 100 connections, and a handler takes one


async def effect_of_own_async(message, context):
    note("begin", message)
    import psycopg
    async with TURNS, await psycopg.AsyncConnection.connect(os.environ["URL"]) as connection:
        await connection.execute(EFFECT, (message.payload["id"],))
        await context.async_acknowledge(connection)
        misbehave(message, "inside")
    note("end", message)


def nested(message, context):
    with context.connection.transaction():
        try:
            with context.transaction():
                pass
        except RuntimeError as error:
            note(str(error), message)


def twice(message, context):
    with context.transaction():
        pass
    try:
        with context.transaction():
            pass
    except RuntimeError as error:
        note(str(error), message)
"""

BOTH = pytest.mark.parametrize("function", ["effect", "effect_async"])
ALL = pytest.mark.parametrize(
    "function", ["effect", "effect_async", "effect_of_own", "effect_of_own_async"]
)


@pytest.fixture(autouse=True)
def _url(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URL", database_url)


def _open(shop: Shop, function: str, **settings: Any) -> None:
    settings = {"max_attempts": 3, "function": function, **settings}
    shop.add_queues({"orders": settings, "mails": {}}, HANDLERS)
    shop.execute("CREATE TABLE effects (id int)")


def _effects(shop: Shop) -> list[int]:
    return [row[0] for row in shop.execute("SELECT id FROM effects ORDER BY id")]


def _left(shop: Shop) -> int:
    return shop.count("q_orders") + shop.count("q_orders_dlq")


@ALL
def test_the_commit_acknowledges(shop: Shop, function: str) -> None:
    _open(shop, function)
    shop.send("orders", [{"id": i, "do": "pass"} for i in range(200)])
    shop.run(queues=["orders"])
    assert {line.attempt for line in shop.ledger("begin")} == {1}
    assert _effects(shop) == list(range(200))
    assert _left(shop) == shop.count("a_orders") == 0
    assert "lease" not in shop.logs()
    if "own" not in function:
        mails = sorted(row["message"]["id"] for row in shop.rows("q_mails"))
        assert mails == list(range(200))


@BOTH
def test_the_commit_archives_where_success_does(shop: Shop, function: str) -> None:
    _open(shop, function, on_success="archive")
    shop.send("orders", [{"id": 1, "do": "pass"}])
    shop.run(queues=["orders"])
    assert _effects(shop) == [1]
    assert (_left(shop), shop.count("a_orders")) == (0, 1)


@ALL
@pytest.mark.parametrize("do", ["raise inside", "exit inside"])
def test_what_fails_inside_is_rolled_back_and_tried_again(
    shop: Shop, function: str, do: str
) -> None:
    _open(shop, function)
    shop.send("orders", [{"id": 1, "do": do}])
    shop.run(queues=["orders"])
    assert [line.attempt for line in shop.ledger("begin")] == [1, 2]
    assert _effects(shop) == [1]
    assert _left(shop) == 0
    assert shop.count("q_mails") == (0 if "own" in function else 1)


@BOTH
@pytest.mark.parametrize("do", ["raise after", "exit after"])
def test_what_fails_after_the_commit_is_not_tried_again(shop: Shop, function: str, do: str) -> None:
    _open(shop, function)
    shop.send("orders", [{"id": 1, "do": do}])
    shop.run(queues=["orders"])
    assert [line.attempt for line in shop.ledger("begin")] == [1]
    assert _effects(shop) == [1]
    assert _left(shop) == 0
    assert "lease" not in shop.logs()


@ALL
def test_a_lost_lease_rolls_back(shop: Shop, function: str) -> None:
    _open(shop, function)
    do = "steal inside" if "own" not in function else "pass"
    shop.send("orders", [{"id": 1, "do": do}])
    if "own" in function:  # the lease is lost before the acknowledgement
        _steal_when_leased(shop)
    shop.run(queues=["orders"])
    shop.wait_for(lambda: _left(shop) == 0 or _run_again(shop))
    assert _effects(shop) == [1]
    assert "LeaseLost: the lease of message 1 of `orders` was lost" in shop.logs()


def _run_again(shop: Shop) -> bool:
    time.sleep(0.2)
    shop.run(queues=["orders"])
    return False


def _steal_when_leased(shop: Shop) -> None:
    """Count every lease of the first message twice, as if another worker had it as well."""
    shop.execute(
        "CREATE FUNCTION steal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "UPDATE pgmq.q_orders SET read_ct = read_ct + 1, vt = clock_timestamp() + interval '1 s' "
        "WHERE msg_id = 1 AND read_ct = 1; RETURN NEW; END $$"
    )
    shop.execute(
        "CREATE TRIGGER steal AFTER INSERT ON effects FOR EACH ROW EXECUTE FUNCTION steal()"
    )


@BOTH
def test_it_holds_while_the_lease_is_extended(shop: Shop, function: str) -> None:
    """Even where transactions are at a higher level by default."""
    _open(shop, function, visibility_timeout=1)
    name = shop.execute("SELECT current_database()")[0][0]
    shop.execute(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'serializable'")
    shop.send("orders", [{"id": 1, "do": "sleep inside", "seconds": 2.5}])
    shop.run(queues=["orders"])
    assert [line.attempt for line in shop.ledger("begin")] == [1]
    assert _effects(shop) == [1]


@BOTH
def test_no_lease_is_missed_after_the_commit(shop: Shop, function: str) -> None:
    _open(shop, function, visibility_timeout=1)
    shop.send("orders", [{"id": 1, "do": "sleep after", "seconds": 2.5}])
    shop.run(queues=["orders"])
    assert "lease" not in shop.logs()
    assert _left(shop) == 0


@BOTH
def test_a_connection_that_the_server_closed_costs_no_attempt(shop: Shop, function: str) -> None:
    _open(shop, function)
    worker = shop.start(queues=["orders"], processes=1)
    for number in range(3):
        shop.send("orders", [{"id": number, "do": "pass"}])
        shop.wait_for(lambda number=number: len(shop.ledger("end")) == number + 1)
        shop.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'pgmqgen'"
        )
    worker.terminate()
    assert worker.wait(20) == 0
    assert [line.attempt for line in shop.ledger("begin")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("nested", "the connection is inside of another transaction: end that first"),
        ("twice", "Message(id=1, queue='orders', attempt=1) is settled already"),
    ],
)
def test_what_cannot_be_one_commit_is_refused(shop: Shop, function: str, error: str) -> None:
    _open(shop, function)
    shop.send("orders", [{"id": 1, "do": "pass"}])
    shop.run(queues=["orders"])
    assert [line.event for line in shop.ledger()] == [error]


@BOTH
@pytest.mark.parametrize(
    ("count", "seconds"),
    [(1000, 5), pytest.param(5000, 60, marks=pytest.mark.soak)],
)
def test_exactly_once_whoever_is_killed(
    shop: Shop, function: str, count: int, seconds: float
) -> None:
    """Children and whole workers, at random moments; the rest is handled in peace."""
    _open(shop, function, visibility_timeout=1, max_attempts=50)
    shop.send("orders", [{"id": i, "do": "sleep inside", "seconds": 0.001} for i in range(count)])
    dice, end = random.Random(1), time.monotonic() + seconds
    worker = shop.start(queues=["orders"])
    while time.monotonic() < end:
        time.sleep(dice.uniform(0.05, 0.5))
        with suppress(FileNotFoundError, ProcessLookupError):
            victim = dice.choice([worker.pid, *running_children(worker.pid)])
            os.kill(victim, signal.SIGKILL)
        if worker.poll() is not None or victim == worker.pid:
            worker.wait()
            worker = shop.start(queues=["orders"])
    shop.wait_for(lambda: shop.count("q_orders") == 0, timeout_s=60)
    shop.wait_for(psutil.Process(worker.pid).children)  # the last one may have only just started
    worker.terminate()
    assert worker.wait(20) == 0
    assert _effects(shop) == list(range(count))
    assert shop.count("q_mails") == count
    assert shop.count("q_orders_dlq") == 0
