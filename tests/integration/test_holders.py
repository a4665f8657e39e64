"""Whoever `doctor` says keeps dead rows does keep them from VACUUM, and who does not is not named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgmqgen.admin.holders import OLD_TRANSACTIONS
from pgmqgen.admin.tables import DEAD_ROWS
from pgmqgen.local import cluster
from tests.fault.standby import following
from tests.ward import (
    DIE,
    REPEATABLE,
    Act,
    Ward,
    copy_of_a_subscription,
    logical_slot,
    serving,
    session,
    wait_for,
    waiting,
)

_GROW_OLD = f"""
DO $$ BEGIN FOR number IN 0..{OLD_TRANSACTIONS} LOOP
    PERFORM pg_current_xact_id();
    COMMIT;
END LOOP; END $$
"""


_BUILD = "CREATE INDEX CONCURRENTLY ON slow (id waiting)"
_LOCK_INDEX = "SELECT pg_advisory_xact_lock(1)"
_LOCK_TABLE = "LOCK TABLE slow IN SHARE UPDATE EXCLUSIVE MODE"


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    with serving() as ward:
        yield ward


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(session(REPEATABLE, "SELECT 1"), id="a snapshot"),
        pytest.param(session("SELECT pg_current_xact_id()"), id="a transaction that wrote"),
        pytest.param(
            session("SELECT pg_current_xact_id()", elsewhere=True), id="one of another database"
        ),
        pytest.param(waiting(_BUILD, _LOCK_INDEX), id="an index being built"),
        pytest.param(waiting("VACUUM FULL slow", _LOCK_TABLE), id="VACUUM FULL that waits"),
        pytest.param(waiting("ANALYZE slow", _LOCK_TABLE), id="ANALYZE that waits"),
        pytest.param(copy_of_a_subscription, id="a walsender that copies"),
    ],
)
def test_a_transaction_that_holds_dead_rows_is_named(ward: Ward, act: Act) -> None:
    with act(ward):
        assert ward.is_held()
        (finding,) = ward.named()
        assert finding.code == "open-transaction"
        assert ward.named(patience_s=60) == []
        ward.heal(finding)
        wait_for(lambda: not ward.named())
        assert not ward.is_held()


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(session("SELECT 1"), id="a transaction that is between two statements"),
        pytest.param(
            session(REPEATABLE, "SELECT 1", elsewhere=True), id="a snapshot of another database"
        ),
        pytest.param(waiting("VACUUM slow"), id="VACUUM"),
        pytest.param(waiting("VACUUM slow", _LOCK_TABLE), id="VACUUM that waits"),
        pytest.param(
            waiting(
                "CREATE INDEX CONCURRENTLY ON slow (id)", "LOCK TABLE slow IN ROW EXCLUSIVE MODE"
            ),
            id="an index that waits for writers",
        ),
        pytest.param(logical_slot, id="a logical slot, which holds catalogs"),
    ],
)
def test_who_holds_nothing_is_not_named(ward: Ward, act: Act) -> None:
    with act(ward):
        assert ward.named() == []
        assert not ward.is_held()


def test_an_index_that_is_built_is_told_from_other_transactions(ward: Ward) -> None:
    with waiting(_BUILD, _LOCK_INDEX)(ward):
        (finding,) = ward.named()
        assert finding.help.startswith("let it build its index")


def test_where_a_transaction_of_another_database_is(ward: Ward) -> None:
    with session("SELECT pg_current_xact_id()", elsewhere=True)(ward):
        (finding,) = ward.named()
    assert "in database `template1`, where it has written" in finding.text


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_prepared_transaction(ward: Ward, elsewhere: bool) -> None:
    url = ward.elsewhere if elsewhere else ward.url
    for number, end in enumerate(("COMMIT", "ROLLBACK")):
        with psycopg.connect(url) as connection:
            connection.execute("SELECT pg_current_xact_id()")
            connection.execute("PREPARE TRANSACTION 'Ada''s'")
        assert ward.is_held()
        assert ward.named(patience_s=60) == []
        (finding,) = ward.named()
        assert (finding.code, finding.details["gid"]) == ("prepared-transaction", "Ada's")
        assert ("database `template1`" in finding.text) == elsewhere
        assert ("in database `template1`, end it" in finding.help) == elsewhere
        command = finding.help.partition("end it: ")[2].split(" or ")[number]
        assert command.startswith(end)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(command.encode())
        assert ward.named() == []
        assert not ward.is_held()


@pytest.fixture(scope="module")
def standby(ward: Ward) -> Iterator[Path]:
    """The data of a standby of the server."""
    with following(ward.directory) as data:
        yield data


@contextmanager
def _long_query(ward: Ward, standby: Path, reported: str) -> Iterator[None]:
    """A snapshot is held on the standby, and the server is told so.

    reported: what says so: a column with the relation
    """
    with closing(psycopg.connect(_on(standby, ward))) as reader:
        reader.execute(REPEATABLE)
        row = reader.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text").fetchone()
        wait_for(lambda: ward.ask(reported) == row)
        yield


def _on(standby: Path, ward: Ward) -> str:
    return make_conninfo(ward.url, host=str(standby))


def _run_on(standby: Path, ward: Ward, *statements: str) -> None:
    with psycopg.connect(_on(standby, ward), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


_OF_STANDBY = "backend_xmin::text FROM pg_stat_replication"
_OF_SLOT = "xmin::text FROM pg_replication_slots WHERE slot_name = 'following'"


def test_a_standby_with_a_long_query(ward: Ward, standby: Path) -> None:
    with session("SELECT pg_current_xact_id()")(ward), _long_query(ward, standby, _OF_STANDBY):
        ward.execute(_GROW_OLD)
        assert [finding.code for finding in ward.named()] == ["open-transaction"]  # its fault
    wait_for(lambda: ward.ask("age(backend_xmin) FROM pg_stat_replication") == (0,))
    with _long_query(ward, standby, _OF_STANDBY):
        assert ward.is_held()
        assert ward.named() == []  # that may happen
        ward.execute(_GROW_OLD)
        (finding,) = ward.named()
        assert (finding.code, finding.details["application"]) == ("standby", "walreceiver")
        _run_on(standby, ward, finding.help.partition(": ")[2])
        wait_for(lambda: not ward.named())
        wait_for(lambda: not ward.is_held())


def test_a_replication_slot(ward: Ward, standby: Path) -> None:
    ward.execute("SELECT pg_create_physical_replication_slot('following')")
    set_slot = "ALTER SYSTEM SET primary_slot_name = 'following'"
    _run_on(standby, ward, set_slot, "SELECT pg_reload_conf()")
    with _long_query(ward, standby, _OF_SLOT):
        ward.execute(DIE.format(100))
        assert ward.named() == []
        ward.execute(DIE.format(DEAD_ROWS + 1), "VACUUM pgmq.q_orders")
        (finding,) = ward.named()  # nobody else can have left so many
        assert "replication slot `following` (active)" in finding.text
        _run_on(standby, ward, finding.help.partition(": ")[2])
        wait_for(lambda: not ward.is_held())
    with _long_query(ward, standby, _OF_SLOT):
        cluster.stop(standby)
    assert ward.is_held()
    ward.execute("SELECT pg_copy_physical_replication_slot('following', 'lost')")
    first, _ = ward.named()
    assert "replication slot `following` (not active)" in first.text
    ward.heal(first)
    assert [finding.details["slot"] for finding in ward.named()] == ["lost"]
    assert ward.is_held()
    _lose_slots(ward)
    assert ward.named() == []
    assert not ward.is_held()


def _lose_slots(ward: Ward) -> None:
    """Have the server give up on those that need old WAL."""
    ward.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'", "SELECT pg_reload_conf()")
    for _ in range(3):
        ward.execute("SELECT pg_logical_emit_message(false, '', '')", "SELECT pg_switch_wal()")
    ward.execute("CHECKPOINT")
    assert ward.ask("wal_status, xmin IS NULL FROM pg_replication_slots") == ("lost", False)
