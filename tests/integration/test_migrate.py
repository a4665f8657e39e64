"""Migrations against real databases: empty, half-way, finished, foreign."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql

from pgmqgen import local
from pgmqgen.admin import migrate
from pgmqgen.errors import DatabaseError
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.registry import QueueSpec, Registry

Run = Callable[..., subprocess.CompletedProcess[str]]
ALL_STEPS = [
    "install pgmq 1.13.0 from SQL",
    "create standard queue `orders`",
    "create unlogged queue `Fast`",
    "create standard queue `b`",
    "create standard queue `orders_dlq`",
    "create standard queue `Fast_dlq`",
    "create standard queue `dead`",
    "create function `pgmqgen.notify_queue`",
    "create notify trigger of queue `Fast`",
]

NOTIFYING = """
SELECT relname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE tgname = 'pgmqgen_notify'
"""


def _registry(*queues: QueueSettings) -> Registry:
    return Registry(
        "x", [QueueSpec(settings, contract="c:c", handler="h:h") for settings in queues]
    )


def _titles(steps: list[migrate.Step]) -> list[str]:
    return [step.title for step in steps]


def _plan(url: str, registry: Registry) -> list[str]:
    with psycopg.connect(url) as connection:
        return _titles(migrate.plan(connection, registry))


def _rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


@pytest.mark.usefixtures("project")
def test_migrate_from_nothing(empty_database_url: str, run_pgmqgen: Run) -> None:
    first = run_pgmqgen("migrate", "--database-url", empty_database_url)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines() == ALL_STEPS
    assert _rows(
        empty_database_url,
        'SELECT queue_name, is_unlogged FROM pgmq.meta ORDER BY queue_name COLLATE "C"',
    ) == [
        ("Fast", True),
        ("Fast_dlq", False),
        ("b", False),
        ("dead", False),
        ("orders", False),
        ("orders_dlq", False),
    ]
    assert _rows(empty_database_url, "SELECT kind, version FROM pgmqgen.installation") == [
        ("sql", "1.13.0")
    ]
    second = run_pgmqgen("migrate", "--database-url", empty_database_url)
    assert (second.returncode, second.stdout, second.stderr) == (0, "up to date\n", "")


@pytest.mark.usefixtures("project")
def test_dry_run_changes_nothing(empty_database_url: str, run_pgmqgen: Run) -> None:
    done = run_pgmqgen("migrate", "--dry-run", "--database-url", empty_database_url)
    assert done.returncode == 0
    assert done.stdout.splitlines() == ALL_STEPS
    assert _rows(
        empty_database_url, "SELECT to_regnamespace('pgmq'), to_regnamespace('pgmqgen')"
    ) == [(None, None)]


def test_the_extension_is_preferred_where_the_server_offers_it(
    empty_database_url: str, extension_path: str
) -> None:
    url = f"{empty_database_url}&options=-c%20extension_control_path%3D{extension_path}"
    steps = migrate.apply(url, _registry(QueueSettings(name="a")))
    assert _titles(steps)[0] == "install pgmq 1.9.9 as an extension"
    assert _rows(url, "SELECT extversion FROM pg_extension WHERE extname = 'pgmq'") == [("1.9.9",)]
    assert _rows(url, "SELECT kind, version FROM pgmqgen.installation") == [("extension", "1.9.9")]
    assert migrate.apply(url, _registry(QueueSettings(name="a"))) == []


def test_the_extension_is_never_tried_over_an_installation_from_sql(
    database_url: str, extension_path: str
) -> None:
    url = f"{database_url}&options=-c%20extension_control_path%3D{extension_path}"
    assert _titles(migrate.apply(url, _registry(QueueSettings(name="a")))) == [
        "create standard queue `a`",
        "create standard queue `a_dlq`",
    ]
    assert _rows(url, "SELECT count(*) FROM pg_extension WHERE extname = 'pgmq'") == [(0,)]
    # Whoever installed pgmq here, it was not pgmqgen.
    assert _rows(url, "SELECT to_regnamespace('pgmqgen')") == [(None,)]


@pytest.fixture
def extension_path(server_url: str) -> Iterator[str]:
    """Folder of a real extension pgmq for `extension_control_path`, which the server can read."""
    (data,) = _rows(server_url, "SHOW data_directory")[0]
    folder = Path(str(data)).parent / "share" / "extension"
    folder.mkdir(parents=True, exist_ok=True)
    control = "default_version = '1.9.9'\nschema = 'pgmq'\nrelocatable = false\n"
    (folder / "pgmq.control").write_text(control)
    (folder / "pgmq--1.9.9.sql").write_text(get_embedded_install_sql())
    for path in (folder.parent, *folder.parent.rglob("*")):
        path.chmod(0o755)
    return str(folder.parent)


@pytest.mark.usefixtures("project")
def test_several_at_once(empty_database_url: str) -> None:
    command = [
        Path(sys.executable).with_name("pgmqgen"), "migrate", "--database-url", empty_database_url,
    ]  # fmt: skip
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    texts = sorted(out for out, _ in outputs)
    assert texts == sorted(["\n".join(ALL_STEPS) + "\n"] + ["up to date\n"] * 3)


@pytest.mark.parametrize("options", [[], ["--single-transaction"]])
@pytest.mark.usefixtures("project")
def test_sql_runs_in_psql_twice(
    empty_database_url: str, run_pgmqgen: Run, tmp_path: Path, options: list[str]
) -> None:
    printed = run_pgmqgen("migrate", "--sql")
    assert (printed.returncode, printed.stderr) == (0, "")
    file = tmp_path / "migration.sql"
    file.write_text(printed.stdout)
    psql = [local.psql_path(), "-X", "-v", "ON_ERROR_STOP=1", *options, "-f", file]
    for _ in range(2):
        done = subprocess.run([*psql, empty_database_url], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    migrated = run_pgmqgen("migrate", "--database-url", empty_database_url)
    assert migrated.stdout == "up to date\n"


def test_the_trigger_notifies_once_a_statement(database_url: str) -> None:
    migrate.apply(database_url, _registry(QueueSettings(name="Loud queue", notify=True)))
    with (
        psycopg.connect(database_url, autocommit=True) as listener,
        psycopg.connect(database_url, autocommit=True) as sender,
    ):
        listener.execute("LISTEN pgmqgen")
        sender.execute(
            b"""INSERT INTO pgmq."q_loud queue" (vt, message) VALUES (now(), '1'), (now(), '2')"""
        )
        heard = [notify.payload for notify in listener.notifies(timeout=1)]
    assert heard == ["Loud queue"]


def test_a_trigger_no_longer_asked_for_is_dropped(database_url: str) -> None:
    loud, quiet = QueueSettings(name="Loud queue", notify=True), QueueSettings(name="Loud queue")
    other = QueueSettings(name="b", notify=True)
    migrate.apply(database_url, _registry(loud, other))
    registry = _registry(quiet, other)
    assert _plan(database_url, registry) == ["drop notify trigger of queue `Loud queue`"]
    migrate.apply(database_url, registry)
    assert _plan(database_url, registry) == []
    assert _rows(database_url, NOTIFYING) == [("q_b",)]


def test_the_notify_function_is_dropped_with_its_last_trigger(database_url: str) -> None:
    loud = [QueueSettings(name=name, notify=True) for name in "ab"]
    migrate.apply(database_url, _registry(*loud))
    first, second = (_registry(QueueSettings(name=name)) for name in "ab")  # of two projects
    assert _titles(migrate.apply(database_url, first)) == ["drop notify trigger of queue `a`"]
    assert _titles(migrate.apply(database_url, second)) == [
        "drop notify trigger of queue `b`",
        "drop function `pgmqgen.notify_queue`",
    ]
    assert migrate.apply(database_url, second) == []
    assert _rows(database_url, "SELECT to_regproc('pgmqgen.notify_queue')") == [(None,)]


def test_the_printed_sql_drops_what_is_no_longer_asked_for(database_url: str) -> None:
    migrate.apply(database_url, _registry(QueueSettings(name="a", notify=True)))
    registry = _registry(QueueSettings(name="a"))
    for _ in range(2):
        with psycopg.connect(database_url) as connection:
            connection.execute(migrate.script(registry).encode())
        assert _plan(database_url, registry) == []
    assert _rows(database_url, "SELECT to_regproc('pgmqgen.notify_queue')") == [(None,)]


def test_a_changed_notify_function_is_replaced(database_url: str) -> None:
    registry = _registry(QueueSettings(name="a", notify=True))
    migrate.apply(database_url, registry)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION pgmqgen.notify_queue() RETURNS trigger "
            "LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        )
    assert _titles(migrate.apply(database_url, registry)) == [
        "create function `pgmqgen.notify_queue`"
    ]
    assert migrate.apply(database_url, registry) == []


def test_a_queue_of_another_kind_is_reported_and_stays(
    database_url: str, project: Path, run_pgmqgen: Run
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT pgmq.create_unlogged('ORDERS'), pgmq.create('fast')")
    done = run_pgmqgen("migrate", "--database-url", database_url)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "warning: queue `orders` is unlogged, not standard as declared; it was left as it is",
        "warning: queue `Fast` is standard, not unlogged as declared; it was left as it is",
    ]
    assert "create standard queue `b`" in done.stdout
    persistence = "SELECT relpersistence::text FROM pg_class WHERE relname = 'q_orders'"
    assert _rows(database_url, persistence) == [("u",)]
    again = run_pgmqgen("migrate", "--database-url", database_url)
    assert again.stdout == "up to date\n"
    assert again.stderr == done.stderr


def test_a_queue_whose_table_is_gone_is_created_again(database_url: str) -> None:
    registry = _registry(QueueSettings(name="a"))
    migrate.apply(database_url, registry)
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP TABLE pgmq.q_a")
    assert _titles(migrate.apply(database_url, registry)) == ["create standard queue `a`"]
    assert migrate.apply(database_url, registry) == []


def test_a_declared_queue_may_be_the_dead_letter_queue_of_another(database_url: str) -> None:
    registry = _registry(
        QueueSettings(name="a", dead_letter_queue="graves"),
        QueueSettings(name="b", dead_letter_queue="graves"),
        QueueSettings(name="graves", kind="unlogged"),
    )
    assert _titles(migrate.apply(database_url, registry)) == [
        "create standard queue `a`",
        "create standard queue `b`",
        "create unlogged queue `graves`",
        "create standard queue `graves_dlq`",
    ]


def test_a_partitioned_queue_needs_partman(database_url: str) -> None:
    registry = _registry(QueueSettings(name="first"), QueueSettings(name="p", kind="partitioned"))
    with pytest.raises(
        DatabaseError, match=r"queue `p` is partitioned, .* no pg_partman"
    ) as caught:
        migrate.apply(database_url, registry)
    assert "CREATE EXTENSION pg_partman" in (caught.value.hint or "")
    assert _rows(database_url, "SELECT count(*) FROM pgmq.meta") == [(0,)]


def test_a_schema_that_is_no_pgmq(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE SCHEMA pgmq")
    with pytest.raises(DatabaseError, match=r"lacks `pgmq\.create`, `pgmq\.meta`") as caught:
        migrate.apply(empty_database_url, _registry(QueueSettings(name="a")))
    assert caught.value.hint


def test_a_failing_step_undoes_the_others(empty_database_url: str) -> None:
    registry = _registry(QueueSettings(name="a"), QueueSettings(name="b" * 48))
    with pytest.raises(
        DatabaseError, match=r"cannot create standard queue `b+`: queue name is too long"
    ):
        migrate.apply(empty_database_url, registry)
    assert _rows(empty_database_url, "SELECT to_regnamespace('pgmq')") == [(None,)]


def test_a_role_that_may_not_create(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA pgmq TO reader")
        connection.execute("GRANT SELECT ON pgmq.meta TO reader")
    try:
        with pytest.raises(
            DatabaseError, match="cannot create standard queue `a`: permission denied"
        ) as caught:
            migrate.apply(
                database_url.replace("//postgres@", "//reader@"),
                _registry(QueueSettings(name="a")),
            )
        assert caught.value.sqlstate == "42501"
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("DROP OWNED BY reader")
            connection.execute("DROP ROLE reader")


def test_producers_go_on_while_it_waits_for_an_open_transaction(database_url: str) -> None:
    migrate.apply(database_url, _registry(QueueSettings(name="orders")))
    registry = _registry(QueueSettings(name="orders", notify=True))
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database_url) as first:
        first.execute("SELECT pgmq.send('orders', '1')")
        migration = pool.submit(migrate.apply, database_url, registry)
        with psycopg.connect(database_url, autocommit=True) as second:
            second.execute("SET lock_timeout = '4s'")
            end = time.monotonic() + 4
            while time.monotonic() < end:
                second.execute("SELECT pgmq.send('orders', '1')")
        assert not migration.done()
        first.rollback()
        assert "create notify trigger of queue `orders`" in _titles(migration.result(10))


def test_a_lock_that_is_not_to_be_had(database_url: str) -> None:
    migrate.apply(database_url, _registry(QueueSettings(name="orders")))
    registry = _registry(QueueSettings(name="orders", notify=True))
    with psycopg.connect(database_url) as other:
        other.execute("SELECT pgmq.send('orders', '1')")
        with pytest.raises(DatabaseError, match="lock timeout") as raised:
            migrate.apply(database_url, registry, patience_s=0)
    assert "`pgmqgen doctor` names open transactions" in str(raised.value.hint)
    assert _rows(database_url, NOTIFYING) == []
