"""pgmq 1.4 and 1.5, which managed hosts still ship: a 1.13 without what these do not have."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgmqgen import AsyncQueue, Contract, Queue
from pgmqgen.errors import DatabaseError
from tests.fault.harness import Shop

_LACKING = {"1.4": ("last_read_at", "headers"), "1.5": ("last_read_at",)}
_LATER_FUNCTIONS = """
SELECT format('DROP FUNCTION %%s CASCADE', oid::regprocedure) FROM pg_proc
WHERE pronamespace = 'pgmq'::regnamespace AND (
    proname ~ 'topic|grouped|notify|fifo'
    OR proname = 'set_vt' AND proargtypes[1] = 'bigint[]'::regtype
    OR proname LIKE 'send%%' AND 'timestamptz'::regtype = ANY (proargtypes::oid[])
)
"""
_HANDLERS = """
def in_transaction(message, context):
    note("begin", message)
    with context.transaction():
        pass
    note("end", message)
"""


def _age(shop: Shop, version: str) -> None:
    """Take out of the database what a release of pgmq does not have."""
    for (statement,) in shop.execute(_LATER_FUNCTIONS):
        shop.execute(statement)
    tables = shop.execute("SELECT oid::regclass::text FROM pg_class WHERE relname ~ '^[qa]_.*[a-z]$' "
        "AND relkind = 'r' AND relnamespace = 'pgmq'::regnamespace")  # fmt: skip
    for (table,) in tables:
        for column in _LACKING[version]:
            shop.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


@pytest.fixture(params=list(_LACKING))
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def aged(shop: Shop, version: str) -> Shop:
    """A project on a database with an old pgmq."""
    shop.add_queues(
        {
            "orders": {"max_attempts": 3, "on_success": "archive"},
            "mails": {"max_attempts": 1, "on_failure": "archive", "on_invalid": "dead_letter"},
            "books": {"on_success": "archive", "function": "in_transaction"},
            "Bulk": {"asynchronous": True, "max_attempts": 2},
            "poisoned": {"max_attempts": 2, "visibility_timeout": 1},
        },
        _HANDLERS,
    )
    _age(shop, version)
    return shop


def test_a_worker_run(aged: Shop, version: str) -> None:
    aged.send("orders", [{"id": 1, "do": "pass"}, {"id": 2, "do": "raise"}])
    aged.send("mails", [{"id": 3, "do": "raise"}, {"id": "x"}])
    aged.send("books", [{"id": 4, "do": "pass"}])
    aged.send("Bulk", [{"id": i, "do": "pass"} for i in range(100, 300)])
    aged.send("Bulk", [{"id": 6, "do": "reject"}])
    aged.run()
    aged.send("Bulk", [{"id": 5, "do": "exit"}])  # what is in its process would run again
    aged.run()
    tries = [line.attempt for line in aged.ledger("begin") if line.id == 2]
    if version == "1.4":  # a lease that was given back unused has spent an attempt
        assert tries == sorted(set(tries))
        assert len(tries) >= 2
        assert tries[-1] == 3
    else:
        assert tries == [1, 2, 3]
    assert {line.id for line in aged.ledger("end")} == {1, 4, *range(100, 300)}
    kept = {
        table: sorted(str(row["message"]["id"]) for row in aged.rows(table))
        for table in ("a_orders", "a_mails", "a_books", "q_orders_dlq", "q_mails_dlq", "q_Bulk_dlq")
    }
    assert kept == {
        "a_orders": ["1"],
        "a_mails": ["3"],
        "a_books": ["4"],
        "q_orders_dlq": ["2"],
        "q_mails_dlq": ["x"],
        "q_Bulk_dlq": ["5", "6"],
    }
    reasons = [row.get("headers", {}).get("x-pgmqgen") for row in aged.rows("q_orders_dlq")]
    assert [reason and reason["reason"] for reason in reasons] == (
        [None] if version == "1.4" else ["exception"]
    )
    assert ("queue `orders` has no headers" in aged.logs()) is (version == "1.4")


def test_a_message_that_kills_its_worker_ends_all_the_same(aged: Shop) -> None:
    aged.send("poisoned", [{"id": 1, "do": "kill_parent"}])
    for _ in range(8):
        if aged.count("q_poisoned_dlq"):
            break
        before = len(aged.ledger("begin"))
        worker = aged.start(queues=["poisoned"], processes=1)
        aged.wait_for(
            lambda before=before, worker=worker: (
                len(aged.ledger("begin")) > before or aged.count("q_poisoned_dlq")
            )
        )
        worker.kill()
        worker.wait()
    assert aged.count("q_poisoned_dlq") == 1
    assert len(aged.ledger("begin")) <= 5


def test_what_is_given_back_is_handled_later(aged: Shop) -> None:
    aged.send("orders", [{"id": i, "do": "sleep", "seconds": 0.3} for i in range(12)])
    worker = aged.start()
    aged.wait_for(lambda: len(aged.ledger("begin")) >= 2)
    worker.terminate()
    assert worker.wait(20) == 0, aged.logs()
    aged.run()
    assert sorted(line.id for line in aged.ledger("end")) == list(range(12))
    assert aged.count("a_orders") == 12


CONTRACT: Contract[Any] = Contract(queue="orders", schema={}, payload=Any, fingerprint="f00d")


def test_clients(aged: Shop, version: str) -> None:
    with Queue(aged.url, "orders", CONTRACT) as queue:
        queue.send({"id": 1})
        assert len(queue.send_batch({"id": number} for number in (2, 3))) == 2
        for headers in ({"a": 1}, [None, {"a": 1}]):
            if version == "1.5":
                queue.send_batch([{"id": 4}] * 2, headers=headers)
            else:
                with pytest.raises(DatabaseError, match="`orders` has no column `headers`"):
                    queue.send_batch([{"id": 4}] * 2, headers=headers)
        first, second, *_ = queue.read(quantity=10)
        assert queue.archive(first)
        assert queue.set_timeout(second, 0)
        assert queue.delete(second)
    written = [row.get("headers") for row in aged.rows("a_orders")]
    kept = {"x-pgmqgen": {"schema": "f00d", "version": 1}}
    assert written == [None if version == "1.4" else kept]


def test_invalid_messages_of_clients(aged: Shop) -> None:
    contract: Contract[Any] = Contract(
        queue="orders", schema={"type": "object"}, payload=Any, fingerprint="f00d"
    )
    with Queue(aged.url, "orders") as queue:
        queue.send("no object")
    with Queue(aged.url, "orders", contract) as queue:
        assert queue.read() == []
    assert aged.count("a_orders") == 1


def test_async_clients(aged: Shop) -> None:
    async def use() -> int:
        async with AsyncQueue(aged.url, "orders", CONTRACT) as queue:
            await queue.send({"id": 1})
            (message,) = await queue.read()
            assert await queue.archive(message)
            return message.id

    handled = asyncio.run(use())
    assert [row["msg_id"] for row in aged.rows("a_orders")] == [handled]


def test_clients_in_a_transaction(aged: Shop) -> None:
    with psycopg.connect(aged.url) as connection, connection.transaction():
        queue = Queue(connection, "orders")
        queue.send({"id": 1})
        with pytest.raises(DatabaseError, match=r"`orders`: .*: its pgmq is too old") as caught:
            queue.read()
        assert "in a transaction of yours" in (caught.value.hint or "")
        raise psycopg.Rollback


def test_roles(aged: Shop) -> None:
    command = [
        "migrate",
        "--roles",
        "--role-prefix",
        "aged",
        "--registry",
        "shop.registry:registry",
    ]
    for expected in ("grant INSERT, SELECT", "up to date\n"):
        done = subprocess.run(
            [Path(sys.executable).with_name("pgmqgen"), *command, "--database-url", aged.url],
            cwd=aged.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
    aged.execute("DROP OWNED BY aged_worker, aged_producer")
    aged.execute("DROP ROLE aged_worker, aged_producer")
