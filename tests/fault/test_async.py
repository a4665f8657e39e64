"""Async handlers: how many wait at once, and on whose event loop."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fault.harness import Shop

AT_ONCE = 1_000
"""Handlers that wait at the same time in one process, as documented."""

HANDLERS = f"""
all_in = asyncio.Event()
count = 0


async def gather(message, context):
    global count
    note("begin", message)
    count += 1
    if count == {AT_ONCE}:
        all_in.set()
    await all_in.wait()
    note("end", message)


async def tell_loop(message, context):
    note(type(asyncio.get_running_loop()).__module__.partition(".")[0], message)
    await asyncio.sleep(message.payload["seconds"])
    note("end", message)
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_a_thousand_handlers_wait_at_once_in_each_process(shop: Shop, processes: int) -> None:
    shop.add_queues({"orders": {"asynchronous": True, "function": "gather"}}, HANDLERS)
    ids = range(processes * AT_ONCE)
    shop.send("orders", [{"id": number, "do": "gather"} for number in ids])
    shop.run(processes=processes)  # none of them ends before all are in
    begun = shop.ledger("begin")
    assert sorted(line.id for line in begun) == [*ids]
    assert sorted(line.id for line in shop.ledger("end")) == [*ids]
    assert [*Counter(line.pid for line in begun).values()] == [AT_ONCE] * processes
    assert shop.count("q_orders") == shop.count("q_orders_dlq") == 0


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_the_loop_is_that_of_uvloop_where_it_is_installed(shop: Shop, loop: str) -> None:
    settings = {"function": "tell_loop", "timeout": 0.5, "max_attempts": 1}
    shop.add_queues({"orders": {"asynchronous": True, **settings}}, HANDLERS)
    if loop == "asyncio":
        (shop.folder / "uvloop.py").write_text("raise ImportError")
    quick, slow = ({"id": n, "do": "tell_loop", "seconds": s} for n, s in ((1, 0), (2, 30)))
    shop.send("orders", [quick, slow])
    shop.run(processes=1)
    assert sorted(line.id for line in shop.ledger(loop)) == [1, 2]
    assert [line.id for line in shop.ledger("end")] == [1]
    (dead,) = shop.rows("q_orders_dlq")
    kept = dead["headers"]["x-pgmqgen"]
    assert kept["reason"] == "timeout"
    assert 'await asyncio.sleep(message.payload["seconds"])' in kept["traceback"]
