"""Who keeps dead rows from being vacuumed: old transactions, replication slots, standbys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pgmqgen.admin.finding import Finding
from pgmqgen.admin.quoting import literal

if TYPE_CHECKING:
    from psycopg import Connection

OLD_TRANSACTIONS = 100_000
"""Transactions since then, from which on a slot or a standby is behind."""

# Of other databases, only those that replication holds count. VACUUM itself holds nothing.
_SESSIONS = """
SELECT pid, usename::text, application_name, state,
    extract(epoch FROM clock_timestamp() - xact_start)::float8
FROM pg_stat_activity AS activity
WHERE datname = current_database() AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
    AND pid <> pg_backend_pid() AND backend_type NOT IN ('autovacuum worker', 'walsender')
    AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum AS running WHERE running.pid = activity.pid)
    AND xact_start < clock_timestamp() - make_interval(secs => %s)
ORDER BY xact_start
"""
_PREPARED = """
SELECT gid, owner::text, extract(epoch FROM clock_timestamp() - prepared)::float8
FROM pg_prepared_xacts
WHERE database = current_database() AND prepared < clock_timestamp() - make_interval(secs => %s)
ORDER BY prepared
"""
_SLOTS = """
SELECT slot_name::text, active, age(xmin) FROM pg_replication_slots
WHERE xmin IS NOT NULL AND (NOT active OR age(xmin) > %s)
"""
_STANDBYS = """
SELECT pid, usename::text, application_name, host(client_addr), age(backend_xmin)
FROM pg_stat_replication WHERE age(backend_xmin) > %s
"""


def find_holders(
    connection: Connection, dead_rows: Mapping[str, int], patience_s: float
) -> Iterator[Finding]:
    """Everything that has kept dead rows for longer than it should.

    dead_rows: by queue; patience_s: for how long a transaction may be open
    """
    held = _describe(dead_rows)
    for row in connection.execute(_SESSIONS, [patience_s]):
        yield _session(row, held, dead_rows)
    for gid, owner, age_s in connection.execute(_PREPARED, [patience_s]):
        yield Finding(
            code="prepared-transaction",
            text=f"prepared transaction `{gid}` of user `{owner}` is {age_s:.0f} s old{held}",
            help=f"end it: COMMIT PREPARED {literal(gid)} or ROLLBACK PREPARED {literal(gid)}",
            details={"gid": gid, "user": owner, "age_s": age_s, "dead_rows": dict(dead_rows)},
        )
    for name, active, age in connection.execute(_SLOTS, [OLD_TRANSACTIONS]):
        yield Finding(
            code="replication-slot",
            text=f"replication slot `{name}` ({'active' if active else 'not active'}) holds what "
            f"is {age} transactions old{held}",
            help="let its standby catch up, or drop it: "
            f"SELECT pg_drop_replication_slot({literal(name)})",
            details={"slot": name, "active": active, "age": age, "dead_rows": dict(dead_rows)},
        )
    for row in connection.execute(_STANDBYS, [OLD_TRANSACTIONS]):
        yield _standby(row, held, dead_rows)


def _session(row: tuple[Any, ...], held: str, dead_rows: Mapping[str, int]) -> Finding:
    pid, user, application, state, age_s = row
    return Finding(
        code="open-transaction",
        text=f"process {pid} (user `{user}`, application `{application}`, {state}) has had a "
        f"transaction open for {age_s:.0f} s{held}",
        help=f"let it commit or roll back, or end it: SELECT pg_terminate_backend({pid})",
        details={
            "pid": pid,
            "user": user,
            "application": application,
            "state": state,
            "age_s": age_s,
            "dead_rows": dict(dead_rows),
        },
    )


def _standby(row: tuple[Any, ...], held: str, dead_rows: Mapping[str, int]) -> Finding:
    pid, user, application, address, age = row
    return Finding(
        code="standby",
        text=f"standby `{application}` (process {pid}, user `{user}`, {address or 'local'}) reports "
        f"a query that is {age} transactions old{held}",
        help="end that query on the standby, or set hot_standby_feedback = off there",
        details={
            "pid": pid,
            "user": user,
            "application": application,
            "address": address,
            "age": age,
            "dead_rows": dict(dead_rows),
        },
    )


def _describe(dead_rows: Mapping[str, int]) -> str:
    most = sorted(dead_rows.items(), key=lambda item: -item[1])[:3]
    counts = [f"{count} of `{queue}`" for queue, count in most if count]
    return f"; dead rows not vacuumed: {', '.join(counts)}" if counts else ""
