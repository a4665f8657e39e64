"""`pgmqgen doctor` against real databases: each finding is there when its cause is, and only then."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import psycopg
import pytest

from pgmqgen.admin import doctor, migrate
from pgmqgen.runtime.database.postgres import connect
from tests.patient import Patient, make_registry

Run = Callable[..., subprocess.CompletedProcess[str]]
FILL = """
INSERT INTO pgmq.q_orders (vt, message) SELECT now(), '1' FROM generate_series(1, 60000)
"""


@pytest.fixture
def patient(database_url: str) -> Iterator[Patient]:
    migrate.apply(database_url, make_registry())
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield Patient(database_url, connection)


def test_a_healthy_database(patient: Patient) -> None:
    patient.execute("INSERT INTO pgmq.q_orders (vt, message) VALUES (now(), '1')")
    assert patient.examine() == []


def test_what_migrate_has_not_done_yet(empty_database_url: str, database_url: str) -> None:
    with connect(empty_database_url) as connection:
        assert {f.text for f in doctor.examine(connection, make_registry(notify=True))} == {
            "not done yet: install pgmq 1.13.0 from SQL",
            "not done yet: create standard queue `orders`",
            "not done yet: create standard queue `orders_dlq`",
            "not done yet: create function `pgmqgen.notify_queue`",
            "not done yet: create notify trigger of queue `orders`",
        }
    migrate.apply(database_url, make_registry(notify=True))
    with connect(database_url) as connection:
        assert doctor.examine(connection, make_registry(notify=True)) == []
        assert [f.text for f in doctor.examine(connection, make_registry(kind="unlogged"))] == [
            "queue `orders` is standard, not unlogged as declared; it was left as it is",
            "not done yet: drop notify trigger of queue `orders`",
            "not done yet: drop function `pgmqgen.notify_queue`",
        ]


def test_a_schema_that_is_no_pgmq(empty_database_url: str) -> None:
    with connect(empty_database_url) as connection:
        connection.execute("CREATE SCHEMA pgmq")
        (finding,) = doctor.examine(connection, make_registry())
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
        (["SELECT pgmq.send('orders', '1')", "SELECT pgmq.archive('orders', 1)",
          "UPDATE pgmq.a_orders SET msg_id = 9"],
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


def test_autovacuum_that_is_behind(patient: Patient) -> None:
    patient.execute("ALTER TABLE pgmq.q_orders SET (autovacuum_vacuum_threshold = 2000000000)")
    patient.execute(FILL, "DELETE FROM pgmq.q_orders", "SELECT pg_stat_force_next_flush()")
    (finding,) = patient.examine(patience_s=0)
    assert (finding.code, finding.details["held"]) == ("dead-rows", False)
    assert "last vacuumed: never" in finding.text
    patient.heal(finding)
    assert patient.examine(patience_s=0) == []
    patient.execute(FILL, "DELETE FROM pgmq.q_orders", "SELECT pg_stat_force_next_flush()")
    assert patient.examine(patience_s=0) == []  # a busy queue has as many until its next vacuum


def test_a_role_that_may_not_see_everything(patient: Patient) -> None:
    migrate.apply(patient.url, make_registry(), "clinic")
    roles = "clinic_worker", "clinic_producer", "nurse"
    patient.execute("CREATE ROLE nurse LOGIN IN ROLE clinic_worker")
    patient.execute("SELECT pgmq.send('orders', '1')")
    nurse = Patient(patient.url.replace("postgres@", "nurse@"), patient.connection)
    try:
        with psycopg.connect(patient.url) as other:
            other.execute("SELECT pg_current_xact_id()")
            migrations, unseen, ids = found = nurse.examine(patience_s=0)
            assert {(each.code, each.level) for each in found} == {("denied", "note")}
            assert "role `nurse` does not see other users' transactions" in unseen.text
            assert migrations.text.endswith("permission denied for table meta")
            assert ids.text.endswith("permission denied for sequence q_orders_msg_id_seq")
            patient.execute(unseen.help)
            assert nurse.codes(patience_s=0) == ["open-transaction"]
    finally:
        patient.execute(*(f"DROP OWNED BY {role}; DROP ROLE {role}" for role in roles))


def test_dead_letters_are_a_note(patient: Patient) -> None:
    patient.execute("SELECT pgmq.send_batch('orders_dlq', ARRAY['1', '2']::jsonb[])")
    (finding,) = patient.examine()
    assert (finding.level, finding.code) == ("note", "dead-letters")
    assert finding.details == {"queue": "orders_dlq", "count": 2}


def test_a_pooler_is_a_note(patient: Patient) -> None:
    with connect(patient.url, pooler=True) as connection:
        (finding,) = doctor.examine(connection, make_registry())
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


def test_messages_that_nobody_serves(patient: Patient) -> None:
    """Of a queue that was renamed; of others, that pgmqgen has no part in, nothing is told."""
    patient.execute(
        "SELECT pgmq.create('Mails')", "SELECT pgmq.create('foreign')", "SELECT pgmq.create('old')",
        "SELECT pgmq.send('foreign', '1')", "SELECT pgmq.send('old', '1')",
        """SELECT pgmq.send('Mails', '1', '{"x-pgmqgen": {"version": 1}}'::jsonb)""",
        "ALTER TABLE pgmq.q_old DROP COLUMN headers",
    )  # fmt: skip
    (finding,) = patient.examine()
    assert (finding.code, finding.level, finding.details) == ("stray", "note", {"queue": "Mails"})


def test_other_peoples_tables_and_a_missing_archive(patient: Patient) -> None:
    patient.execute(
        "SELECT pgmq.create('foreign')", "DROP TABLE pgmq.q_foreign", "SELECT pgmq.create('locked')",
        "SELECT pgmq.send('orders', '1')",
        "DROP TABLE pgmq.a_orders",
    )  # fmt: skip
    with psycopg.connect(patient.url) as other:
        other.execute("LOCK TABLE pgmq.q_locked")
        assert patient.examine() == []
