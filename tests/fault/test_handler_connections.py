"""What a handler does on the connections that it is given, and what the next one finds there."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.fault.harness import Shop
from tests.fault.test_transactions import HANDLERS as MAILS

HANDLERS = """
def write(message, context):
    note("begin", message)
    act_on(message, context)
    note("end", message)


def act_on(message, context):
    id_, do = message.payload["id"], message.payload["do"]
    if do == "leave open":
        context.connection.execute("BEGIN")
        context.connection.execute(EFFECT, (id_,))
    if do == "leave open, acknowledged":
        context.connection.execute("BEGIN")
        context.acknowledge(context.connection)
    if do == "leave unread":
        return next(context.connection.cursor().stream("SELECT generate_series(1, 100000)"))
    if do == "statement":
        context.connection.execute(EFFECT, (id_,))
    if do == "send":
        context.send(MailProducer, {"id": id_, "do": "pass"})
    if do == "autocommit off":
        context.connection.autocommit = False
        context.connection.execute(EFFECT, (id_,))
        context.connection.commit()
    if do == "wait":
        context.connection.execute("SELECT pg_sleep(60)")
    if do == "wait in a transaction":
        with context.transaction() as connection:
            connection.execute("SELECT pg_sleep(60)")


async def write_in_thread(message, context):
    statement = "SELECT pg_sleep(0.3)"
    await asyncio.sleep(message.payload["id"] / 10)
    await asyncio.to_thread(lambda: context.connection.execute(statement))
    note("end", message)


async def write_async(message, context):
    note("begin", message)
    id_, do = message.payload["id"], message.payload["do"]
    if do == "statement":
        connection = await context.async_connection()
        await connection.execute(EFFECT, (id_,))
    if do == "send":
        await context.async_send(AsyncMailProducer, {"id": id_, "do": "pass"})
    if do == "roll back":
        connection = await context.async_connection()
        async with connection.transaction(force_rollback=True):
            note("inside", message)
            while not os.path.exists(LEDGER + ".go"):
                await asyncio.sleep(0.01)
    note("end", message)
"""


def _add(shop: Shop, function: str, **settings: Any) -> None:
    queues = {"orders": {"function": function, "max_attempts": 1, **settings}, "mails": {}}
    shop.add_queues(queues, MAILS + HANDLERS)
    shop.execute("CREATE TABLE effects (id bigint)")


def _send(shop: Shop, *dos: str) -> None:
    shop.send("orders", [{"id": id_, "do": do} for id_, do in enumerate(dos, 1)])


def _failures(shop: Shop) -> dict[int, str]:
    """Errors of dead letters, by id."""
    rows = shop.rows("q_orders_dlq")
    return {row["message"]["id"]: row["headers"]["x-pgmqgen"]["error"] for row in rows}


@pytest.mark.parametrize("left", ["leave open", "leave open, acknowledged"])
def test_a_transaction_that_is_left_open_fails_its_message_alone(shop: Shop, left: str) -> None:
    _add(shop, "write")
    _send(shop, left, "send", "statement")
    shop.run(processes=1, queues=["orders"])
    assert _failures(shop) == {
        1: "RuntimeError: the handler left a transaction open on `context.connection`; it was rolled back"
    }
    assert [row["message"]["id"] for row in shop.rows("q_mails")] == [2]
    assert shop.execute("SELECT id FROM effects") == [(3,)]


def test_a_result_that_is_not_read_to_its_end_is_in_nobodys_way(shop: Shop) -> None:
    _add(shop, "write")
    _send(shop, "leave unread", "send", "statement")
    shop.run(processes=1, queues=["orders"])
    assert [row["message"]["id"] for row in shop.rows("q_mails")] == [2]
    assert shop.execute("SELECT id FROM effects") == [(3,)]


@pytest.mark.parametrize("function", ["write", "write_async"])
@pytest.mark.parametrize("do", ["statement", "send"])
def test_a_connection_that_the_server_has_ended_is_replaced(
    shop: Shop, function: str, do: str
) -> None:
    _add(shop, function)
    _send(shop, do)
    worker = shop.start(processes=1, queues=["orders"])
    shop.wait_for(lambda: len(shop.ledger("end")) == 1)
    ended = shop.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'pgmqgen'"
    )
    assert ended
    shop.send("orders", [{"id": 2, "do": do}])
    shop.wait_for(lambda: shop.count("q_orders") == 0)
    worker.terminate()
    assert worker.wait(20) == 0
    assert _failures(shop) == {}
    effects = "SELECT id FROM effects" if do == "statement" else "SELECT msg_id FROM pgmq.q_mails"
    assert shop.execute(f"{effects} ORDER BY 1") == [(1,), (2,)]


def test_what_is_sent_is_no_part_of_what_another_handler_rolls_back(shop: Shop) -> None:
    _add(shop, "write_async")
    _send(shop, "roll back")
    worker = shop.start(processes=1, queues=["orders"])
    shop.wait_for(lambda: shop.ledger("inside"))
    shop.send("orders", [{"id": 2, "do": "send"}])
    shop.wait_for(lambda: shop.ledger("end"))
    os.close(os.open(f"{shop.ledger_path}.go", os.O_CREAT))
    shop.wait_for(lambda: shop.count("q_orders") == 0)
    worker.terminate()
    assert worker.wait(20) == 0
    assert [line.id for line in shop.ledger("end")] == [2, 1]
    assert [row["message"]["id"] for row in shop.rows("q_mails")] == [2]


@pytest.mark.parametrize("do", ["wait", "wait in a transaction"])
def test_a_statement_ends_with_its_handler_at_the_time_limit(shop: Shop, do: str) -> None:
    _add(shop, "write", timeout=0.5)
    _send(shop, do)
    shop.run(processes=1, queues=["orders"])
    assert _failures(shop) == {1: "the handler ran longer than its limit of 0.5 s"}
    sleeping = "FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%%pg_sleep(60)%%' AND pid <> pg_backend_pid()"
    shop.wait_for(lambda: shop.execute(f"SELECT count(*) {sleeping}") == [(0,)], 2)


def test_autocommit_is_on_again_for_the_next_message(shop: Shop) -> None:
    _add(shop, "write")
    _send(shop, "autocommit off", "statement", "statement")
    shop.run(processes=1, queues=["orders"])
    assert _failures(shop) == {}
    assert shop.execute("SELECT id FROM effects ORDER BY id") == [(1,), (2,), (3,)]


def test_async_handlers_may_use_the_sync_connection_in_threads(shop: Shop) -> None:
    _add(shop, "write_in_thread")
    _send(shop, "wait", "wait", "wait")
    shop.run(processes=1, queues=["orders"])
    assert _failures(shop) == {}
    assert sorted(line.id for line in shop.ledger("end")) == [1, 2, 3]
