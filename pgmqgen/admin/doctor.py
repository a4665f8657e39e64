"""Looks a database over: what keeps the queues of a registry from working, or from working fast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgmqgen.admin import migrate
from pgmqgen.admin.finding import Finding
from pgmqgen.admin.holders import find_holders
from pgmqgen.admin.quoting import name as quoted
from pgmqgen.admin.tables import Table, check_ids, check_table, dead_rows, may_read, read_tables
from pgmqgen.errors import DatabaseError
from pgmqgen.runtime.database.postgres import keeps_session, translating_errors
from pgmqgen.runtime.database.sql import table

if TYPE_CHECKING:
    from psycopg import Connection

    from pgmqgen.runtime.registry import Registry

PATIENCE_S = 60.0
"""For how long a transaction may be open before it is named."""

_COUNTED = 10_000
_LOOKED_AT = 1_000
_MARKED = """
SELECT EXISTS (
    SELECT FROM (SELECT * FROM {table} LIMIT {limit}) AS one WHERE headers ? 'x-pgmqgen'
)
"""
_INSUFFICIENT_PRIVILEGE = "42501"
_UNKNOWABLE = {"42P01", "42703", "55P03"}
"""SQLSTATEs of a table that is gone, has no headers, or is locked."""
_SEES_ALL = "SELECT pg_has_role('pg_read_all_stats', 'USAGE'), current_user::text"
_AUTOVACUUM = "SELECT current_setting('autovacuum')::bool, current_setting('track_counts')::bool"


def examine(
    connection: Connection, registry: Registry, patience_s: float = PATIENCE_S
) -> list[Finding]:
    """All findings, problems first. Nothing is changed. Raises DatabaseError."""
    with translating_errors():
        found = [
            *_as_far_as_allowed("migrations", _check_migration(connection, registry)),
            *_check_server(connection),
            *_as_far_as_allowed("tables", _check_tables(connection, registry, patience_s)),
            *_as_far_as_allowed("ids", _check_ids(connection, registry)),
            *_as_far_as_allowed("dead letters", _count_dead_letters(connection, registry)),
            *_as_far_as_allowed("other queues", _find_strays(connection, registry)),
        ]
    return sorted(found, key=lambda finding: finding.level != "problem")


def _as_far_as_allowed(checked: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        with translating_errors():
            yield from findings
    except DatabaseError as error:
        if error.sqlstate != _INSUFFICIENT_PRIVILEGE:
            raise
        yield Finding(
            code="denied",
            text=f"the check of {checked} was not finished: {error.message}",
            help="connect as the owner of the queues, or as a member of pg_monitor",
            level="note",
        )


def _check_migration(connection: Connection, registry: Registry) -> Iterator[Finding]:
    try:
        steps = migrate.plan(connection, registry)
    except DatabaseError as error:
        if error.sqlstate is not None:
            raise
        yield Finding(code="pgmq", text=error.message, help=error.hint or "see `pgmqgen migrate`")
        return
    for step in steps:
        if step.sql is None:
            yield Finding(
                code="differs", text=step.title, help="change its schema, or the database"
            )
        else:
            yield Finding(
                code="migration", text=f"not done yet: {step.title}", help="run `pgmqgen migrate`"
            )


def _check_server(connection: Connection) -> Iterator[Finding]:
    row = connection.execute(_AUTOVACUUM).fetchone()
    if row != (True, True):
        yield Finding(
            code="autovacuum-off",
            text="autovacuum is off for the whole server",
            help="set autovacuum = on and track_counts = on",
        )
    sees_all, role = connection.execute(_SEES_ALL).fetchone() or (False, "")
    if not sees_all:
        yield Finding(
            code="denied",
            text=f"role `{role}` does not see other users' transactions, nor standbys",
            help=f"GRANT pg_monitor TO {quoted(role)}",
            level="note",
        )
    if not keeps_session(connection):
        yield Finding(
            code="pooler",
            text="the database is behind a pooler in transaction mode: queues are polled",
            help="give the worker a direct connection if `notify` is to wake it",
            level="note",
        )


def _check_tables(
    connection: Connection, registry: Registry, patience_s: float
) -> Iterator[Finding]:
    tables = _read_tables(connection, registry)
    held = any(each.is_dead and each.is_held for each in tables)
    yield from find_holders(connection, dead_rows(tables), patience_s, held=held)
    for each in tables:
        yield from check_table(each)


def _check_ids(connection: Connection, registry: Registry) -> Iterator[Finding]:
    for each in _read_tables(connection, registry):
        yield from check_ids(connection, each)


def _read_tables(connection: Connection, registry: Registry) -> list[Table]:
    return read_tables(connection, _queues(registry))


def _queues(registry: Registry) -> set[str]:
    return {name for spec in registry.values() for name in (spec.name, spec.settings.dlq)}


def _is_marked(connection: Connection, name: str) -> bool:
    """Whether some message of a queue has headers of pgmqgen; False if that is not to be had."""
    text = _MARKED.format(table=name, limit=_LOOKED_AT)
    try:
        with translating_errors(), connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '1s'")
            return may_read(connection, name) and connection.execute(text.encode()).fetchone() == (
                True,
            )
    except DatabaseError as error:
        if error.sqlstate in _UNKNOWABLE:
            return False
        raise


def _find_strays(connection: Connection, registry: Registry) -> Iterator[Finding]:
    """Queues that nobody here serves, such as that of a schema that was renamed."""
    known = {queue.lower() for queue in _queues(registry)}
    if not may_read(connection, "pgmq.meta"):
        return
    rows = connection.execute("SELECT queue_name::text FROM pgmq.meta ORDER BY 1").fetchall()
    for (queue,) in rows:
        if queue.lower() not in known and _is_marked(connection, table("q", queue)):
            yield Finding(
                code="stray",
                text=f"`{queue}` holds messages of pgmqgen, and is not in this registry",
                help="if its schema was renamed, `queue` in its `x-pgmq` keeps the old name; "
                "if it is another project's, all is well",
                level="note",
                details={"queue": queue},
            )


def _count_dead_letters(connection: Connection, registry: Registry) -> Iterator[Finding]:
    for queue in dict.fromkeys(spec.settings.dlq for spec in registry.values()):
        name = table("q", queue)
        if queue in registry or connection.execute("SELECT to_regclass(%s)", [name]).fetchone() == (
            None,
        ):
            continue
        text = f"SELECT count(*) FROM (SELECT FROM {name} LIMIT {_COUNTED}) AS counted"
        row = connection.execute(text.encode()).fetchone()
        if row is not None and row[0]:
            count = f"{row[0]} or more" if row[0] == _COUNTED else f"{row[0]}"
            yield Finding(
                code="dead-letters",
                text=f"`{queue}` holds {count} dead letter(s)",
                help="their header `x-pgmqgen` says why",
                level="note",
                details={"queue": queue, "count": row[0]},
            )
