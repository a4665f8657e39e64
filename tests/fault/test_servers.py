"""The whole way on each major version of PostgreSQL that is to be had; all other tests run on 18."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgmqgen import Queue
from tests.fault.harness import Shop
from tests.fault.servers import find_programs, serve

_HANDLERS = """
def in_transaction(message, context):
    with context.transaction() as connection:
        connection.execute("INSERT INTO written VALUES (%s)", [message.payload["id"]])
"""


@pytest.mark.parametrize(
    "version", [15, *(pytest.param(each, marks=pytest.mark.soak) for each in (16, 17))]
)
def test_all_versions(
    version: int, project: Path, local_directory: Path, run_pgmqgen: Callable[..., Any]
) -> None:
    if find_programs(version) is None:
        pytest.skip(f"no PostgreSQL {version}: `make setup` fetches it where it is to be had")
    with serve(version, local_directory) as url:
        shop = Shop(project, url)
        _migrate_and_use_roles(shop, run_pgmqgen)
        _handle_in_all_ways(shop)
        assert shop.execute("SHOW server_version_num")[0][0].startswith(str(version))


def _migrate_and_use_roles(shop: Shop, run_pgmqgen: Callable[..., Any]) -> None:
    def run(user: str, *arguments: str) -> None:
        url = shop.url.replace("postgres@", f"{user}@")
        done = run_pgmqgen(*arguments, "--database-url", url)
        assert done.returncode == 0, done.stderr

    run("postgres", "migrate", "--roles")
    run("postgres", "doctor")
    shop.execute("CREATE ROLE works LOGIN IN ROLE pgmqgen_worker")
    shop.execute("CREATE ROLE sends LOGIN IN ROLE pgmqgen_producer")
    run("sends", "send", "Fast", '{"id": 1}')
    run("works", "worker", "--until-empty")
    assert shop.count("q_fast") == shop.count("q_dead") == 0


def _handle_in_all_ways(shop: Shop) -> None:
    shop.add_queues(
        {
            "bills": {"notify": True, "on_success": "archive", "max_attempts": 2},
            "calls": {"asynchronous": True},
            "books": {"function": "in_transaction"},
        },
        _HANDLERS,
    )
    shop.execute("CREATE TABLE written (id int)")
    with Queue(shop.url, "bills") as queue:
        queue.send_batch([{"id": i, "do": "pass"} for i in range(100)], headers={"a": 1})
        (message,) = queue.read(quantity=1)
        assert queue.archive(message)
        assert queue.metrics().length == 99
    shop.send("bills", [{"id": 100, "do": "raise"}, {"id": 101, "do": "delete_then_raise"}])
    shop.send("bills", [{"id": 102, "do": "set_timeout", "seconds": 5, "then": 0}])
    shop.send("calls", [{"id": i, "do": "pass"} for i in range(100)])
    shop.send("books", [{"id": i, "do": "pass"} for i in range(10)])
    shop.run()
    assert shop.count("a_bills") == 101
    assert [row["message"]["id"] for row in shop.rows("q_bills_dlq")] == [100]
    assert [shop.count(f"q_{name}") for name in ("bills", "calls", "books")] == [0, 0, 0]
    assert shop.execute("SELECT count(DISTINCT id) FROM written") == [(10,)]
