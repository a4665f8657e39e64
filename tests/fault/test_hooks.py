"""Hooks are called in order, each in the process that the documentation says."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fault.harness import Shop, read_lines

_HOOKS = """
import json
import os
import threading
import time

from pgmqgen import Archive, Delete, Hooks, Reject, Release, Retry


def note(hook, **details):
    line = {"hook": hook, "pid": os.getpid(), "thread": threading.current_thread().name, **details}
    ledger = os.open(os.environ["LEDGER"] + ".hooks", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, (json.dumps(line) + "\\n").encode())
    os.close(ledger)


class Recorder(Hooks):
    def on_ready(self):
        note("on_ready")

    def on_before_read(self, queue):
        note("on_before_read", queue=queue)

    def on_lost(self, message, reason, stack):
        note("on_lost", id=message.payload["id"], reason=reason, attempt=message.attempt)

    def on_dead_letter(self, message, reason):
        note("on_dead_letter", id=message.payload.get("id"), reason=reason)

    def on_shutdown(self):
        note("on_shutdown")

    def on_start(self):
        note("on_start")

    def before_handle(self, message):
        note("before_handle", id=message.payload["id"])

    def after_handle(self, message, outcome):
        note("after_handle", id=message.payload["id"], outcome=type(outcome).__name__)

    def on_error(self, error, message):
        note("on_error", id=message.payload["id"], error=str(error))

    def on_invalid(self, errors, message, queue):
        note("on_invalid", queue=queue, keywords=[error.keyword for error in errors])


class Deciding(Hooks):
    def on_error(self, error, message):
        return {"archive": Archive(), "reject": Reject("by hook"), "delete": Delete()}.get(
            message.payload["want"], Retry(delay=0.1)
        )

    def on_invalid(self, errors, message, queue):
        return {"archive": Archive(), "reject": Reject("by hook"), "delete": Delete()}.get(
            message.payload["want"], Retry(delay=0.1)
        )


class Vetoing(Hooks):
    def before_handle(self, message):
        if message.read_count == 1:
            return False
        if message.read_count == 2:
            return Release(0.2)


class Exiting(Hooks):
    def on_ready(self):
        raise SystemExit(5)

    def before_handle(self, message):
        raise SystemExit(6)


class Slow(Recorder):
    def on_dead_letter(self, message, reason):
        time.sleep(0.2)


class Misspelt(Recorder):
    def on_eror(self, error, message):
        pass

    def note_on_paper(self):
        pass

    def _on_error(self):
        pass


class Raising(Recorder):
    def __getattribute__(self, name):
        if name.startswith(("on_", "before_", "after_")):
            def fail(*arguments):
                note("raised", name=name)
                raise RuntimeError("from a hook")
            return fail
        return super().__getattribute__(name)
"""


def with_hooks(shop: Shop, **settings: Any) -> None:
    shop.add_queues({"orders": settings})
    (shop.folder / "hooks.py").write_text(_HOOKS)


def calls(shop: Shop) -> list[dict[str, Any]]:
    return read_lines(Path(f"{shop.ledger_path}.hooks"))


def test_hooks_are_called_in_order_each_in_its_process(shop: Shop) -> None:
    with_hooks(shop, max_attempts=1, on_invalid="dead_letter", timeout=0.4)
    payloads = [
        {"id": 1, "do": "pass"},
        {"id": 2, "do": "raise"},
        {"id": 3, "do": "exit"},
        {"id": 4},
        {"id": 5, "do": "sleep", "seconds": 30},
    ]
    shop.send("orders", payloads)
    worker = shop.start(hooks="hooks:Recorder", processes=1, until_empty=True)
    assert worker.wait(30) == 0, shop.logs()
    made = calls(shop)

    parent = {"on_ready", "on_before_read", "on_lost", "on_dead_letter", "on_shutdown"}
    for call in made:
        assert (call["pid"] == worker.pid) == (call["hook"] in parent), call
        if call["hook"] in parent:
            assert call["thread"] == "MainThread"
    children = {line.id: line.pid for line in shop.ledger("begin")}
    assert {c["pid"] for c in made if c["hook"] == "on_start"} >= set(children.values())

    in_parent = [call["hook"] for call in made if call["hook"] in parent]
    assert in_parent[0] == "on_ready"
    assert in_parent[-1] == "on_shutdown"
    assert in_parent.count("on_ready") == in_parent.count("on_shutdown") == 1

    def of(id_: int) -> list[str]:
        return [call["hook"] for call in made if call.get("id") == id_]

    assert of(1) == ["before_handle", "after_handle"]
    assert of(2) == ["before_handle", "on_error", "after_handle", "on_dead_letter"]
    assert of(3) == ["before_handle", "on_lost", "on_dead_letter"]
    assert of(4) == ["on_dead_letter"]
    assert of(5) == ["before_handle", "on_lost", "on_dead_letter"]
    assert {(c["id"], c["reason"]) for c in made if c["hook"] == "on_lost"} == {
        (3, "crash"),
        (5, "timeout"),
    }
    assert [c["keywords"] for c in made if c["hook"] == "on_invalid"] == [["required"]]
    outcomes = {c["id"]: c["outcome"] for c in made if c["hook"] == "after_handle"}
    assert outcomes == {1: "Completed", 2: "Failed"}


def test_hooks_decide(shop: Shop) -> None:
    with_hooks(shop, max_attempts=2)
    for number, want in enumerate(["archive", "reject", "delete", "retry"]):
        failing = {"id": number, "do": "raise", "want": want}
        invalid = {"id": f"bad {number}", "do": "pass", "want": want}
        shop.send("orders", [failing, invalid])
    shop.run(hooks="hooks:Deciding")
    archived = [row["message"]["id"] for row in shop.rows("a_orders")]
    assert sorted(archived, key=str) == [0, "bad 0"]
    dead = {row["message"]["id"]: row["headers"]["x-pgmqgen"] for row in shop.rows("q_orders_dlq")}
    assert sorted(dead, key=str) == [1, 3, "bad 1", "bad 3"]
    assert dead[1]["reason"] == "rejected"
    assert dead[1]["attempts"] == dead["bad 1"]["attempts"] == 1
    assert dead[3]["attempts"] == dead["bad 3"]["attempts"] == 2
    assert shop.count("q_orders") == 0


def test_a_veto_gives_the_message_back_without_an_attempt(shop: Shop) -> None:
    with_hooks(shop, max_attempts=1)
    shop.send("orders", [{"id": 1, "do": "pass"}])
    worker = shop.start(hooks="hooks:Vetoing")
    shop.wait_for(lambda: len(shop.ledger("end")) == 1)
    worker.terminate()
    assert worker.wait(10) == 0
    assert [line.attempt for line in shop.ledger("begin")] == [1]
    assert shop.count("q_orders") == shop.count("q_orders_dlq") == 0


def test_a_misspelt_hook_is_told(shop: Shop) -> None:
    with_hooks(shop, max_attempts=1)
    shop.run(hooks="hooks:Misspelt", processes=2)
    told = "`on_eror` of `Misspelt` is no hook; did you mean `on_error`?"
    assert shop.logs().count(told) == 1
    assert shop.logs().count("is no hook") == 1


def test_a_hook_that_raises_changes_nothing(shop: Shop) -> None:
    with_hooks(shop, max_attempts=1)
    shop.send("orders", [{"id": 1, "do": "pass"}, {"id": 2, "do": "raise"}, {"id": 3}])
    shop.run(hooks="hooks:Raising")
    assert {c["name"] for c in calls(shop) if c["hook"] == "raised"} == {
        "on_ready", "on_before_read", "on_dead_letter", "on_shutdown",
        "on_start", "before_handle", "after_handle", "on_error", "on_invalid",
    }  # fmt: skip
    assert [row["message"]["id"] for row in shop.rows("q_orders_dlq")] == [2]
    assert [row["message"]["id"] for row in shop.rows("a_orders")] == [3]
    assert [line.id for line in shop.ledger("end")] == [1]
    assert "from a hook" in shop.logs()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_hook_that_exits_changes_nothing(shop: Shop, asynchronous: bool) -> None:
    with_hooks(shop, max_attempts=1, asynchronous=asynchronous)
    shop.send("orders", [{"id": i, "do": "pass"} for i in range(3)])
    shop.run(hooks="hooks:Exiting")
    assert sorted(line.id for line in shop.ledger("end")) == [0, 1, 2]
    assert "hook `on_ready` raised" in shop.logs()
    assert "hook `before_handle` raised" in shop.logs()


def test_a_second_signal_waits_for_no_hooks(shop: Shop) -> None:
    with_hooks(shop, max_attempts=1)
    shop.send("orders", [{"id": number, "do": "raise"} for number in range(300)])
    worker = shop.start(hooks="hooks:Slow", processes=1)
    shop.wait_for(lambda: shop.count("q_orders_dlq") == 300)
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 130
    assert re.search(r"\d+ call\(s\) of hooks were dropped", shop.logs())
