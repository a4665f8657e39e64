"""`pgmqgen doctor` against real databases: each finding is there when its cause is, and only then."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from pgmqgen.admin import doctor, migrate
from pgmqgen.admin.finding import Finding
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.postgres import connect
from pgmqgen.runtime.registry import QueueSpec, Registry

Run = Callable[..., subprocess.CompletedProcess[str]]
FILL = """
INSERT INTO pgmq.q_orders (vt, message) SELECT now(), '1' FROM generate_series(1, 60000)
"""


def _registry(**settings: Any) -> Registry:
    return Registry(
        "x",
        [QueueSpec(QueueSettings(name="orders", **settings), contract="c:c", handler="h:h")],
    )


@dataclass
class Patient:
    """A database with the queue `orders`, and a connection to make it ill."""

    url: str
    connection: psycopg.Connection

    def execute(self, *statements: str) -> None:
        for statement in statements:
            self.connection.execute(statement.encode())

    def examine(self, registry: Registry | None = None, **options: Any) -> list[Finding]:
        with connect(self.url) as connection:
            return doctor.examine(connection, registry or _registry(), **options)

    def codes(self, registry: Registry | None = None, **options: Any) -> list[str]:
        return [finding.code for finding in self.examine(registry, **options)]

    def heal(self, finding: Finding) -> None:
        """Do what the help says, where that is SQL."""
        self.execute(finding.help.partition(": ")[2] or finding.help)


@pytest.fixture
def patient(database_url: str) -> Iterator[Patient]:
    migrate.apply(database_url, _registry())
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield Patient(database_url, connection)


def test_a_healthy_database(patient: Patient) -> None:
    patient.execute("INSERT INTO pgmq.q_orders (vt, message) VALUES (now(), '1')")
    assert patient.examine() == []


def test_what_migrate_has_not_done_yet(empty_database_url: str, database_url: str) -> None:
    with connect(empty_database_url) as connection:
        assert {f.text for f in doctor.examine(connection, _registry(notify=True))} == {
            "not done yet: install pgmq 1.13.0 from SQL",
            "not done yet: create standard queue `orders`",
            "not done yet: create standard queue `orders_dlq`",
            "not done yet: create function `pgmqgen.notify_queue`",
            "not done yet: create notify trigger of queue `orders`",
        }
    migrate.apply(database_url, _registry(notify=True))
    with connect(database_url) as connection:
        assert doctor.examine(connection, _registry(notify=True)) == []
        assert [f.text for f in doctor.examine(connection, _registry(kind="unlogged"))] == [
            "queue `orders` is standard, not unlogged as declared; it was left as it is",
            "not done yet: drop notify trigger of queue `orders`",
            "not done yet: drop function `pgmqgen.notify_queue`",
        ]


def test_a_schema_that_is_no_pgmq(empty_database_url: str) -> None:
    with connect(empty_database_url) as connection:
        connection.execute("CREATE SCHEMA pgmq")
        (finding,) = doctor.examine(connection, _registry())
    assert (finding.code, "lacks" in finding.text) == ("pgmq", True)


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (["DROP INDEX pgmq.q_orders_vt_idx"], "missing-index"),
        (["ALTER TABLE pgmq.q_orders SET (autovacuum_enabled = false)"], "autovacuum-off"),
        (["SELECT pgmq.enable_notify_insert('orders')"], "row-trigger"),
        (["SELECT pgmq.send('orders', '1')", "SELECT setval('pgmq.q_orders_msg_id_seq', 1, false)",
          "UPDATE pgmq.q_orders SET msg_id = DEFAULT",
          "INSERT INTO pgmq.q_orders (msg_id, vt, message) OVERRIDING SYSTEM VALUE VALUES (9, now(), '1')"],
         "sequence-behind"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table_and_how_to_mend_it(
    patient: Patient, cause: list[str], code: str
) -> None:
    patient.execute(*cause)
    (finding,) = patient.examine()
    assert finding.code == code
    for statement in finding.help.split("; set `notify`")[0].split("; "):
        patient.execute(statement)
    assert patient.examine() == []


def test_an_older_pgmq(patient: Patient) -> None:
    patient.execute("ALTER TABLE pgmq.q_orders DROP COLUMN headers")
    assert patient.codes() == ["old-pgmq"]


def test_an_open_transaction_and_the_dead_rows_that_it_holds(patient: Patient) -> None:
    patient.execute("ALTER TABLE pgmq.q_orders SET (autovacuum_vacuum_threshold = 2000000000)")
    with psycopg.connect(patient.url, application_name="report") as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")
        patient.execute(FILL, "DELETE FROM pgmq.q_orders", "SELECT pg_stat_force_next_flush()")
        patient.execute("VACUUM pgmq.q_orders")
        assert patient.codes() == ["dead-rows"]
        found = {finding.code: finding for finding in patient.examine(patience_s=0)}
        assert set(found) == {"dead-rows", "open-transaction"}
        details = found["open-transaction"].details
        assert details["pid"] == other.info.backend_pid
        assert (details["user"], details["application"]) == ("postgres", "report")
        assert details["state"] == "idle in transaction"
        assert details["dead_rows"] == {"orders": 60000}
        assert "dead rows not vacuumed: 60000 of `orders`" in found["open-transaction"].text
        patient.heal(found["open-transaction"])
        other.close()  # it is gone, and cannot commit
        while patient.codes(patience_s=0) != ["dead-rows"]:
            pass  # a backend takes a moment to end
    patient.execute("VACUUM ANALYZE pgmq.q_orders")
    assert patient.examine(patience_s=0) == []


def test_dead_letters_are_a_note(patient: Patient) -> None:
    patient.execute("SELECT pgmq.send_batch('orders_dlq', ARRAY['1', '2']::jsonb[])")
    (finding,) = patient.examine()
    assert (finding.level, finding.code) == ("note", "dead-letters")
    assert finding.details == {"queue": "orders_dlq", "count": 2}


def test_a_pooler_is_a_note(patient: Patient) -> None:
    with connect(patient.url, pooler=True) as connection:
        (finding,) = doctor.examine(connection, _registry())
    assert (finding.level, finding.code) == ("note", "pooler")


@pytest.mark.usefixtures("project")
def test_the_command(database_url: str, run_pgmqgen: Run) -> None:
    done = run_pgmqgen("doctor", "--database-url", database_url)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[:2] == [
        "problem: not done yet: create standard queue `orders`",
        "  help: run `pgmqgen migrate`",
    ]
    assert run_pgmqgen("migrate", "--database-url", database_url).returncode == 0
    done = run_pgmqgen("doctor", "--database-url", database_url)
    assert (done.returncode, done.stdout) == (0, "all is well\n")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.send('dead', '1')")
    done = run_pgmqgen("doctor", "--json", "--database-url", database_url)
    assert done.returncode == 0
    (finding,) = json.loads(done.stdout)
    assert sorted(finding) == ["code", "details", "help", "level", "text"]
    assert finding["details"] == {"queue": "dead", "count": 1}
    gone = database_url.replace("test_", "no_such_")
    assert run_pgmqgen("doctor", "--database-url", gone).returncode == 3
