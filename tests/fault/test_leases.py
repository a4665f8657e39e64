"""What a handler learns of a lease that is lost while it runs."""

from __future__ import annotations

import psycopg
import pytest

from tests.fault.harness import Shop

HANDLERS = """
def watch(message, context):
    note("begin", message)
    end = time.monotonic() + 10
    while not context.lease_lost and time.monotonic() < end:
        time.sleep(0.01)
    note("lost" if context.lease_lost else "kept", message)


async def sleep(message, context):
    note("begin", message)
    try:
        await asyncio.sleep(10)
        note("kept", message)
    except asyncio.CancelledError:
        note("lost" if context.lease_lost else "cancelled", message)
        raise
"""

STEAL = "UPDATE pgmq.q_orders SET read_ct = read_ct + 1, vt = clock_timestamp() + interval '1 h'"
BOTH = pytest.mark.parametrize("function", ["watch", "sleep"])


@BOTH
@pytest.mark.parametrize("act", [STEAL, "DELETE FROM pgmq.q_orders"])
def test_a_handler_learns_that_its_lease_is_lost(shop: Shop, function: str, act: str) -> None:
    shop.add_queues({"orders": {"function": function, "visibility_timeout": 1}}, HANDLERS)
    shop.send("orders", [{"id": 1, "do": "pass"}])
    worker = shop.start(processes=1)
    shop.wait_for(lambda: len(shop.ledger("begin")) == 1)
    shop.execute(act)
    shop.wait_for(lambda: len(shop.ledger("lost")) == 1, timeout_s=5)
    shop.send("orders", [{"id": 2, "do": "pass"}])
    shop.wait_for(lambda: len(shop.ledger("begin")) == 2)  # nothing of the first one is in the way
    shop.execute("DELETE FROM pgmq.q_orders WHERE message ->> 'id' = '2'")
    worker.terminate()
    assert worker.wait(20) == 0
    assert shop.logs().count("its lease was lost") == (2 if function == "watch" else 4)
    assert "not settled" not in shop.logs()
    assert shop.count("q_orders") == (1 if act == STEAL else 0)


@BOTH
def test_a_row_that_others_have_locked_is_no_lost_lease(shop: Shop, function: str) -> None:
    shop.add_queues({"orders": {"function": function, "visibility_timeout": 2}}, HANDLERS)
    shop.send("orders", [{"id": 1, "do": "pass"}])
    worker = shop.start(processes=1)
    shop.wait_for(lambda: len(shop.ledger("begin")) == 1)
    with psycopg.connect(shop.url) as other:
        other.execute("SELECT FROM pgmq.q_orders FOR UPDATE")
        with pytest.raises(AssertionError, match="waited"):
            shop.wait_for(lambda: len(shop.ledger("lost")), timeout_s=1.5)
    worker.terminate()
    shop.wait_for(lambda: "once more stops at once" in shop.logs())
    worker.terminate()
    assert worker.wait(20) == 130
    assert "lost" not in shop.logs()


def test_what_the_archive_refuses_holds_up_nothing_else(shop: Shop) -> None:
    shop.add_queues({"orders": {"on_success": "archive"}})
    shop.send("orders", [{"id": number, "do": "pass"} for number in (1, 2, 3)])
    shop.run()
    shop.execute("SELECT setval('pgmq.q_orders_msg_id_seq', 2)")
    shop.send("orders", [{"id": number, "do": "pass"} for number in (4, 5, 6)])
    worker = shop.start()
    shop.wait_for(lambda: shop.count("a_orders") == 5)
    shop.send("orders", [{"id": 7, "do": "pass"}])
    shop.wait_for(lambda: shop.count("a_orders") == 6)
    assert [(row["msg_id"], row["message"]["id"]) for row in shop.rows("q_orders")] == [(3, 4)]
    assert "message 3 of `orders`: queue `orders`: duplicate key" in shop.logs()
    shop.execute("DELETE FROM pgmq.a_orders WHERE msg_id = 3")
    shop.wait_for(lambda: shop.count("q_orders") == 0)
    worker.terminate()
    assert worker.wait(20) == 0
    assert sorted(line.id for line in shop.ledger("end")) == [1, 2, 3, 4, 5, 6, 7]


def test_a_handled_message_that_is_locked_holds_up_no_others(shop: Shop) -> None:
    shop.add_queues({"orders": {}})
    shop.send("orders", [{"id": n, "do": "sleep", "seconds": 0.1} for n in range(1, 6)])
    worker = shop.start(processes=1)
    shop.wait_for(lambda: shop.ledger("begin"))
    with psycopg.connect(shop.url) as other:
        other.execute("SELECT FROM pgmq.q_orders WHERE msg_id = 5 FOR UPDATE")
        shop.wait_for(lambda: len(shop.ledger("end")) == 5)
        shop.send("orders", [{"id": number, "do": "pass"} for number in (6, 7, 8)])
        shop.wait_for(lambda: shop.count("q_orders") == 1)
    shop.wait_for(lambda: shop.count("q_orders") == 0)
    worker.terminate()
    assert worker.wait(20) == 0
    assert sorted(line.id for line in shop.ledger("begin")) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert shop.counts() == {"orders": {"handled": 8}}


def test_locked_messages_keep_no_others_from_being_settled(shop: Shop) -> None:
    """All end at once, and are acknowledged by one statement."""
    shop.add_queues({"orders": {"asynchronous": True}})
    shop.send("orders", [{"id": n, "do": "sleep", "seconds": 0.5} for n in range(1, 11)])
    worker = shop.start(processes=1)
    shop.wait_for(lambda: len(shop.ledger("begin")) == 10)
    with psycopg.connect(shop.url) as other:
        other.execute("SELECT FROM pgmq.q_orders WHERE msg_id IN (3, 7) FOR UPDATE")
        shop.wait_for(lambda: [row["msg_id"] for row in shop.rows("q_orders")] == [3, 7])
        worker.terminate()
        assert worker.wait(20) == 0
    assert shop.counts()["orders"]["handled"] == 8


_SLOW_ONCE = """
CREATE SEQUENCE slow;
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('slow') = 1 THEN PERFORM pg_sleep(11); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER slow AFTER UPDATE ON pgmq.q_orders EXECUTE FUNCTION be_slow()
"""


def test_a_lease_that_takes_too_long_is_not_taken(shop: Shop) -> None:
    """Else the message would be hidden, and charged for what nobody began."""
    shop.add_queues({"orders": {"visibility_timeout": 60}})
    shop.execute(_SLOW_ONCE)
    shop.send("orders", [{"id": 1, "do": "pass"}])
    worker = shop.start()
    shop.wait_for(lambda: shop.count("q_orders") == 0, 30)
    worker.terminate()
    assert worker.wait(20) == 0
    assert [line.read_count for line in shop.ledger("begin")] == [1]
