"""`Queue` on a real database: what it sends, reads and settles, and over which connection."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool
from pydantic import BaseModel

from pgmqgen import (
    Contract,
    DatabaseError,
    InvalidMessage,
    PayloadTypeError,
    Queue,
    ReceivedMessage,
    Violation,
)
from pgmqgen.runtime.database import postgres

ORDER: Contract[Any] = Contract(
    queue="orders",
    schema={
        "type": "object",
        "properties": {"total": {"type": "integer"}, "note": {"type": "string"}},
        "required": ["total"],
    },
    payload=Any,
    fingerprint="f00d",
)


class _Order(BaseModel):
    total: int


RESERVED = {"x-pgmqgen": {"schema": "f00d", "version": 1}}


@pytest.fixture
def db(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit mode to a database that has the queue `orders`."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.create('orders')")
        yield connection


@pytest.fixture
def queue(database_url: str, db: psycopg.Connection[Any]) -> Iterator[Queue[Any]]:
    """A queue with its own connection and no schema."""
    with Queue(database_url, "orders") as opened:
        yield opened


def rows(db: psycopg.Connection[Any], columns: str, table: str = "q_orders") -> list[Any]:
    statement = f"SELECT {columns} FROM pgmq.{table} ORDER BY msg_id"
    return db.execute(statement.encode()).fetchall()


def test_a_message_is_sent_and_read(queue: Queue[Any]) -> None:
    before = datetime.now(UTC)
    sent = queue.send({"total": 1}, headers={"tenant": "a"})
    [message] = queue.read(visibility_timeout=60)
    after = datetime.now(UTC)
    assert (message.id, message.queue, message.read_count) == (sent, "orders", 1)
    assert (message.payload, message.headers) == ({"total": 1}, {"tenant": "a"})
    slack = timedelta(seconds=1)
    assert before - slack <= message.enqueued_at <= after + slack
    assert message.enqueued_at + timedelta(seconds=60) <= message.visible_at
    assert message.visible_at <= after + timedelta(seconds=60) + slack
    assert message.enqueued_at.tzinfo is UTC
    assert queue.read() == []


def test_pgmq_reads_what_was_sent(queue: Queue[Any], db: psycopg.Connection[Any]) -> None:
    sent = queue.send({"total": 1}, headers={"tenant": "a"})
    found = db.execute("SELECT msg_id, message, headers FROM pgmq.read('orders', 30, 1)").fetchall()
    assert found == [(sent, {"total": 1}, {"tenant": "a"})]


def test_what_pgmq_sent_is_read(queue: Queue[Any], db: psycopg.Connection[Any]) -> None:
    db.execute("SELECT pgmq.send('orders', '[1]', '\"text\"'::jsonb)")
    db.execute("INSERT INTO pgmq.q_orders (vt, message) VALUES (now(), NULL)")
    first, second = queue.read(quantity=5)
    assert (first.payload, first.headers) == ([1], {"x-pgmqgen-headers": "text"})
    assert (second.payload, second.headers) == (None, {})


@pytest.mark.parametrize(
    "payload",
    [
        None,
        0,
        "",
        [],
        {},
        r'{"a": "json in a string"}',
        -(10**60) + 1,
        {"n": [2**63, 2**64 + 1, -(2**63) - 1, 12345678901234567]},
        {"text": 'ü ☃ 𝄞 \\u0000 " \n \x7f'},
        1.5e-300,
    ],
)
def test_payloads_come_back_exactly(queue: Queue[Any], payload: Any) -> None:
    queue.send(payload)
    queue.send_batch([payload, payload])
    received = [message.payload for message in queue.read(quantity=3)]
    assert received == [payload] * 3
    assert {type(value) for value in received} == {type(payload)}


def test_ids_stand_in_the_order_of_the_payloads(
    queue: Queue[Any], db: psycopg.Connection[Any]
) -> None:
    sent = queue.send_batch({"n": n} for n in range(5000))
    assert rows(db, "msg_id, (message->>'n')::int") == [(sent[n], n) for n in range(5000)]


def test_an_empty_batch_sends_nothing(database_url: str) -> None:
    assert Queue("postgresql://nobody@127.0.0.1:1/nowhere", "orders").send_batch([]) == []


@pytest.mark.parametrize("payload", [{"total": 1}, "ab", _Order(total=1)])
def test_one_payload_is_no_batch(queue: Queue[Any], payload: Any) -> None:
    name = type(payload).__name__
    with pytest.raises(TypeError, match=f"expected several payloads, got one {name}: use `send`"):
        queue.send_batch(payload)


def test_a_model_is_no_contract(database_url: str) -> None:
    with pytest.raises(TypeError, match="expected a QueueSpec or a Contract, got _Order"):
        Queue(database_url, "orders", _Order)  # type: ignore[arg-type]


def test_a_batch_is_one_statement(queue: Queue[Any], db: psycopg.Connection[Any]) -> None:
    db.execute(
        """CREATE TABLE statements (n int);
        CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO statements VALUES (1); RETURN NULL; END';
        CREATE TRIGGER counted AFTER INSERT ON pgmq.q_orders
            FOR EACH STATEMENT EXECUTE FUNCTION count_statement()"""
    )
    queue.send_batch(range(100), headers=[{"n": n} for n in range(100)])
    assert db.execute("SELECT count(*) FROM statements").fetchone() == (1,)


def test_a_big_batch(queue: Queue[Any]) -> None:
    body = "x" * 10_000
    assert len(set(queue.send_batch({"body": body} for _ in range(2000)))) == 2000
    assert queue.metrics().length == 2000


@pytest.mark.parametrize(
    "delay", [3600, 3600.0, timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)]
)
def test_a_delayed_message_is_not_visible_yet(
    queue: Queue[Any], db: psycopg.Connection[Any], delay: Any
) -> None:
    queue.send({}, delay=delay)
    queue.send_batch([{}], delay)
    assert queue.read(quantity=2) == []
    waits = rows(db, "extract(epoch FROM vt - now())::float8")
    # The datetime was made when the tests were collected.
    assert all(0 < wait <= 3600 for (wait,) in waits)


def test_a_datetime_is_kept_exactly(queue: Queue[Any], db: psycopg.Connection[Any]) -> None:
    due = datetime(2030, 1, 2, 3, 4, 5, 678901, UTC)
    queue.send({}, delay=due)
    assert rows(db, "vt") == [(due,)]


def test_a_short_delay_ends(queue: Queue[Any]) -> None:
    queue.send({}, delay=0.2)
    assert queue.read() == []
    time.sleep(0.3)
    assert len(queue.read()) == 1


@pytest.mark.parametrize(
    "delay", [datetime(2030, 1, 1), -1, float("nan"), float("inf"), timedelta(seconds=-1)]
)
def test_unsuitable_delays_are_refused(queue: Queue[Any], delay: Any) -> None:
    with pytest.raises(ValueError, match="expected a"):
        queue.send({}, delay=delay)
    with pytest.raises(ValueError, match="expected a"):
        queue.send_batch([{}], delay=delay)
    assert queue.metrics().total == 0


def test_headers_of_a_batch(queue: Queue[Any], db: psycopg.Connection[Any]) -> None:
    queue.send_batch([1, 2], headers={"a": 1})
    queue.send_batch([3, 4], headers=[{"b": 1}, None])
    assert rows(db, "headers") == [({"a": 1},), ({"a": 1},), ({"b": 1},), (None,)]


def test_headers_that_do_not_match_the_batch_send_nothing(
    queue: Queue[Any], db: psycopg.Connection[Any]
) -> None:
    with pytest.raises(ValueError, match="expected headers for 2 messages, got 1"):
        queue.send_batch([1, 2], headers=[{"a": 1}])
    with pytest.raises(ValueError, match="`x-pgmqgen` is reserved"):
        queue.send(1, headers={"x-pgmqgen": {}})
    assert rows(db, "*") == []


def test_a_schema_is_named_in_the_headers(database_url: str, db: psycopg.Connection[Any]) -> None:
    with Queue(database_url, "orders", ORDER) as queue:
        queue.send({"total": 1})
        queue.send_batch([{"total": 2}], headers=[{"a": 1}])
    assert rows(db, "headers") == [(RESERVED,), ({"a": 1, **RESERVED},)]


def test_an_invalid_payload_never_reaches_the_database(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    with Queue(database_url, "orders", ORDER) as queue:
        with pytest.raises(InvalidMessage) as single:
            queue.send({"note": 1})
        with pytest.raises(InvalidMessage) as batch:
            queue.send_batch([{"total": 1}, {"total": "1"}, {"total": 1, "note": "\0"}, {}])
    assert sorted(single.value.errors, key=str) == [
        Violation("", "required", '"total" is a required property'),
        Violation("/note", "type", '1 is not of type "string"'),
    ]
    assert [(error.pointer, error.keyword) for error in batch.value.errors] == [
        ("/1/total", "type"),
        ("/2/note", "json"),
        ("/3", "required"),
    ]
    assert rows(db, "*") == []


@pytest.mark.parametrize("payload", ["\0", {"a": "\ud800"}, float("nan"), {1: 2}, object()])
def test_what_jsonb_cannot_hold_is_refused_without_a_schema(
    queue: Queue[Any], db: psycopg.Connection[Any], payload: Any
) -> None:
    with pytest.raises(InvalidMessage):
        queue.send(payload)
    with pytest.raises(InvalidMessage):
        queue.send_batch([1, payload])
    assert rows(db, "*") == []


@pytest.mark.soak  # half a minute for 256 MB
def test_a_payload_that_postgresql_refuses(queue: Queue[Any], db: psycopg.Connection[Any]) -> None:
    with pytest.raises(DatabaseError, match=r"queue `orders`: .*jsonb cannot hold") as caught:
        queue.send("x" * 2**28)
    assert caught.value.sqlstate == "54000"
    assert caught.value.hint is not None
    assert "send a reference" in caught.value.hint
    assert rows(db, "*") == []


def test_messages_are_settled_once(queue: Queue[Any], db: psycopg.Connection[Any]) -> None:
    queue.send_batch([1, 2], headers={"a": 1})
    first, second = queue.read(quantity=2)
    assert queue.delete(first)
    assert not queue.delete(first)
    assert queue.archive(second)
    assert not queue.archive(second)
    assert not queue.set_timeout(second, 5)
    assert rows(db, "*") == []
    kept = rows(db, "msg_id, read_ct, message, headers, last_read_at IS NOT NULL", "a_orders")
    assert kept == [(second.id, 1, 2, {"a": 1}, True)]


def test_a_lost_lease_settles_nothing(queue: Queue[Any]) -> None:
    queue.send(1)
    [stale] = queue.read(visibility_timeout=0)
    [fresh] = queue.read()
    assert fresh.id == stale.id
    assert fresh.read_count == 2
    assert not queue.delete(stale)
    assert not queue.archive(stale)
    assert not queue.set_timeout(stale, 0)
    assert queue.read() == []
    assert queue.delete(fresh)


def test_a_bare_id_has_no_fence(queue: Queue[Any], db: psycopg.Connection[Any]) -> None:
    first, second, third = queue.send_batch([1, 2, 3])
    queue.read(quantity=3)
    assert queue.delete(first)
    assert queue.archive(second)
    assert queue.set_timeout(third, 0)
    assert [message.id for message in queue.read()] == [third]
    assert not queue.delete(first)


def test_a_lease_is_moved(queue: Queue[Any], db: psycopg.Connection[Any]) -> None:
    queue.send(1)
    [message] = queue.read(visibility_timeout=10)
    assert queue.set_timeout(message, timedelta(hours=1))
    [(left,)] = rows(db, "extract(epoch FROM vt - now())::float8")
    assert 3590 < left <= 3600
    assert queue.set_timeout(message, 0)
    assert [again.read_count for again in queue.read()] == [2]


def test_two_readers_never_share_a_message(queue: Queue[Any], database_url: str) -> None:
    queue.send_batch(range(10))
    with psycopg.connect(database_url) as other:
        held = Queue(other, "orders").read(quantity=4)
        rest = queue.read(quantity=10)
        other.rollback()
    assert len(held) == 4
    assert len(rest) == 6
    assert not {message.id for message in held} & {message.id for message in rest}


@pytest.mark.parametrize(("timeout", "quantity"), [(-1, 1), (30, 0), (float("nan"), 1)])
def test_unsuitable_reads_are_refused(queue: Queue[Any], timeout: float, quantity: int) -> None:
    with pytest.raises(ValueError, match="expected a"):
        queue.read(timeout, quantity)


def test_invalid_messages_are_archived_with_their_errors(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    db.execute("SELECT pgmq.send('orders', '{\"total\": \"1\"}', '{\"a\": 1}'::jsonb)")
    db.execute("SELECT pgmq.send('orders', '\"{}\"', '[1]'::jsonb)")
    db.execute("SELECT pgmq.send('orders', '{\"total\": 3}')")
    sent_at = rows(db, "enqueued_at")
    with Queue(database_url, "orders", ORDER) as queue:
        assert [message.payload for message in queue.read(quantity=3)] == [{"total": 3}]
    (first, first_headers), (second, second_headers) = rows(db, "message, headers", "a_orders")
    assert (first, second) == ({"total": "1"}, "{}")
    assert first_headers["a"] == 1
    assert second_headers["x-pgmqgen-headers"] == [1]
    kept = first_headers["x-pgmqgen"]
    assert datetime.fromisoformat(kept.pop("enqueued_at")) == sent_at[0][0]
    assert datetime.fromisoformat(kept.pop("failed_at")) > sent_at[0][0]
    error = {"pointer": "/total", "keyword": "type", "message": '"1" is not of type "integer"'}
    assert kept == {"queue": "orders", "msg_id": 1, "reason": "invalid", "errors": [error]}


@pytest.mark.parametrize("spec", [None, ORDER])
def test_what_is_nested_too_deeply_hides_no_other_message(
    database_url: str, db: psycopg.Connection[Any], spec: Contract[Any] | None
) -> None:
    deep = "[" * 5000 + "]" * 5000
    db.execute("SELECT pgmq.send('orders', %s::jsonb)", [f'{{"total": 1, "n": {deep}}}'])
    db.execute("SELECT pgmq.send('orders', '{\"total\": 2}', %s::jsonb)", [f'{{"n": {deep}}}'])
    with Queue(database_url, "orders", spec) as queue:
        (message,) = queue.read(quantity=2)
    assert (message.payload, message.headers) == (
        {"total": 2},
        {"x-pgmqgen-headers": f'{{"n": {deep}}}'},
    )
    assert rows(db, "message -> 'total'", "a_orders") == [(1,)]


def test_the_branch_that_was_meant_is_archived_with_the_message(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    branches = [
        {"title": name, "required": ["type"], "properties": {"type": {"const": name}, "n": {"maximum": 1}}}
        for name in ("A", "B")
    ]  # fmt: skip
    contract: Contract[Any] = Contract(
        queue="orders", schema={"oneOf": branches}, payload=Any, fingerprint="f"
    )
    db.execute('SELECT pgmq.send(\'orders\', \'{"type": "B", "n": 2}\')')
    with Queue(database_url, "orders", contract) as queue:
        assert queue.read(quantity=1) == []
    ((kept,),) = rows(db, "headers -> 'x-pgmqgen' -> 'errors'", "a_orders")
    message = "2 is greater than the maximum of 1 (in `B`)"
    assert kept == [{"pointer": "/n", "keyword": "maximum", "message": message}]


def test_invalid_messages_may_raise(database_url: str, db: psycopg.Connection[Any]) -> None:
    db.execute("SELECT pgmq.send('orders', '[]')")
    with (
        Queue(database_url, "orders", ORDER, on_invalid="raise") as queue,
        pytest.raises(InvalidMessage, match="of queue `orders`"),
    ):
        queue.read()
    assert rows(db, "read_ct") == [(1,)]


def test_invalid_messages_may_be_handed_over(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    db.execute("SELECT pgmq.send('orders', '[]')")
    seen: list[Any] = []

    def settle(errors: Sequence[Violation], message: ReceivedMessage[Any]) -> None:
        seen.append((message.payload, [error.keyword for error in errors]))
        strict.delete(message)

    with Queue(database_url, "orders", ORDER, on_invalid=settle) as strict:
        assert strict.read() == []
    assert seen == [([], ["type"])]
    assert rows(db, "*") == []


COUNT: Contract[Any] = Contract(queue="orders", schema={}, payload=int, fingerprint="f")
"""Its model refuses what its schema accepts, as no generated one should."""


def test_a_message_that_only_its_model_refuses_hides_no_other(
    database_url: str, db: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    db.execute("SELECT pgmq.send_batch('orders', ARRAY['1', '\"odd\"', '3']::jsonb[])")
    with Queue(database_url, "orders", COUNT) as queue:
        assert [message.payload for message in queue.read(0.3, quantity=3)] == [1, 3]
        assert rows(db, "read_ct") == [(1,), (1,), (1,)]
        [record] = caplog.records
        assert (record.name, record.levelname) == ("pgmqgen.queue", "ERROR")
        assert record.getMessage().startswith("message 2 is left in the queue: queue `orders`: the")
        time.sleep(0.4)
    with Queue(database_url, "orders") as untyped:
        again = untyped.read(quantity=3)
    assert [(each.payload, each.read_count) for each in again] == [(1, 2), ("odd", 2), (3, 2)]


def test_a_message_that_only_its_model_refuses_may_raise(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    db.execute("SELECT pgmq.send('orders', '[]')")
    with (
        Queue(database_url, "orders", COUNT, on_invalid="raise") as queue,
        pytest.raises(PayloadTypeError, match="queue `orders`: the schema accepts"),
    ):
        queue.read()
    assert rows(db, "read_ct") == [(1,)]


def test_metrics(queue: Queue[Any]) -> None:
    empty = queue.metrics()
    assert (empty.length, empty.total, empty.oldest_age_s) == (0, 0, None)
    queue.send_batch([1, 2, 3])
    queue.read()
    found = queue.metrics()
    assert (found.queue, found.length, found.visible, found.total) == ("orders", 3, 2, 3)
    assert found.measured_at.tzinfo is UTC


def test_a_rolled_back_transaction_leaves_nothing(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(database_url) as connection:
        queue = Queue(connection, "orders")
        queue.send(1)
        queue.send_batch([2, 3])
        assert [message.payload for message in queue.read(quantity=3)] == [1, 2, 3]
        assert rows(db, "*") == []
        connection.rollback()
        queue.close()
        assert not connection.closed
    assert rows(db, "*") == []


def test_a_committed_transaction_keeps_all(database_url: str, db: psycopg.Connection[Any]) -> None:
    with psycopg.connect(database_url) as connection:
        Queue(connection, "orders").send(1)
        assert rows(db, "*") == []
    assert rows(db, "message") == [(1,)]


def test_the_settings_of_the_callers_connection_do_not_matter(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    url = database_url + "&options=-c%20TimeZone%3DAsia/Tokyo%20-c%20DateStyle%3DGerman"
    with psycopg.connect(url, row_factory=dict_row, prepare_threshold=None) as connection:
        set_json_loads(lambda raw: "loaded", connection)
        queue = Queue(connection, "orders", ORDER)
        assert queue.send_batch([{"total": 2**70}]) == [1]
        [message] = queue.read()
        assert message.payload == {"total": 2**70}
        assert message.enqueued_at.utcoffset() == timedelta(0)
        assert queue.metrics().length == 1


def test_a_pool(database_url: str, db: psycopg.Connection[Any]) -> None:
    with ConnectionPool(database_url, min_size=1, max_size=2) as pool:
        queue = Queue(pool, "orders", ORDER)
        assert queue.send({"total": 1}) == 1
        assert rows(db, "message") == [({"total": 1},)]
        [message] = queue.read()
        assert queue.delete(message)
        with pytest.raises(DatabaseError, match="does not exist"):
            Queue(pool, "missing").send(1)
        queue.close()
        with pool.connection() as connection:
            assert not connection.autocommit


def test_a_closed_pool_is_reported(database_url: str) -> None:
    pool = ConnectionPool(database_url, open=False)
    with pytest.raises(DatabaseError, match=r"queue `orders`: the pool .* is not open"):
        Queue(pool, "orders").send(1)


def test_a_connection_that_the_server_closed_between_sends_is_replaced(
    queue: Queue[Any], db: psycopg.Connection[Any]
) -> None:
    terminate = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'pgmqgen'"
    for number in range(5):
        queue.send(number)
        assert db.execute(terminate).fetchall() == [(True,)]
    queue.send(5)
    assert rows(db, "message") == [(number,) for number in range(6)]


def test_an_idle_connection_that_has_something_to_say_is_kept(
    database_url: str, db: psycopg.Connection[Any]
) -> None:
    with postgres.connect(database_url) as connection:
        assert postgres.is_idle(connection)
        connection.execute("LISTEN spoken")
        db.execute("NOTIFY spoken")
        deadline = time.monotonic() + 5
        while postgres.is_idle(connection) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not postgres.is_idle(connection)
        assert postgres.answers(connection)
        assert postgres.is_idle(connection)
        db.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
        assert not postgres.is_idle(connection)
        assert not postgres.answers(connection)


def test_a_send_that_breaks_is_not_repeated(
    database_url: str, queue: Queue[Any], db: psycopg.Connection[Any]
) -> None:
    queue.send(1)
    terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgmqgen' AND wait_event_type = 'Lock'"
    with psycopg.connect(database_url) as blocking:
        blocking.execute("LOCK TABLE pgmq.q_orders")
        failures: list[DatabaseError] = []

        def send() -> None:
            with pytest.raises(DatabaseError) as caught:
                queue.send(2)
            failures.append(caught.value)

        thread = threading.Thread(target=send)
        thread.start()
        while not db.execute(terminate).fetchall():
            time.sleep(0.01)
        thread.join(10)
    assert [failure.sqlstate for failure in failures] == ["57P01"]
    queue.send(3)
    assert rows(db, "message") == [(1,), (3,)]


def test_several_threads_share_a_queue(queue: Queue[Any]) -> None:
    ids: list[int] = []

    def send() -> None:
        ids.extend(queue.send(number) for number in range(50))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids) == list(range(1, 201))


def test_a_closed_queue_opens_again(queue: Queue[Any], db: psycopg.Connection[Any]) -> None:
    backends = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgmqgen'"
    queue.send(1)
    queue.close()
    queue.close()
    deadline = time.monotonic() + 5
    while db.execute(backends).fetchone() != (0,) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert db.execute(backends).fetchone() == (0,)
    assert queue.send(2) == 2


def test_a_queue_that_is_forgotten_closes_its_connection(database_url: str, db: Any) -> None:
    code = (
        "import sys; from pgmqgen import Queue; Queue(sys.argv[1], 'orders').send(1); "
        "kept = Queue(sys.argv[1], 'orders'); kept.send(2)"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code, database_url],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    assert rows(db, "message") == [(1,), (2,)]


def test_a_forked_process_leaves_its_parents_connection_alone(
    queue: Queue[Any], db: psycopg.Connection[Any]
) -> None:
    queue.send("parent")
    child = os.fork()
    if child == 0:
        try:
            queue.send("child")
            queue.close()
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    queue.send("parent")
    assert rows(db, "message") == [("parent",), ("child",), ("parent",)]


def test_a_queue_that_does_not_exist(database_url: str) -> None:
    calls: list[Callable[[Queue[Any]], object]] = [
        lambda queue: queue.send(1),
        lambda queue: queue.send_batch([1]),
        lambda queue: queue.read(),
        lambda queue: queue.delete(1),
        lambda queue: queue.archive(1),
        lambda queue: queue.set_timeout(1, 1),
        lambda queue: queue.metrics(),
    ]
    for call in calls:
        with Queue(database_url, "missing") as queue, pytest.raises(DatabaseError) as caught:
            call(queue)
        assert str(caught.value) == "queue `missing` does not exist"
        assert caught.value.hint == "run `pgmqgen migrate`"


def test_a_database_without_pgmq(empty_database_url: str) -> None:
    with Queue(empty_database_url, "orders") as queue:
        with pytest.raises(DatabaseError, match="queue `orders` does not exist"):
            queue.send(1)
        with pytest.raises(DatabaseError, match="queue `orders` does not exist"):
            queue.metrics()


def test_a_name_is_only_ever_a_name(database_url: str, db: psycopg.Connection[Any]) -> None:
    for name in ('odd"name', "ünïcode %s", "MixedCase", "{queue}"):
        db.execute("SELECT pgmq.create(%s)", (name,))
        with Queue(database_url, name) as queue:
            queue.send(name)
            [message] = queue.read()
            assert message.payload == name
            assert queue.archive(message)
            assert queue.metrics().total == 1


@pytest.mark.parametrize("name", ["", "x" * 48])
def test_a_name_that_pgmq_cannot_have(name: str) -> None:
    with pytest.raises(ValueError, match="expected a queue name of 1 to 47 characters"):
        Queue("postgresql:///x", name)


def test_an_unreachable_database_is_named_without_its_password() -> None:
    url = "postgresql://user:secret@127.0.0.1:1/shop"
    with Queue(url, "orders") as queue, pytest.raises(DatabaseError) as caught:
        queue.send(1)
    assert "cannot connect to database `shop` at `127.0.0.1:1`" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in f"{caught.value} {caught.value.hint}"


def test_another_target_is_refused() -> None:
    with pytest.raises(TypeError, match=r"a psycopg\.Connection or .*, got `builtins.int`"):
        Queue(5, "orders")  # type: ignore[call-overload]
