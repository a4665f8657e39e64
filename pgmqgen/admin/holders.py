"""Finds who keeps dead rows from being vacuumed: old transactions, replication slots, standbys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from pgmqgen.admin.finding import Finding
from pgmqgen.admin.holder import Holder, Prepared, Session, Slot, Standby

if TYPE_CHECKING:
    from psycopg import Connection

OLD_TRANSACTIONS: Final = 100_000
"""Transactions since then, from which on a slot or a standby is behind."""

# A transaction of another database holds nothing here unless it has written: then every snapshot
# that is taken here goes back to it. VACUUM holds nothing, not even while it waits for its table, and
# CREATE INDEX CONCURRENTLY nothing while it waits for others. PostgreSQL does not tell when a walsender's
# transaction began; one that does not stream copies tables for a subscription, and was started for that.
_SESSIONS: Final = """
SELECT pid, coalesce(usename::text, backend_type), application_name, state,
    datname::text, datname <> current_database(),
    pid IN (SELECT pid FROM pg_stat_progress_create_index),
    extract(epoch FROM clock_timestamp() - began)::float8
FROM pg_stat_activity AS activity, coalesce(xact_start, backend_start) AS began
WHERE began < clock_timestamp() - make_interval(secs => %s) AND pid <> pg_backend_pid()
    AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL AND datname = current_database())
    AND backend_type NOT IN ('autovacuum worker', 'parallel worker')
    AND (backend_type <> 'walsender'
        OR pid IN (SELECT pid FROM pg_stat_replication WHERE state = 'startup'))
    AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)
    AND NOT (query ~* '^\\s*vacuum' AND EXISTS (SELECT FROM pg_locks AS awaited
        WHERE awaited.pid = activity.pid AND NOT granted AND mode = 'ShareUpdateExclusiveLock'))
ORDER BY began
"""
_PREPARED: Final = """
SELECT gid, owner::text, database::text, database <> current_database(),
    extract(epoch FROM clock_timestamp() - prepared)::float8
FROM pg_prepared_xacts WHERE prepared < clock_timestamp() - make_interval(secs => %s)
ORDER BY prepared
"""
# By how many transactions it is older than the oldest that runs here, which a standby reports, too.
_LAG: Final = "age({xmin}) - age(pg_snapshot_xmin(pg_current_snapshot())::xid)"
# A slot's `catalog_xmin` holds rows of catalogs only. One that was invalidated holds nothing.
_SLOTS: Final = f"""
SELECT slot_name::text, active, xmin::text, age(xmin) FROM pg_replication_slots
WHERE xmin IS NOT NULL AND wal_status IS DISTINCT FROM 'lost'
    AND (NOT active OR {_LAG.format(xmin="xmin")} > %s)
ORDER BY slot_name
"""
_STANDBYS: Final = f"""
SELECT pid, usename::text, application_name, host(client_addr), backend_xmin::text, age(backend_xmin)
FROM pg_stat_replication
WHERE state <> 'startup' AND {_LAG.format(xmin="backend_xmin")} > %s
    AND pid NOT IN (SELECT active_pid FROM pg_replication_slots WHERE active_pid IS NOT NULL)
ORDER BY pid
"""


def find_holders(
    connection: Connection, dead_rows: Mapping[str, int], patience_s: float, *, held: bool
) -> Iterator[Finding]:
    """Everything that has kept dead rows for longer than it should.

    dead_rows: by queue; patience_s: for how long a transaction may be open
    held: whether somebody is known to keep some: if no transaction, then a slot or standby
    """
    found = _find_transactions(connection, patience_s)
    lag = 0 if held and not found else OLD_TRANSACTIONS
    for holder in (*found, *_find_replication(connection, lag)):
        yield Finding(
            code=holder.code,
            text=holder.text + _describe(dead_rows),
            help=holder.help,
            details={**asdict(holder), "dead_rows": dict(dead_rows)},
        )


def _find_transactions(connection: Connection, patience_s: float) -> list[Holder]:
    return [
        *(Session(*row) for row in connection.execute(_SESSIONS, [patience_s])),
        *(Prepared(*row) for row in connection.execute(_PREPARED, [patience_s])),
    ]


def _find_replication(connection: Connection, lag: int) -> list[Holder]:
    return [
        *(Slot(*row) for row in connection.execute(_SLOTS.encode(), [lag])),
        *(Standby(*row) for row in connection.execute(_STANDBYS.encode(), [lag])),
    ]


def _describe(dead_rows: Mapping[str, int]) -> str:
    most = sorted(dead_rows.items(), key=lambda item: -item[1])[:3]
    counts = [f"{count} of `{queue}`" for queue, count in most if count]
    return f"; dead rows not vacuumed: {', '.join(counts)}" if counts else ""
