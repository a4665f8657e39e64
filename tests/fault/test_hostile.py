"""Rows that no producer of pgmqgen writes: each ends somewhere, and the worker goes on."""

from __future__ import annotations

import json
from itertools import accumulate

import psycopg
import pytest

from tests.fault.harness import Shop, read_lines

_DEEP = "(repeat('[', 10000) || repeat(']', 10000))::jsonb"
_LARGE = "(SELECT jsonb_agg(repeat('x', 1000000)) FROM generate_series(1, 40))"
_FAILING = """'{"id": 3, "do": "raise"}'"""
_ECHO = """
def echo(message, context):
    note("begin", message)
    seen = {"id": message.payload["id"], "payload": repr(message.payload["n"]), "headers": repr(message.headers)}
    with open(LEDGER + ".seen", "a") as file:
        file.write(json.dumps(seen) + "\\n")
    note("end", message)
"""
_PEAK = """
from pathlib import Path

summary = Worker(registry, **options).run()
print(Path("/proc/self/status").read_text())
"""


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


def test_headers_that_are_no_object_are_kept(shop: Shop) -> None:
    shop.add_queues({"orders": {"max_attempts": 2}})
    values = ["[1, 2]", "5", '"text"', "null", "{}"]
    for value in values:
        _put(shop, _FAILING, f"'{value}'")
    shop.run()
    assert sorted(line.attempt for line in shop.ledger("begin")) == [1] * 5 + [2] * 5
    kept = [row["headers"].get("x-pgmqgen-headers", {}) for row in shop.rows("q_orders_dlq")]
    assert sorted(map(json.dumps, kept)) == sorted(values)


def test_hostile_headers_hide_no_attempt(shop: Shop) -> None:
    shop.add_queues({"orders": {"max_attempts": 4}})
    hostile = {1: _DEEP, 2: "'1e400'::jsonb", 3: _LARGE}
    for number, value in hostile.items():
        payload = f"""'{{"id": {number}, "do": "raise"}}'"""
        _put(shop, payload, f"jsonb_build_object('theirs', {value})")
    shop.run()
    for number, value in hostile.items():
        attempts = [line.attempt for line in shop.ledger("begin") if line.id == number]
        assert attempts == [1, 2, 3, 4]
        kept = f"SELECT headers -> 'theirs' = {value}, headers #>> '{{x-pgmqgen,reason}}'"
        found = shop.execute(
            f"{kept} FROM pgmq.q_orders_dlq WHERE message @> '{{\"id\": {number}}}'"
        )
        assert found == [(True, "exception")]


def test_what_jsonb_holds_reaches_the_handler_exact(shop: Shop) -> None:
    shop.add_queues({"orders": {"function": "echo"}}, _ECHO)
    values = {
        "123456789012345678901234567890": "123456789012345678901234567890",
        "-9223372036854775809": "-9223372036854775809",
        "0.1234567890123456789": "Decimal('0.1234567890123456789')",
        "1e400": "1" + "0" * 400,
        '{"a": 1, "a": 2}': "{'a': 2}",
        r'"\\u0000 \\ud800"': r"'\\u0000 \\ud800'",
        "[" * 900 + "]" * 900: "[" * 900 + "]" * 900,
    }
    for number, value in enumerate(values):
        payload = f"""'{{"id": {number}, "do": "pass", "n": {value}}}'"""
        _put(shop, payload, f"""'{{"h": {value}}}'""")
    shop.run()
    lines = read_lines(shop.ledger_path.with_name("ledger.jsonl.seen"))
    seen = {line["id"]: (line["payload"], line["headers"]) for line in lines}
    assert seen == {i: (text, f"{{'h': {text}}}") for i, text in enumerate(values.values())}


_DIAL = """
import psycopg
from psycopg.rows import dict_row

dialled = 0


def connect():
    global dialled
    dialled += 1
    connection = psycopg.connect({url!r}, row_factory=dict_row, cursor_factory=psycopg.ClientCursor)
    if dialled % 2:
        connection.close()
    return connection
"""


def test_payloads_are_utf8_whatever_the_environment_says(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add_queues({"orders": {"function": "echo"}}, _ECHO)
    shop.send("orders", [{"id": 1, "do": "pass", "n": "Zo\u00eb \u6f22"}])
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    shop.run()
    (line,) = read_lines(shop.ledger_path.with_name("ledger.jsonl.seen"))
    assert line["payload"] == "'Zo\u00eb \u6f22'"
    (shop.folder / "dial.py").write_text(
        f"import psycopg\n\n\ndef connect():\n    return psycopg.connect({shop.url!r})\n"
    )
    assert shop.start(database_url=None, connect="dial:connect").wait(20) == 1
    complaint = "`dial:connect` returns a connection with the client encoding LATIN1"
    assert complaint in shop.logs()


def test_what_jsonb_keeps_out(shop: Shop) -> None:
    """No worker can meet these, whoever sends them."""
    for text in (r'"\u0000"', r'"\ud800"', r'"\udc00\ud800"', "NaN", "[1,]", "1e200000"):
        with pytest.raises(psycopg.DataError):
            shop.execute(f"SELECT '{text}'::jsonb")


@pytest.mark.parametrize(
    ("megabytes", "asynchronous"),
    [
        (20, False),
        (20, True),
        pytest.param(200, False, marks=pytest.mark.soak),
        pytest.param(200, True, marks=pytest.mark.soak),
    ],
)
def test_a_large_message_does_not_pass_through_the_parent(
    shop: Shop, megabytes: int, asynchronous: bool
) -> None:
    shop.add_queues({"orders": {"max_attempts": 2, "asynchronous": asynchronous}})
    items = f"SELECT jsonb_agg(repeat(md5(g::text), 31250)) FROM generate_series(1, {megabytes}) g"
    _put(shop, f"jsonb_build_object('id', 1, 'do', 'pass', 'n', ({items}))")
    _put(shop, f"jsonb_build_object('id', 2, 'do', 'raise', 'n', ({items}))", """'{"their": 1}'""")
    assert _peak_mb(shop) < 60
    assert [(line.id, line.event) for line in shop.ledger() if line.id == 1] == [
        (1, "begin"),
        (1, "end"),
    ]
    assert [line.attempt for line in shop.ledger("begin") if line.id == 2] == [1, 2]
    kept = "SELECT length(message::text) > %s, headers -> 'their' FROM pgmq.q_orders_dlq"
    assert shop.execute(kept, megabytes * 1_000_000) == [(True, 1)]


@pytest.mark.parametrize("asynchronous", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_many_that_are_nearly_large_are_leased_few_at_a_time(
    shop: Shop, asynchronous: bool
) -> None:
    """Half of them are stored as next to nothing, for they are compressed."""
    shop.add_queues({"orders": {"asynchronous": asynchronous}})
    for filler in ("repeat('x', 900000)", "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 28000) i)"):  # fmt: skip
        shop.execute(
            "INSERT INTO pgmq.q_orders (vt, message) SELECT clock_timestamp(), "
            f"jsonb_build_object('id', g, 'do', 'pass', 'n', {filler}) FROM generate_series(1, 100) g"
        )
    assert _peak_mb(shop) < 250
    assert len(shop.ledger("end")) == 200


def test_large_messages_are_few_at_a_time_in_a_process(shop: Shop) -> None:
    """Async handlers run side by side, each with its message."""
    shop.add_queues({"orders": {"asynchronous": True}})
    large = "repeat('x', 1100000)"
    shop.execute(
        "INSERT INTO pgmq.q_orders (vt, message) SELECT clock_timestamp(), jsonb_build_object("
        f"'id', g, 'do', 'sleep', 'seconds', 0.5, 'n', {large}) FROM generate_series(1, 60) g"
    )
    shop.run(processes=1)
    edges = [1 if line.event == "begin" else -1 for line in shop.ledger()]
    assert max(accumulate(edges)) <= 20
    assert len(shop.ledger("end")) == 60


def test_a_count_at_the_end_of_its_type_holds_up_nothing_else(shop: Shop) -> None:
    shop.add_queues({"orders": {"max_attempts": 3}})
    shop.send("orders", [{"id": i, "do": "raise"} for i in (1, 2, 3)])
    shop.execute("UPDATE pgmq.q_orders SET read_ct = 2147483647 WHERE message @> '{\"id\": 1}'")
    shop.execute("UPDATE pgmq.q_orders SET read_ct = -2147483648 WHERE message @> '{\"id\": 2}'")
    shop.run()
    assert sorted(line.attempt for line in shop.ledger("begin") if line.id == 2) == [1, 2, 3]
    reasons = {
        r["message"]["id"]: r["headers"]["x-pgmqgen"]["reason"] for r in shop.rows("q_orders_dlq")
    }
    assert reasons == {1: "crash", 2: "exception", 3: "exception"}


@pytest.mark.soak
def test_a_text_that_postgresql_cannot_make_holds_up_nothing_else(shop: Shop) -> None:
    """Its 220 MB are each escaped by six characters, and so over 1 GB."""
    shop.add_queues({"orders": {}})
    _put(shop, "jsonb_build_object('id', 2, 'do', 'pass', 'n', repeat(chr(1), 220000000))")
    shop.send("orders", [{"id": 1, "do": "pass"}])
    shop.run()
    assert [line.id for line in shop.ledger("end")] == [1]
    kept = "SELECT headers #>> '{x-pgmqgen,errors,0,message}' FROM pgmq.a_orders"
    assert shop.execute(kept) == [("its text is too large for PostgreSQL",)]


def _peak_mb(shop: Shop) -> float:
    """Run a worker until the queues are empty; the most memory that its parent has held."""
    main = shop.folder / "main.py"
    main.write_text(main.read_text().replace("summary = Worker(registry, **options).run()", _PEAK))
    shop.run()
    (line,) = [line for line in shop.logs().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def test_connections_of_a_function_of_the_users(shop: Shop) -> None:
    """Whatever its factories are; one that is closed already is tried again."""
    shop.add_queues({"orders": {}})
    shop.send("orders", [{"id": 1, "do": "pass"}])
    (shop.folder / "dial.py").write_text(_DIAL.format(url=shop.url))
    shop.run(database_url=None, connect="dial:connect")
    assert [line.id for line in shop.ledger("end")] == [1]
    assert "trying again" in shop.logs()
