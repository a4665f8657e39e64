"""What becomes of one message, whatever its handler does."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import time
from typing import Any

import psycopg
import pytest

from tests.fault.harness import Shop

FAST = {"max_attempts": 3}


def orders(shop: Shop, **settings: object) -> None:
    shop.add_queues({"orders": {**FAST, **settings}})


def header(row: dict[str, Any]) -> dict[str, Any]:
    reserved: dict[str, Any] = row["headers"]["x-pgmqgen"]
    return reserved


def errors(row: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = row["headers"]["x-pgmqgen"]["errors"]
    return sorted(found, key=lambda error: error["pointer"])


def attempts(shop: Shop, id_: int) -> list[int]:
    return [line.attempt for line in shop.ledger("begin") if line.id == id_]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_handler_that_returns_acknowledges(shop: Shop, asynchronous: bool) -> None:
    orders(shop, asynchronous=asynchronous)
    shop.send("orders", [{"id": i, "do": "pass"} for i in range(200)])
    shop.run()
    assert sorted(line.id for line in shop.ledger("end")) == list(range(200))
    assert shop.count("q_orders") == shop.count("a_orders") == shop.count("q_orders_dlq") == 0


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    ("do", "reason", "error"),
    [
        ("raise", "exception", "TwoArguments: needs both"),
        ("system_exit", "exception", "SystemExit: 3"),
        ("exit", "crash", "the process exited with status 1"),
    ],
)
def test_a_failing_handler_is_tried_again_then_dead_lettered(
    shop: Shop, do: str, reason: str, error: str, asynchronous: bool
) -> None:
    orders(shop, asynchronous=asynchronous)
    shop.send("orders", [{"id": 1, "do": do}, {"id": 2, "do": "pass"}])
    shop.run()
    assert attempts(shop, 1) == [1, 2, 3]
    logs = shop.logs()
    assert re.search(r"message 1 of `orders`, attempt 1 of 3, again in [\d.]+ s: \w", logs)
    assert re.search(r"message 1 of `orders`, attempt 3 of 3, moved to `orders_dlq`: \w", logs)
    assert attempts(shop, 2) == [1]
    (dead,) = shop.rows("q_orders_dlq")
    assert dead["message"] == {"id": 1, "do": do}
    kept = header(dead)
    assert (kept["queue"], kept["msg_id"], kept["reason"], kept["error"]) == (
        "orders",
        1,
        reason,
        error,
    )
    assert kept["attempts"] == 3
    assert {"enqueued_at", "failed_at"} < kept.keys()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_on_failure_archive(shop: Shop, asynchronous: bool) -> None:
    orders(shop, on_failure="archive", asynchronous=asynchronous)
    shop.send("orders", [{"id": 1, "do": "raise"}])
    shop.run()
    assert shop.count("q_orders_dlq") == shop.count("q_orders") == 0
    (archived,) = shop.rows("a_orders")
    assert header(archived)["reason"] == "exception"


def test_on_success_archive(shop: Shop) -> None:
    orders(shop, on_success="archive")
    shop.send("orders", [{"id": i, "do": "pass"} for i in range(3)])
    shop.run()
    assert [row["message"]["id"] for row in shop.rows("a_orders")] == [0, 1, 2]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_handler_past_its_time_limit_is_stopped(shop: Shop, asynchronous: bool) -> None:
    orders(shop, timeout=0.5, asynchronous=asynchronous)
    shop.send("orders", [{"id": 1, "do": "sleep", "seconds": 60}])
    shop.run()
    assert attempts(shop, 1) == [1, 2, 3]
    assert shop.ledger("end") == []
    (dead,) = shop.rows("q_orders_dlq")
    assert header(dead)["reason"] == "timeout"
    assert header(dead)["error"] == "the handler ran longer than its limit of 0.5 s"


def test_an_event_loop_that_does_not_answer_is_killed(shop: Shop) -> None:
    orders(shop, timeout=0.5, asynchronous=True)
    shop.send("orders", [{"id": 1, "do": "block_loop", "seconds": 60}])
    shop.run()
    assert attempts(shop, 1) == [1, 2, 3]
    (dead,) = shop.rows("q_orders_dlq")
    assert header(dead)["reason"] == "timeout"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_set_timeout_moves_the_limit(shop: Shop, asynchronous: bool) -> None:
    orders(shop, timeout=0.5, visibility_timeout=2.0, asynchronous=asynchronous)
    shop.send(
        "orders",
        [
            {"id": 1, "do": "set_timeout", "seconds": 30, "then": 3.5},
            {"id": 2, "do": "set_timeout", "seconds": 0.3, "then": 30},
        ],
    )
    shop.run()
    assert attempts(shop, 1) == [1]
    assert [line.id for line in shop.ledger("end")] == [1]
    assert attempts(shop, 2) == [1, 2, 3]


def test_retry_sets_its_own_delay(shop: Shop) -> None:
    orders(shop)
    shop.send("orders", [{"id": 1, "do": "retry", "seconds": 0.7}])
    shop.run()
    begun = [line.at for line in shop.ledger("begin")]
    assert len(begun) == 3
    assert all(0.7 <= later - earlier < 2 for earlier, later in itertools.pairwise(begun))
    assert shop.count("q_orders_dlq") == 1


def test_reject_dead_letters_at_once(shop: Shop) -> None:
    orders(shop)
    shop.send("orders", [{"id": 1, "do": "reject"}])
    shop.run()
    assert attempts(shop, 1) == [1]
    (dead,) = shop.rows("q_orders_dlq")
    assert (header(dead)["reason"], header(dead)["error"]) == ("rejected", "not wanted")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_delete_and_archive_act_at_once(shop: Shop, asynchronous: bool) -> None:
    orders(shop, asynchronous=asynchronous)
    shop.send("orders", [{"id": 1, "do": "delete_then_raise"}, {"id": 2, "do": "archive"}])
    shop.run()
    assert attempts(shop, 1) == attempts(shop, 2) == [1]
    assert shop.count("q_orders") == shop.count("q_orders_dlq") == 0
    assert [row["message"]["id"] for row in shop.rows("a_orders")] == [2]


def test_a_model_that_refuses_a_valid_message_is_a_failure_of_the_handler(shop: Shop) -> None:
    orders(shop)
    module = shop.folder / "shop" / "orders.py"
    module.write_text(module.read_text().replace("payload=Any", "payload=int"))
    shop.send("orders", [{"id": 1, "do": "pass"}])
    shop.run()
    assert shop.count("q_orders") == shop.count("a_orders") == 0
    (dead,) = shop.rows("q_orders_dlq")
    assert (header(dead)["reason"], header(dead)["attempts"]) == ("exception", 3)
    assert header(dead)["error"].startswith("PayloadTypeError: queue `orders`: the schema accepts")


@pytest.mark.parametrize("on_invalid", ["archive", "dead_letter"])
def test_an_invalid_message_never_reaches_a_handler(shop: Shop, on_invalid: str) -> None:
    orders(shop, on_invalid=on_invalid)
    invalid = ['{"do": "pass"}', "[1]", "null", '"{\\"id\\": 1, \\"do\\": \\"pass\\"}"', "7"]
    for text in invalid:
        shop.execute("SELECT pgmq.send('orders', %s::jsonb)", text)
    shop.execute("""SELECT pgmq.send('orders', '{"id": "x"}', '["not an object"]'::jsonb, 0)""")
    shop.run()
    assert shop.ledger() == []
    rows = shop.rows("a_orders" if on_invalid == "archive" else "q_orders_dlq")
    assert len(rows) == 6
    assert shop.count("q_orders") == 0
    assert all(header(row)["reason"] == "invalid" for row in rows)
    of = {json.dumps(row["message"]): row for row in rows}
    assert header(of['{"do": "pass"}'])["errors"] == [
        {"pointer": "", "keyword": "required", "message": '"id" is a required property'}
    ]
    last = of['{"id": "x"}']
    assert [(error["pointer"], error["keyword"]) for error in errors(last)] == [
        ("", "required"),
        ("/id", "type"),
    ]
    assert last["headers"]["x-pgmqgen-headers"] == ["not an object"]


def test_a_sync_handler_that_blocks_in_c_keeps_its_lease(shop: Shop) -> None:
    orders(shop, visibility_timeout=1.0)
    shop.send("orders", [{"id": 1, "do": "hold_gil", "seconds": 3.2}])
    shop.run()
    assert attempts(shop, 1) == [1]
    assert [line.id for line in shop.ledger("end")] == [1]


def test_one_message_beside_a_hundred_thousand(shop: Shop) -> None:
    shop.add_queues({"many": {}, "few": {}})
    shop.send("many", [{"id": i, "do": "pass"} for i in range(100_000)])
    worker = shop.start()
    shop.wait_for(lambda: len(shop.ledger()) > 100)
    sent_at = time.time()
    shop.send("few", [{"id": 1, "do": "pass"}])
    shop.wait_for(lambda: [line for line in shop.ledger("end") if line.queue == "few"])
    (line,) = [line for line in shop.ledger("end") if line.queue == "few"]
    assert line.at - sent_at < 1
    assert shop.count("q_many") > 0, "the test proves nothing once the other queue is empty"
    worker.kill()


def test_messages_behind_a_slow_one_move_to_a_free_process(shop: Shop) -> None:
    orders(shop)
    shop.send("orders", [{"id": 0, "do": "sleep", "seconds": 6}])
    shop.send("orders", [{"id": i, "do": "pass"} for i in range(1, 10)])
    worker = shop.start()
    shop.wait_for(lambda: len(shop.ledger("end")) == 9)
    assert 0 not in {line.id for line in shop.ledger("end")}
    assert {line.attempt for line in shop.ledger("begin")} == {1}
    worker.terminate()
    assert worker.wait(10) == 0
    assert sorted(line.id for line in shop.ledger("end")) == list(range(10))


def test_a_fast_queue_is_served_between_slow_messages_of_another(shop: Shop) -> None:
    shop.add_queues({"slow": {}, "fast": {}})
    shop.send("slow", [{"id": i, "do": "sleep", "seconds": 0.4} for i in range(100)])
    worker = shop.start(processes=1)
    shop.wait_for(lambda: len(shop.ledger("end")) >= 3)
    waits = []
    for number in range(8):
        sent_at = time.time()
        shop.send("fast", [{"id": number, "do": "pass"}])
        begun = shop.wait_for_line("begin", "fast", after=number, timeout_s=5)
        waits.append(begun.at - sent_at)
    worker.kill()
    assert max(waits) < 2, "a fast message waits for about one slow one"
    released = "SELECT count(*) FROM pgmq.q_fast WHERE headers -> 'x-pgmqgen' ? 'releases'"
    assert shop.execute(released) == [(0,)]


@pytest.mark.parametrize("other", ["sync", "async"])
def test_a_dead_letter_queue_that_is_gone_holds_up_nothing_else(shop: Shop, other: str) -> None:
    orders(shop, max_attempts=1, asynchronous=other == "async")
    worker = shop.start()
    shop.wait_for(lambda: "ready" in shop.logs())
    shop.execute("SELECT pgmq.drop_queue('orders_dlq')")
    shop.send("orders", [{"id": 0, "do": "raise"}])
    shop.wait_for(lambda: "does not exist" in shop.logs())
    shop.send("orders", [{"id": i, "do": "pass"} for i in range(1, 50)])
    shop.wait_for(lambda: shop.count("q_orders") == 1, timeout_s=5)
    worker.terminate()
    assert worker.wait(10) == 0
    (kept,) = shop.rows("q_orders")
    assert header(kept)["attempts"] == 1
    assert attempts(shop, 0) == [1]
    told = (
        "is kept, and tried again in 60 s: queue `orders_dlq` does not exist: run `pgmqgen migrate`"
    )
    assert shop.logs().count(told) == 1


def test_what_is_not_to_be_moved_yet_is_not_run_again(shop: Shop) -> None:
    orders(shop, max_attempts=2)
    shop.send("orders", [{"id": 0, "do": "raise"}, {"id": 1, "do": "reject"}])
    shop.execute("ALTER TABLE pgmq.q_orders_dlq ADD CONSTRAINT no CHECK (NOT message ? 'do')")
    worker = shop.start()

    def wait_until_refused(times: int) -> None:
        put_off = "q_orders WHERE vt > now() + '50 s'"
        shop.wait_for(lambda: shop.logs().count("is kept, and tried again in 60 s") == times)
        shop.wait_for(lambda: shop.count(put_off) == 2)

    wait_until_refused(2)
    shop.execute("UPDATE pgmq.q_orders SET vt = now()")
    wait_until_refused(4)
    shop.execute("ALTER TABLE pgmq.q_orders_dlq DROP CONSTRAINT no")
    shop.execute("UPDATE pgmq.q_orders SET vt = now()")
    shop.wait_for(lambda: shop.count("q_orders_dlq") == 2)
    worker.terminate()
    assert worker.wait(10) == 0
    assert (attempts(shop, 0), attempts(shop, 1)) == ([1, 2], [1])
    kept = {row["message"]["id"]: header(row) for row in shop.rows("q_orders_dlq")}
    assert {(each["reason"], each["attempts"]) for each in kept.values()} == {
        ("exception", 2),
        ("rejected", 1),
    }
    assert kept[1]["error"] == "not wanted"
    assert "TwoArguments" in kept[0]["traceback"]
    assert not any("final" in each for each in kept.values())


def test_a_delay_beyond_what_postgresql_counts_holds_up_nothing_else(shop: Shop) -> None:
    orders(shop)
    shop.send("orders", [{"id": 0, "do": "retry", "seconds": 1e18}])
    worker = shop.start()
    shop.wait_for(
        lambda: "is kept, and tried again in 60 s: queue `orders`: interval" in shop.logs()
    )
    shop.send("orders", [{"id": i, "do": "reject"} for i in range(1, 10)])
    shop.wait_for(lambda: shop.count("q_orders_dlq") == 9, timeout_s=5)
    worker.terminate()
    assert worker.wait(10) == 0
    (kept,) = shop.rows("q_orders")
    assert header(kept)["attempts"] == 1


def test_an_archive_that_is_gone_is_named(shop: Shop) -> None:
    orders(shop, max_attempts=1, on_failure="archive")
    shop.execute("DROP TABLE pgmq.a_orders")
    shop.send("orders", [{"id": 0, "do": "raise"}])
    worker = shop.start()
    told = "is kept, and tried again in 60 s: the archive of queue `orders` does not exist"
    shop.wait_for(lambda: told in shop.logs())
    worker.terminate()
    assert worker.wait(10) == 0
    assert shop.count("q_orders") == 1


def test_a_handler_that_ends_the_event_loop_ends_its_process_only(shop: Shop) -> None:
    orders(shop, asynchronous=True)
    shop.send("orders", [{"id": 0, "do": "end_loop"}])
    shop.send("orders", [{"id": i, "do": "pass"} for i in range(1, 10)])
    shop.run(timeout_s=60, processes=1)
    assert {line.id for line in shop.ledger("end")} >= set(range(1, 10))
    assert "the event loop ended" in shop.logs()
    assert shop.count("q_orders") == 0


def test_a_limit_moved_from_a_thread(shop: Shop) -> None:
    orders(shop, timeout=0.5, asynchronous=True)
    shop.send("orders", [{"id": 1, "do": "set_timeout_in_thread", "seconds": 30, "then": 1.5}])
    shop.run()
    assert attempts(shop, 1) == [1]
    assert [line.id for line in shop.ledger("end")] == [1]


def test_a_locked_table_holds_up_neither_other_queues_nor_the_end(shop: Shop) -> None:
    shop.add_queues({"orders": {}, "bills": {}})
    worker = shop.start()
    shop.wait_for(lambda: "ready" in shop.logs())
    with psycopg.connect(shop.url) as connection:
        connection.execute("LOCK TABLE pgmq.q_orders")
        shop.send("bills", [{"id": i, "do": "pass"} for i in range(20)])
        shop.wait_for(lambda: len(shop.ledger("end")) == 20, timeout_s=10)
        worker.terminate()
        worker.terminate()
        assert worker.wait(10) in (0, 130)


def test_finished_messages_keep_their_leases_while_a_row_is_locked(shop: Shop) -> None:
    orders(shop, visibility_timeout=2.0, asynchronous=True)
    workers = [shop.start() for _ in range(2)]
    shop.wait_for(lambda: shop.logs().count("ready") == 2)
    shop.send("orders", [{"id": i, "do": "sleep", "seconds": 0.5} for i in range(30)])
    shop.wait_for(lambda: len(shop.ledger("begin")) == 30)
    with psycopg.connect(shop.url) as connection:  # what finishes with these is not acknowledged
        connection.execute("SELECT 1 FROM pgmq.q_orders WHERE msg_id % 10 = 1 FOR UPDATE")
        time.sleep(5)  # two and a half leases
    shop.wait_for(lambda: shop.count("q_orders") == 0)
    # The locked rows themselves cannot be extended; all others ran once.
    begun = [line.id for line in shop.ledger("begin") if line.id % 10 != 0]
    assert sorted(begun) == [i for i in range(30) if i % 10 != 0]
    for worker in workers:
        worker.terminate()
        assert worker.wait(10) == 0


def test_the_errors_of_a_monster_stay_small(shop: Shop) -> None:
    orders(shop)
    shop.send("orders", [{"id": "x" * 1_000_000, "do": "pass"}])
    shop.run()
    ((size,),) = shop.execute("SELECT length(headers::text) FROM pgmq.a_orders")
    assert size < 5_000
    assert len(shop.logs()) < 10_000


def test_what_runs_is_not_given_back_when_a_recalled_message_is_refused(shop: Shop) -> None:
    """The entry of a recalled message must not be used by another while the child writes to it."""
    shop.add_queues({"slow": {}, "waiting": {"asynchronous": True}})
    worker = shop.start(processes=1)
    shop.wait_for(lambda: "ready" in shop.logs())
    shop.send("slow", [{"id": i, "do": "sleep", "seconds": 1.0} for i in range(2)])
    shop.wait_for(lambda: bool(shop.ledger("begin")))
    time.sleep(0.45)  # by now the second one is recalled
    shop.send("waiting", [{"id": 100 + i, "do": "sleep", "seconds": 3} for i in range(2)])
    shop.wait_for(lambda: len([1 for line in shop.ledger("begin") if line.id >= 100]) == 2)
    time.sleep(1.2)  # by now the child has refused it
    worker.terminate()
    time.sleep(0.5)
    leased = "SELECT count(*) FROM pgmq.q_waiting WHERE vt > clock_timestamp()"
    assert shop.execute(leased) == [(2,)], "running messages were given back"
    assert worker.wait(10) == 0
    assert sorted(line.id for line in shop.ledger("end") if line.id >= 100) == [100, 101]


_FORKING = """
import multiprocessing


def fork(message, context):
    note("begin", message)
    seconds = message.payload["seconds"]
    helper = multiprocessing.get_context("fork").Process(target=time.sleep, args=(seconds,))
    helper.start()
    if message.payload["do"] == "terminate":
        helper.terminate()
    helper.join(10)
    note(f"{helper.exitcode}", message)
    helper.kill()
"""


def test_what_a_handler_forks_is_waited_for_on_ctrl_c(shop: Shop) -> None:
    shop.add_queues({"orders": {"function": "fork"}}, _FORKING)
    shop.send("orders", [{"id": 1, "do": "wait", "seconds": 1.5}])
    worker = shop.start(processes=1)
    shop.wait_for(lambda: shop.ledger("begin"))
    time.sleep(0.3)
    os.killpg(worker.pid, signal.SIGINT)
    assert worker.wait(20) == 0
    assert [line.event for line in shop.ledger()] == ["begin", "0"]
    assert shop.count("q_orders") == 0


def test_what_a_handler_forks_ends_on_sigterm(shop: Shop) -> None:
    shop.add_queues({"orders": {"function": "fork"}}, _FORKING)
    shop.send("orders", [{"id": 1, "do": "terminate", "seconds": 60}])
    shop.run(processes=1)
    assert [line.event for line in shop.ledger()] == ["begin", "-15"]
