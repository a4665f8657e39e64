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
