"""No statement of workers and clients reads more of a deep queue than the messages that it is about.

Blocks are counted, whatever the statistics say of the table and whichever plan PostgreSQL takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

import psycopg
import pytest

from pgmqgen import Queue
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.database import sql
from pgmqgen.runtime.database.connector import Connector
from pgmqgen.runtime.outcome import (
    Archive,
    DeadLetter,
    Decision,
    Delete,
    Failure,
    Release,
    Reschedule,
)
from pgmqgen.runtime.parent import floor
from pgmqgen.runtime.parent.delivery import Account, Delivery
from pgmqgen.runtime.parent.floor import BOTTOM
from pgmqgen.runtime.parent.intake import MOST_BYTES
from pgmqgen.runtime.parent.lease_store import LeaseStore

DEPTH = 50_000
BATCH = 10
MOST = BATCH * 30
"""Blocks that a statement may touch; the whole table has over ten times as many."""

SETTINGS = QueueSettings(name="deep")
FAILURE = Failure("exception", "no")
SEND = """
INSERT INTO pgmq.q_deep (vt, read_ct, message)
SELECT now() + ({}), {}, jsonb_build_object('number', number, 'text', repeat('x', 200))
FROM generate_series(1, {}) AS number
"""
BLOCKS = """
SELECT coalesce(heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit, 0)
FROM pg_statio_user_tables WHERE relid = 'pgmq.q_deep'::regclass
"""

CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
APPLICATION = "measured"

T = TypeVar("T")


def _send(due: str, *, leased: int = 0, count: int = DEPTH) -> str:
    return SEND.format(due, leased, count)


STATES = {
    "delayed, never analysed": [_send("interval '1 day'")],
    "delayed, analysed": [_send("number * interval '1 s'"), "ANALYZE pgmq.q_deep"],
    "in flight, vacuumed while almost empty": [
        _send("interval '1 day'"),
        "DELETE FROM pgmq.q_deep WHERE msg_id < (SELECT max(msg_id) FROM pgmq.q_deep)",
        "VACUUM ANALYZE pgmq.q_deep",
        _send("interval '30 s'", leased=1),
    ],
    "visible, analysed while all was delayed": [
        _send("interval '1 day'", count=1000),
        "ANALYZE pgmq.q_deep",
        _send("-interval '1 day'"),
    ],
    "backing off, analysed while all was visible": [
        _send("-interval '1 day'", count=1000),
        "ANALYZE pgmq.q_deep",
        "DELETE FROM pgmq.q_deep",
        _send("number * interval '1 s'", leased=3),
    ],
    "drained, not vacuumed": [
        _send("-interval '1 hour'"),
        "DELETE FROM pgmq.q_deep",
        # Whoever comes first walks over the dead entries of the index, and marks them.
        "SELECT min(vt) FROM pgmq.q_deep",
    ],
}


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_what_a_statement_reads_does_not_grow_with_the_queue(
    database_url: str, state: list[str], plan: str
) -> None:
    planned = f"{database_url}&options={quote(f'-c plan_cache_mode={plan}')}"
    _fill(database_url, state)
    with psycopg.connect(database_url, autocommit=True) as observer:
        for name, act in ACTS.items():
            held = _with_store(database_url, _lease)
            before = _count_blocks(observer)
            act(planned, held)
            assert _count_blocks(observer) - before < MOST, name


def _fill(url: str, state: list[str]) -> None:
    with psycopg.connect(url, application_name=APPLICATION, autocommit=True) as connection:
        connection.execute("SELECT pgmq.create('deep'), pgmq.create('deep_dlq')")
        connection.execute("ALTER TABLE pgmq.q_deep SET (autovacuum_enabled = false)")
        for statement in [*state, _send("-interval '1 s'", count=2 * BATCH * len(ACTS))]:
            connection.execute(statement.encode())


def test_dead_entries_that_a_snapshot_holds_are_not_walked_over_each_time(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floor, "SHARE", math.inf)  # no look from the bottom but the first
    monkeypatch.setattr(floor, "LONGEST_S", math.inf)
    with psycopg.connect(database_url) as reader:
        _fill(database_url, [])
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")
        _change(database_url, "TRUNCATE pgmq.q_deep", _send("-interval '1 day'"))
        _change(database_url, "DELETE FROM pgmq.q_deep", _send("-interval '1 hour'", count=100))
        with psycopg.connect(database_url, autocommit=True) as observer:
            before = _count_blocks(observer)
            _with_store(database_url, _lease)
            from_bottom = _count_blocks(observer) - before
            assert from_bottom > 5 * MOST
            _with_store(database_url, lambda store: [_lease(store) for _ in range(5)])
            assert _count_blocks(observer) - before - from_bottom < from_bottom + 5 * MOST


def test_what_became_due_below_the_floor_is_found(database_url: str) -> None:
    _fill(database_url, [])

    def lease_what_comes_late(store: LeaseStore) -> None:
        while store.exchange(SETTINGS, [], [], BATCH, MOST_BYTES)[1]:
            pass
        _change(database_url, _send("-interval '1 day'", count=1))
        while not store.exchange(SETTINGS, [], [], BATCH, MOST_BYTES)[1]:
            pass

    _with_store(database_url, lease_what_comes_late)


def _change(url: str, *statements: str) -> None:
    with psycopg.connect(url, application_name=APPLICATION, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _with_store(url: str, act: Callable[[LeaseStore], T]) -> T:
    store = LeaseStore(Connector(url), APPLICATION, 1.0)
    try:
        return act(store)
    finally:
        store.close()


def _lease(store: LeaseStore) -> list[Delivery]:
    _, rows = store.exchange(SETTINGS, [], [], BATCH, MOST_BYTES)
    assert len(rows) == BATCH
    return [
        Delivery(0, row[0], row[1], Account(0, 0, 0), row[2], row[3], row[5], row[6], 0.0)
        for row in rows
    ]


def _acknowledge(store: LeaseStore, held: list[Delivery], settings: QueueSettings) -> None:
    ids, read_counts = [d.msg_id for d in held], [d.read_ct for d in held]
    assert store.exchange(settings, ids, read_counts, 0, MOST_BYTES) == (BATCH, [])


def _settle(store: LeaseStore, held: list[Delivery], decision: Decision) -> None:
    assert store.settle(SETTINGS, [(delivery, decision) for delivery in held]) == BATCH


def _extend(store: LeaseStore, held: list[Delivery]) -> None:
    assert len(store.extend(SETTINGS, held, 30.0)) == len(store.find_held(SETTINGS, held)) == BATCH


def _lease_one(store: LeaseStore, held: list[Delivery]) -> None:
    assert store.lease_one(SETTINGS, held[0].msg_id) is None  # it is leased


def _look(url: str, held: list[Delivery]) -> None:
    with psycopg.connect(url, application_name=APPLICATION) as connection:
        text = sql.NEXT_DUE.format(number=1, queue=sql.parameterised("q", SETTINGS.name))
        assert connection.execute(text.encode(), {"floor": BOTTOM}).fetchone() is not None


def _use_as_client(url: str, held: list[Delivery]) -> None:
    with psycopg.connect(url, application_name=APPLICATION, autocommit=True) as connection:
        connection.prepare_threshold = 0
        queue: Queue[Any] = Queue(connection, SETTINGS.name)
        first, second, *others = queue.read(quantity=BATCH // 2)
        assert len(others) == BATCH // 2 - 2
        assert queue.delete(first)
        assert queue.archive(second)
        assert queue.set_timeout(others[0], 0)


def _by_store(
    act: Callable[..., None], *arguments: object
) -> Callable[[str, list[Delivery]], None]:
    return lambda url, held: _with_store(url, lambda store: act(store, held, *arguments))


ACTS = {
    "lease": lambda url, _: _with_store(url, _lease),
    "acknowledge": _by_store(_acknowledge, SETTINGS),
    "acknowledge by archiving": _by_store(_acknowledge, replace(SETTINGS, on_success="archive")),
    "delete": _by_store(_settle, Delete()),
    "archive": _by_store(_settle, Archive()),
    "release": _by_store(_settle, Release(60.0)),
    "reschedule": _by_store(_settle, Reschedule(60.0, FAILURE)),
    "archive a failure": _by_store(_settle, Archive(FAILURE)),
    "dead-letter": _by_store(_settle, DeadLetter(FAILURE)),
    "extend": _by_store(_extend),
    "lease one": _by_store(_lease_one),
    "look": _look,
    "read, delete, archive, set timeout": _use_as_client,
}


def _count_blocks(observer: psycopg.Connection) -> int:
    """How many blocks of the queue and its indexes were touched by all who have disconnected."""
    while observer.execute(CONNECTED, [APPLICATION]).fetchone() != (0,):
        pass  # a backend counts as it ends
    row = observer.execute(BLOCKS).fetchone()
    assert row is not None
    return int(row[0])
