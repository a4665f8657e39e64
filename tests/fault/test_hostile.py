"""Rows that no producer of pgmqgen writes: each ends somewhere, and the worker goes on."""

from __future__ import annotations

import pytest

from tests.fault.harness import Shop

_DEEP = "(repeat('[', 10000) || repeat(']', 10000))::jsonb"
_LARGE = "(SELECT jsonb_agg(repeat('x', 1000000)) FROM generate_series(1, 40))"
_FAILING = """'{"id": 3, "do": "raise"}'"""


def _put(shop: Shop, message: str, headers: str = "NULL") -> None:
    shop.execute(
        "INSERT INTO pgmq.q_orders (vt, message, headers) "
        f"VALUES (clock_timestamp(), {message}, {headers})"
    )


@pytest.mark.parametrize(
    ("message", "keyword"),
    [
        ("NULL", "type"),
        ("'null'", "type"),
        (f"jsonb_build_object('id', 2, 'do', 'pass', 'n', {_DEEP})", "json"),
        (f"jsonb_build_object('id', 'x', 'do', 'pass', 'n', {_LARGE})", "type"),
    ],
)
def test_a_message_that_no_schema_takes_is_archived(shop: Shop, message: str, keyword: str) -> None:
    shop.add_queues({"orders": {}})
    _put(shop, message)
    shop.send("orders", [{"id": 1, "do": "pass"}])
    shop.run()
    kept = "SELECT headers -> 'x-pgmqgen' -> 'errors' -> 0 ->> 'keyword' FROM pgmq.a_orders"
    assert shop.execute(kept) == [(keyword,)]
    assert [line.id for line in shop.ledger("end")] == [1]


def test_a_large_message_is_dead_lettered_like_any_other(shop: Shop) -> None:
    shop.add_queues({"orders": {"max_attempts": 2}})
    _put(shop, f"jsonb_build_object('id', 2, 'do', 'raise', 'n', {_LARGE})")
    shop.run()
    assert [line.attempt for line in shop.ledger("begin")] == [1, 2]
    (found,) = shop.execute("SELECT length(message::text) FROM pgmq.q_orders_dlq")
    assert found[0] > 40_000_000


@pytest.mark.parametrize("headers", ["'[1, 2]'", "'5'", "'\"text\"'", "'null'", "'{}'"])
def test_headers_that_are_no_object_are_kept(shop: Shop, headers: str) -> None:
    shop.add_queues({"orders": {"max_attempts": 2}})
    _put(shop, _FAILING, headers)
    shop.run()
    assert [line.attempt for line in shop.ledger("begin")] == [1, 2]
    (row,) = shop.execute(
        "SELECT headers ? 'x-pgmqgen-headers', headers -> 'x-pgmqgen-headers' = %s::jsonb "
        "FROM pgmq.q_orders_dlq",
        headers.strip("'"),
    )
    assert row == ((True, True) if headers != "'{}'" else (False, None))
