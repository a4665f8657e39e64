"""How a handler that runs too long ends, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fault.harness import Shop

HANDLERS = """
from pgmqgen import TimeLimitExceeded


def tidy(message, context):
    note("begin", message)
    try:
        dawdle(message)
    except Exception:
        note("caught", message)
    finally:
        note("tidied", message)


def dawdle(message):
    if message.payload["do"] == "sleep":
        time.sleep(30)


def stubborn(message, context):
    note("begin", message)
    end = time.monotonic() + 30
    while message.payload["do"] == "sleep" and time.monotonic() < end:
        try:
            dawdle(message)
        except BaseException as error:
            note(type(error).__name__, message)


def swallow(message, context):
    note("begin", message)
    try:
        dawdle(message)
    except TimeLimitExceeded:
        note("end", message)
"""


def _run(shop: Shop, function: str, do: str = "sleep", **more: Any) -> dict[str, Any]:
    """Handle a message that takes too long, and one after it; what is kept of the first."""
    settings = {"timeout": 0.5, "max_attempts": 1, "function": function}
    shop.add_queues({"orders": settings}, HANDLERS)
    shop.send("orders", [{"id": 1, "do": do, "seconds": 30, **more}])
    worker = shop.start(processes=1)
    shop.wait_for(lambda: shop.count("q_orders") == 0)
    shop.send("orders", [{"id": 2, "do": "pass"}])
    shop.wait_for(lambda: shop.count("q_orders") == 0)
    worker.terminate()
    assert worker.wait(20) == 0
    first, second = (line for line in shop.ledger("begin"))
    assert first.pid != second.pid
    rows = shop.rows("q_orders_dlq")
    return rows[0]["headers"]["x-pgmqgen"] if rows else {}


def test_a_sync_handler_may_tidy_up(shop: Shop) -> None:
    kept = _run(shop, "tidy")
    assert [line.event for line in shop.ledger() if line.id == 1] == ["begin", "tidied"]
    assert (kept["reason"], kept["error"]) == (
        "timeout", "the handler ran longer than its limit of 0.5 s"
    )  # fmt: skip
    assert "in dawdle\n    time.sleep(30)" in kept["traceback"]


def test_one_that_goes_on_is_killed(shop: Shop) -> None:
    kept = _run(shop, "stubborn")
    assert [line.event for line in shop.ledger() if line.id == 1] == ["begin", "TimeLimitExceeded"]
    assert kept["reason"] == "timeout"
    assert " in dawdle\n" in kept["traceback"]
    assert " in stubborn\n" in kept["traceback"]


def test_one_that_ends_well_after_all_is_acknowledged(shop: Shop) -> None:
    assert _run(shop, "swallow") == {}
    assert [line.event for line in shop.ledger() if line.id == 1] == ["begin", "end"]


@pytest.mark.parametrize(
    ("function", "do", "where"),
    [("handle", "hold_gil", " in act\n"), ("handle_async", "block_loop", " in handle_async\n")],
)
def test_where_it_hung_is_told_also_if_python_cannot(
    shop: Shop, function: str, do: str, where: str
) -> None:
    kept = _run(shop, function, do)
    assert kept["reason"] == "timeout"
    assert where in kept["traceback"]


_LIMIT_OF_BEFORE = """
async def shorten(message, context):
    note("begin", message)
    if len(ledger()) == 1:
        message.set_timeout(1)
        await asyncio.sleep(0.2)
        note("shortened", message)
        await asyncio.sleep(30)
    await asyncio.sleep(3)
    note("end", message)


def ledger():
    with open(LEDGER) as file:
        return [line for line in file if '"id": 1,' in line]
"""


def test_a_limit_that_was_moved_is_of_that_run_only(shop: Shop) -> None:
    """The process dies of another handler, and the message runs again."""
    queues = {
        "orders": {"function": "shorten", "visibility_timeout": 60},
        "others": {"max_attempts": 1},
    }
    shop.add_queues(queues, _LIMIT_OF_BEFORE)
    shop.send("orders", [{"id": 1, "do": "shorten"}])
    worker = shop.start(processes=1)
    shop.wait_for(lambda: "shortened" in {line.event for line in shop.ledger()})
    shop.send("others", [{"id": 2, "do": "exit"}])
    shop.wait_for(lambda: [line.id for line in shop.ledger("end")] == [1])
    worker.terminate()
    assert worker.wait(20) == 0
    assert {line.attempt for line in shop.ledger("begin") if line.id == 1} == {1}
    assert "longer than its limit" not in shop.logs()
