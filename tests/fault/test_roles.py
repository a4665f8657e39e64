"""The roles of `migrate --roles`: what they are for works, and PostgreSQL refuses the rest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgmqgen import Queue
from pgmqgen.errors import DatabaseError
from tests.fault.harness import Shop

QUEUES: dict[str, dict[str, Any]] = {
    "orders": {"notify": True, "on_success": "archive", "max_attempts": 2},
    "mails": {"on_failure": "archive", "max_attempts": 1, "function": "in_transaction"},
    "Bulk": {"max_attempts": 2, "asynchronous": True},
}
_HANDLER = """
def in_transaction(message, context):
    note("begin", message)
    with context.transaction():
        act(message, message.payload)
    note("end", message)
"""
_DENIED = "42501"


@pytest.fixture
def guarded(shop: Shop) -> Iterator[Shop]:
    """A project whose database has its roles, each granted to a login role, and a foreign queue."""
    shop.add_queues({name: dict(settings) for name, settings in QUEUES.items()}, _HANDLER)
    shop.execute("SELECT pgmq.create('foreign')")
    shop.execute("CREATE TABLE secrets AS SELECT 1 AS secret")
    assert _migrate(shop).returncode == 0
    for role in ("worker", "producer"):
        shop.execute(f"CREATE ROLE {role}_login LOGIN IN ROLE shop_{role}")
    yield shop
    for role in ("worker_login", "producer_login", "shop_worker", "shop_producer"):
        shop.execute(f"DROP OWNED BY {role}")
        shop.execute(f"DROP ROLE {role}")


def _migrate(shop: Shop, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        "migrate",
        "--roles",
        "--role-prefix",
        "shop",
        "--registry",
        "shop.registry:registry",
    ]
    return subprocess.run(
        [Path(sys.executable).with_name("pgmqgen"), *command, "--database-url", shop.url, *options],
        cwd=shop.folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


def _as(shop: Shop, role: str) -> str:
    return shop.url.replace("//postgres@", f"//{role}_login@")


def _refusals(url: str, statements: list[str]) -> dict[str, str | None]:
    """SQLSTATE of each statement that fails."""
    found = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            try:
                connection.execute(statement.encode())
            except psycopg.Error as error:
                found[statement] = error.sqlstate
    return found


def test_a_whole_worker_run_with_the_workers_role(guarded: Shop) -> None:
    worker = guarded.start(database_url=_as(guarded, "worker"))
    guarded.wait_for(lambda: "ready" in guarded.logs())
    guarded.send("orders", [{"id": 1, "do": "pass"}, {"id": 2, "do": "raise"}])
    guarded.send("mails", [{"id": 3, "do": "pass"}, {"id": 4, "do": "raise"}, {"id": "x"}])
    guarded.send("Bulk", [{"id": 5, "do": "delete_then_raise"}, {"id": 6, "do": "exit"}])
    tables = ("q_orders", "q_mails", "q_Bulk")
    guarded.wait_for(lambda: not any(map(guarded.count, tables)))
    worker.terminate()
    assert worker.wait(20) == 0, guarded.logs()
    assert "permission denied" not in guarded.logs()
    assert [row["message"]["id"] for row in guarded.rows("a_orders")] == [1]
    assert [row["message"]["id"] for row in guarded.rows("q_orders_dlq")] == [2]
    assert [row["message"]["id"] for row in guarded.rows("a_mails")] == [4, "x"]
    assert [row["message"]["id"] for row in guarded.rows("q_Bulk_dlq")] == [6]
    assert [line.id for line in guarded.ledger("end")] == [1, 3]


def test_the_workers_role_can_do_nothing_else(guarded: Shop) -> None:
    forbidden = [
        "SELECT pgmq.create('more')",
        "SELECT pgmq.drop_queue('orders')",
        "SELECT pgmq.purge_queue('orders')",
        "DROP TABLE pgmq.q_orders",
        "TRUNCATE pgmq.q_orders",
        "ALTER TABLE pgmq.q_orders ADD COLUMN more int",
        "CREATE TABLE pgmq.more (id int)",
        "CREATE TABLE public.more (id int)",
        "UPDATE pgmq.q_orders SET message = '{}'",
        "INSERT INTO pgmq.q_orders (vt, message) VALUES (now(), '{}')",
        "SELECT message FROM pgmq.a_orders",
        "DELETE FROM pgmq.a_orders",
        "SELECT message FROM pgmq.q_orders_dlq",
        "DELETE FROM pgmq.q_orders_dlq",
        "SELECT * FROM pgmq.q_foreign",
        "SELECT pgmq.read('foreign', 1, 1)",
        "SELECT * FROM pgmq.meta",
        "SELECT * FROM secrets",
        "CREATE ROLE another",
        "CREATE SCHEMA another",
    ]
    refused = _refusals(_as(guarded, "worker"), forbidden)
    assert refused == dict.fromkeys(forbidden, _DENIED)


def test_the_producers_role_sends(guarded: Shop) -> None:
    url = _as(guarded, "producer")
    with Queue(url, "orders") as orders, Queue(url, "Bulk") as bulk:
        orders.send({"id": 1, "do": "pass"}, headers={"trace": "1"})
        assert len(orders.send_batch([{"id": 2, "do": "pass"}] * 3)) == 3
        assert len(bulk.send_batch([{}] * 2, headers=[{"a": 1}, None], delay=60)) == 2
    assert _refusals(url, ["SELECT pgmq.send('mails', '{}')"]) == {}
    assert [guarded.count(f"q_{name}") for name in QUEUES] == [4, 1, 2]


def test_the_producers_role_cannot_read_delete_or_update(guarded: Shop) -> None:
    url = _as(guarded, "producer")
    with Queue(url, "orders") as queue:
        queue.send({"id": 1, "do": "pass"})
        for call in (queue.read, queue.metrics, lambda: queue.delete(1), lambda: queue.archive(1)):
            with pytest.raises(DatabaseError) as caught:
                call()
            assert caught.value.sqlstate == _DENIED
    forbidden = [
        "SELECT pgmq.read('orders', 30, 1)",
        "SELECT pgmq.read_with_poll('orders', 30, 1, 1)",
        "SELECT pgmq.pop('orders')",
        "SELECT pgmq.delete('orders', 1)",
        "SELECT pgmq.delete('orders', ARRAY[1]::bigint[])",
        "SELECT pgmq.archive('orders', 1)",
        "SELECT pgmq.set_vt('orders', 1, 0)",
        "SELECT pgmq.purge_queue('orders')",
        "SELECT pgmq.drop_queue('orders')",
        "SELECT pgmq.metrics('orders')",
        "SELECT message FROM pgmq.q_orders",
        "UPDATE pgmq.q_orders SET vt = now()",
        "DELETE FROM pgmq.q_orders",
        "INSERT INTO pgmq.q_orders (vt, message, read_ct) VALUES (now(), '{}', 3)",
        "INSERT INTO pgmq.q_orders_dlq (vt, message) VALUES (now(), '{}')",
        "SELECT pgmq.send('orders_dlq', '{}')",
        "SELECT pgmq.send('foreign', '{}')",
        "SELECT * FROM pgmq.a_orders",
        "SELECT * FROM pgmq.meta",
        "CREATE TABLE pgmq.more (id int)",
    ]
    assert _refusals(url, forbidden) == dict.fromkeys(forbidden, _DENIED)
    assert guarded.count("q_orders") == 1


def test_roles_are_made_once_and_completed(guarded: Shop) -> None:
    assert _migrate(guarded).stdout == "up to date\n"
    guarded.execute("REVOKE DELETE ON pgmq.q_orders FROM shop_worker")
    guarded.execute("REVOKE USAGE ON SCHEMA pgmq FROM shop_producer")
    steps = [
        "let role `shop_producer` use schema `pgmq`",
        'grant SELECT, DELETE, UPDATE on `pgmq."q_orders"` to role `shop_worker`',
    ]
    assert _migrate(guarded, "--dry-run").stdout.splitlines() == steps
    assert _migrate(guarded).stdout.splitlines() == steps
    assert _migrate(guarded).stdout == "up to date\n"


def test_roles_as_sql(guarded: Shop) -> None:
    guarded.execute("REVOKE ALL ON ALL TABLES IN SCHEMA pgmq FROM shop_worker, shop_producer")
    printed = _migrate(guarded, "--sql").stdout
    for _ in range(2):
        guarded.execute(printed.replace("%", "%%"))
    assert _migrate(guarded).stdout == "up to date\n"


def test_a_migration_that_may_not_pass_rights_on_says_so(guarded: Shop) -> None:
    guarded.execute("REVOKE DELETE ON pgmq.q_orders FROM shop_worker")
    guarded.execute("GRANT SELECT, DELETE ON pgmq.q_orders, pgmq.meta TO producer_login")
    guarded.execute("GRANT USAGE ON SCHEMA pgmqgen TO producer_login")
    failed = _migrate(guarded, "--database-url", _as(guarded, "producer"))
    assert failed.returncode == 3
    assert "cannot grant SELECT, DELETE, UPDATE on" in failed.stderr
    assert "help: run the migration as the owner" in failed.stderr


@pytest.mark.parametrize("prefix", ["", "x" * 55])
def test_a_prefix_that_gives_no_role(shop: Shop, prefix: str) -> None:
    failed = _migrate(shop, "--role-prefix", prefix)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert "is not one" in failed.stderr
