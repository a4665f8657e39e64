"""A server of its own for tests of who keeps dead rows, and what may be going on there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from pgmqgen import local
from pgmqgen.admin import migrate
from pgmqgen.admin.finding import Finding
from pgmqgen.local import cluster
from tests.conftest import server_directory
from tests.patient import Patient, make_registry

_SETTINGS = {
    "autovacuum": "off",  # it would come between
    "fsync": "off",
    "max_prepared_transactions": "10",
    "wal_level": "logical",
    "hot_standby_feedback": "on",
    "wal_receiver_status_interval": "1s",
}
_HOLDERS = {"open-transaction", "prepared-transaction", "replication-slot", "standby"}
REPEATABLE = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
DIE = """
INSERT INTO pgmq.q_orders (vt, message) SELECT now(), '1' FROM generate_series(1, {}); DELETE FROM pgmq.q_orders
"""
_DEAD = "n_dead_tup FROM pg_stat_user_tables WHERE relid = 'pgmq.q_orders'::regclass"
# An index on it is built only while the lock is free.
_SLOW_TABLE = """
CREATE TABLE slow AS SELECT generate_series(1, 20000) AS id;
CREATE FUNCTION compare(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1);
    RETURN btint4cmp($1, $2);
END $$;
CREATE OPERATOR CLASS waiting FOR TYPE int USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compare(int, int);
"""
_WAITS = "wait_event_type IN ('Lock', 'Timeout') FROM pg_stat_activity WHERE pid = {}"


@dataclass
class Ward(Patient):
    """A patient on a server of its own, in `directory`."""

    directory: Path

    def named(self, patience_s: float = 0) -> list[Finding]:
        """Who keeps dead rows, says doctor."""
        found = self.examine(patience_s=patience_s)
        return [finding for finding in found if finding.code in _HOLDERS]

    def is_held(self) -> bool:
        """Whether VACUUM cannot remove what has died just now, while somebody reads something."""
        self.execute(DIE.format(100))
        self.execute("SELECT pg_stat_force_next_flush()")  # else it may be counted after the VACUUM
        with psycopg.connect(self.url) as reader:
            reader.execute(REPEATABLE)
            reader.execute("SELECT 1")
            self.execute("VACUUM pgmq.q_orders")
        return self.ask(_DEAD) != (0,)

    def ask(self, what: str) -> tuple[Any, ...] | None:
        """The first row of a SELECT."""
        return self.connection.execute(f"SELECT {what}".encode()).fetchone()

    @property
    def elsewhere(self) -> str:
        """URL of another database of the server."""
        return make_conninfo(self.url, dbname="template1")


@contextmanager
def serving() -> Iterator[Ward]:
    """Run a server during the block, with the queue `orders`."""
    with server_directory() as directory, local.serve(directory) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            for name, value in _SETTINGS.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        cluster.stop(directory / "data")
        cluster.start(directory / "data")
        migrate.apply(url, make_registry())
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_SLOW_TABLE)
            yield Ward(url, connection, directory)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until it holds, for at most 20 s."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


Act = Callable[[Ward], AbstractContextManager[object]]


def session(*statements: str, elsewhere: bool = False) -> Act:
    """A transaction that stays open after the statements."""

    @contextmanager
    def act(ward: Ward) -> Iterator[None]:
        url = ward.elsewhere if elsewhere else ward.url
        with closing(psycopg.connect(url)) as connection:
            for statement in statements:
                connection.execute(statement.encode())
            yield

    return act


def waiting(statement: str, lock: str = "SELECT 1") -> Act:
    """A statement that waits, as long as this lasts, for a lock that a transaction has."""

    @contextmanager
    def act(ward: Ward) -> Iterator[None]:
        slowly = "-c vacuum_cost_delay=100 -c vacuum_cost_limit=1"
        slow = psycopg.connect(ward.url, options=slowly, autocommit=True)
        with closing(slow) as connection, session(lock)(ward):
            pid = connection.info.backend_pid
            connection.pgconn.send_query(statement.encode())
            wait_for(lambda: ward.ask(_WAITS.format(pid)) == (True,))
            yield
            ward.execute(f"SELECT pg_terminate_backend({pid}, 10000)")

    return act


@contextmanager
def copy_of_a_subscription(ward: Ward) -> Iterator[None]:
    """What a new subscription asks for before it copies a table."""
    url = make_conninfo(ward.url, replication="database")
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        for statement in (
            "BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ",
            "CREATE_REPLICATION_SLOT copied TEMPORARY LOGICAL pgoutput USE_SNAPSHOT",
            "SELECT 1",
        ):
            connection.pgconn.exec_(statement.encode())
        yield


@contextmanager
def logical_slot(ward: Ward) -> Iterator[None]:
    """The slot of a subscription whose reader is away."""
    ward.execute("SELECT pg_create_logical_replication_slot('changes', 'pgoutput')")
    yield
    ward.execute("SELECT pg_drop_replication_slot('changes')")
