"""A worker's beginning and end: what it waits for, what stops it, what it leaves."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psycopg
import pytest

from pgmqgen import Registry, Worker
from pgmqgen.errors import ConfigError, RegistryError
from tests.fault.harness import Shop, running_children


def test_a_database_that_is_down_is_waited_for(shop: Shop, tmp_path: Path) -> None:
    shop.add_queues({"orders": {}})
    shop.send("orders", [{"id": 1, "do": "pass"}])
    nowhere = shop.url.replace("host=", f"host={tmp_path}/nowhere&x=").split("&x=")[0]
    (shop.folder / "dial.py").write_text(
        "import pathlib\n\n\ndef conninfo():\n"
        f"    return pathlib.Path({str(tmp_path / 'address')!r}).read_text()\n"
    )
    (tmp_path / "address").write_text(nowhere)
    worker = shop.start(database_url=None, connect="dial:conninfo", until_empty=True)
    shop.wait_for(lambda: shop.logs().count("trying again") >= 2)
    assert worker.poll() is None
    (tmp_path / "address").write_text(shop.url)
    assert worker.wait(20) == 0
    assert len(shop.ledger("end")) == 1


def test_a_worker_can_be_stopped_while_the_database_is_away(shop: Shop, tmp_path: Path) -> None:
    shop.add_queues({"orders": {}})
    worker = shop.start(database_url=f"postgresql://postgres@/x?host={tmp_path}/nowhere")
    shop.wait_for(lambda: "trying again" in shop.logs())
    worker.terminate()
    assert worker.wait(5) == 0


def test_a_signal_may_come_while_the_worker_is_being_stopped(shop: Shop) -> None:
    """At any instruction: what the handler does must not wait for the thread that it interrupts."""
    shop.add_queues({"orders": {}})
    (shop.folder / "main.py").write_text(
        "import signal, time\n"
        "from shop.registry import registry\n"
        "from pgmqgen import Worker\n"
        "worker = Worker(registry, database_url='dbname=any')\n"
        "signal.signal(signal.SIGALRM, lambda *_: worker.abort())\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)\n"
        "until = time.monotonic() + 0.5\n"
        "while time.monotonic() < until:\n"
        "    worker.abort()\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\n"
    )
    assert shop.start().wait(10) == 0


def test_a_missing_queue_is_named(shop: Shop) -> None:
    shop.add_queues({"orders": {}, "bills": {}})
    shop.execute("SELECT pgmq.drop_queue('bills')")
    worker = shop.start()
    assert worker.wait(20) == 1
    assert "DatabaseError: no such queue in the database: `bills`" in shop.logs()


@pytest.mark.parametrize(
    ("handlers", "complaint"),
    [
        (
            "\nimport nothing_of_the_kind",
            (
                "cannot import `shop.handlers`: ModuleNotFoundError: "
                "No module named 'nothing_of_the_kind' (at {folder}/shop/handlers.py:2)"
            ),
        ),
        (
            "handle = (",
            "cannot import `shop.handlers`: SyntaxError: '(' was never closed (handlers.py, line 1)\n",
        ),
        ("def hand_over(message, context): ...", "module `shop.handlers` has no `handle`"),
        ("handle = 7", "`.handlers:handle` of queue `orders` is not a function"),
        (
            "def handle(message): ...",
            "`.handlers:handle` of queue `orders` cannot be called with a message and a context",
        ),
        (
            "async def handle(message, context): yield",
            "`.handlers:handle` of queue `orders` is a generator, of which a call does nothing",
        ),
    ],
)
def test_handlers_that_do_not_load_end_the_worker(
    shop: Shop, handlers: str, complaint: str
) -> None:
    shop.add_queues({"orders": {}})
    (shop.folder / "shop" / "handlers.py").write_text(handlers)
    worker = shop.start()
    assert worker.wait(20) == 1
    assert f"RegistryError: {complaint.format(folder=shop.folder)}" in shop.logs()


@pytest.mark.parametrize(
    ("returned", "complaint"),
    [
        ("asyncio.sleep(0)", "a sync handler returned an awaitable: define it by `async def`"),
        ("(_ for _ in ())", "a sync handler returned a generator, which nobody runs"),
    ],
)
def test_a_handler_that_returns_its_work_undone_has_failed(
    shop: Shop, returned: str, complaint: str
) -> None:
    shop.add_queues({"orders": {"max_attempts": 1}})
    code = f"import asyncio\nhandle = lambda message, context: {returned}"
    (shop.folder / "shop" / "handlers.py").write_text(code)
    shop.send("orders", [{"id": 1, "do": "pass"}])
    shop.run()
    assert f"TypeError: {complaint}" in shop.logs()
    assert (shop.count("q_orders"), shop.count("q_orders_dlq")) == (0, 1)


def test_handlers_that_kill_their_process_at_import_end_the_worker(shop: Shop) -> None:
    shop.add_queues({"orders": {}})
    (shop.folder / "shop" / "handlers.py").write_text("import os\nos._exit(9)")
    worker = shop.start(processes=1)
    assert worker.wait(30) == 1
    assert "the process exited with status 9 while it loaded the handlers" in shop.logs()


def test_until_empty_waits_for_its_retries_and_leaves_what_is_delayed(shop: Shop) -> None:
    shop.add_queues({"orders": {"max_attempts": 3}})
    shop.send("orders", [{"id": 1, "do": "retry", "seconds": 0.8}])
    shop.execute("""SELECT pgmq.send('orders', '{"id": 2, "do": "pass"}', 600)""")
    started = time.monotonic()
    shop.run()
    assert time.monotonic() - started > 1.6
    assert [line.attempt for line in shop.ledger("begin")] == [1, 2, 3]
    assert [row["message"]["id"] for row in shop.rows("q_orders")] == [2]


def test_a_delayed_message_is_handled_when_it_is_due(shop: Shop) -> None:
    shop.add_queues({"orders": {}})
    worker = shop.start()
    shop.wait_for(lambda: "ready" in shop.logs())
    shop.execute("""SELECT pgmq.send('orders', '{"id": 1, "do": "pass"}', 2)""")
    due = time.time() + 2
    shop.wait_for(lambda: bool(shop.ledger("end")))
    assert 0 <= shop.ledger("begin")[0].at - due + 0.05 < 1
    worker.terminate()
    assert worker.wait(10) == 0


def test_a_notification_wakes_a_worker_at_rest(shop: Shop) -> None:
    shop.add_queues({"orders": {"notify": True}})
    with psycopg.connect(shop.url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN PERFORM pg_notify('pgmqgen', TG_ARGV[0]); RETURN NULL; END$$;"
            "CREATE TRIGGER tell AFTER INSERT ON pgmq.q_orders "
            "FOR EACH STATEMENT EXECUTE FUNCTION tell('orders')"
        )
    worker = shop.start()
    shop.wait_for(lambda: "ready" in shop.logs())
    time.sleep(8)  # long enough for the polls to become rare
    waits = []
    for number in range(5):
        sent_at = time.time()
        shop.send("orders", [{"id": number, "do": "pass"}])
        waits.append(shop.wait_for_line("begin", "orders", after=number).at - sent_at)
        time.sleep(0.1)
    worker.terminate()
    assert worker.wait(10) == 0
    assert sorted(waits)[2] < 0.09, "slower than the shortest poll: the notification did nothing"


def test_a_stopped_worker_leaves_no_process(shop: Shop) -> None:
    shop.add_queues({"orders": {}})
    worker = shop.start(processes=3)
    shop.wait_for(lambda: "ready" in shop.logs())
    children = list(running_children(worker.pid))
    assert len(children) == 3
    worker.terminate()
    assert worker.wait(10) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_options_are_checked() -> None:
    empty = Registry("shop.registry", [])
    with pytest.raises(ConfigError, match="the registry has no queues"):
        Worker(empty, database_url="")
    with pytest.raises(RegistryError, match="no queue `bills` in the registry"):
        Worker(empty, database_url="", queues=["bills"])


def test_a_worker_is_a_worker_in_a_thread_too(shop: Shop) -> None:
    """Without signals; `stop` ends it."""
    shop.add_queues({"orders": {}})
    shop.send("orders", [{"id": 1, "do": "pass"}])
    (shop.folder / "main.py").write_text(
        "import json, os, pathlib, sys, threading, time\n"
        "from shop.registry import registry\n"
        "from pgmqgen import Worker\n"
        "worker = Worker(registry, **json.loads(sys.argv[1]))\n"
        "thread = threading.Thread(target=worker.run)\n"
        "thread.start()\n"
        "ledger = pathlib.Path(os.environ['LEDGER'])\n"
        "while not ledger.exists() or '\"end\"' not in ledger.read_text():\n"
        "    time.sleep(0.05)\n"
        "worker.stop()\n"
        "thread.join()\n"
    )
    assert shop.start().wait(20) == 0
    assert len(shop.ledger("end")) == 1


@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.1, 0.2, 0.8])
def test_ctrl_c_at_any_moment_ends_a_worker_without_a_traceback(shop: Shop, wait_s: float) -> None:
    """The terminal sends it to the whole group: parent and children."""
    shop.add_queues({"orders": {}})
    worker = shop.start(processes=4)
    shop.wait_for(lambda: "starting" in shop.logs())
    time.sleep(wait_s)
    os.killpg(worker.pid, signal.SIGINT)
    assert worker.wait(10) == 0, shop.logs()
    assert "Traceback" not in shop.logs()


_GONE = "queue `bills` does not exist any more; the other queues go on"


def test_a_queue_dropped_while_running_does_not_stop_the_others(shop: Shop) -> None:
    shop.add_queues({"orders": {}, "bills": {}})
    worker = shop.start()
    shop.wait_for(lambda: "ready" in shop.logs())
    shop.execute("SELECT pgmq.drop_queue('bills')")
    shop.wait_for(lambda: _GONE in shop.logs())
    for number in range(5):
        shop.send("orders", [{"id": number, "do": "pass"}])
        shop.wait_for_line("end", "orders", after=number, timeout_s=3)
    shop.execute("SELECT pgmq.create('bills')")
    shop.send("bills", [{"id": 5, "do": "pass"}])
    shop.wait_for_line("end", "bills", after=0, timeout_s=3)
    worker.terminate()
    assert worker.wait(10) == 0
    assert shop.logs().count("does not exist") == 1


@pytest.mark.parametrize("asynchronous", [False, True])
def test_messages_of_a_dropped_queue_hold_up_no_end(shop: Shop, asynchronous: bool) -> None:
    shop.add_queues({"orders": {}, "bills": {"asynchronous": asynchronous}})
    shop.send("bills", [{"id": 1, "do": "sleep", "seconds": 1}, {"id": 2, "do": "raise"}])
    shop.send("orders", [{"id": 3, "do": "sleep", "seconds": 2}])
    worker = shop.start(until_empty=True, processes=3)
    shop.wait_for(lambda: {line.id for line in shop.ledger("begin")} == {1, 2, 3})
    shop.execute("SELECT pgmq.drop_queue('bills')")
    assert worker.wait(6) == 0, shop.logs()
    assert shop.logs().count(_GONE) == 1
    assert "message(s) in hand are gone with it" in shop.logs()
    assert shop.count("q_orders") == 0


def test_a_worker_whose_handlers_load_slowly_stops_at_once(shop: Shop) -> None:
    shop.add_queues({"orders": {}})
    (shop.folder / "shop" / "handlers.py").write_text("import time\ntime.sleep(60)")
    worker = shop.start(processes=4)
    shop.wait_for(lambda: "starting" in shop.logs())
    time.sleep(0.5)
    worker.terminate()
    assert worker.wait(3) == 0


def test_a_logger_of_any_style_reaches_the_children(shop: Shop) -> None:
    shop.add_queues({"orders": {}})
    shop.send("orders", [{"id": 1, "do": "pass"}])
    main = shop.folder / "main.py"
    main.write_text(
        main.read_text().replace(
            '"%(asctime)s %(process)d %(name)s %(message)s"', '"{name} {message}", style="{"'
        )
    )
    shop.run()
    assert "pgmqgen.worker ready" in shop.logs()
    assert len(shop.ledger("end")) == 1
