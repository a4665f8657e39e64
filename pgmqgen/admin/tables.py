"""How the tables of queues are: vacuumed, indexed, and with what triggers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pgmqgen.admin.finding import Finding
from pgmqgen.admin.quoting import literal
from pgmqgen.runtime.database.sql import table

if TYPE_CHECKING:
    from psycopg import Connection

DEAD_ROWS = 50_000
"""Dead rows of a queue that autovacuum should not have left, if most of its rows are dead."""

_OVERDUE_MIN = 10
"""Minutes since the last vacuum, from which on autovacuum is behind with such a table."""
_DEAD_A_MESSAGE = 4
"""Dead rows that a message may leave: one for each lease and one for its end."""

_PGMQ_TRIGGER = "trigger_notify_queue_insert_listeners"

_TABLES = f"""
SELECT wanted.queue, coalesce(n_live_tup, 0), coalesce(n_dead_tup, 0),
    coalesce(n_ins_since_vacuum, 0), vacuumed_at,
    coalesce(vacuumed_at < now() - interval '{_OVERDUE_MIN} minutes', true),
    coalesce(class.reloptions @> '{{autovacuum_enabled=false}}'
        OR class.reloptions @> '{{autovacuum_enabled=off}}', false),
    array(SELECT attname::text FROM pg_attribute
        WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped),
    array(SELECT attname::text FROM pg_index JOIN pg_attribute
        ON attrelid = class.oid AND attnum = indkey[0]
        WHERE indrelid = class.oid AND indisvalid AND indpred IS NULL),
    EXISTS (SELECT FROM pg_trigger
        WHERE tgrelid = class.oid AND tgname = '{_PGMQ_TRIGGER}' AND tgenabled <> 'D')
FROM unnest(%s::text[], %s::text[]) AS wanted (queue, name)
JOIN pg_class AS class ON class.oid = to_regclass(wanted.name)
LEFT JOIN pg_stat_all_tables AS stat ON stat.relid = class.oid
CROSS JOIN greatest(last_vacuum, last_autovacuum) AS vacuumed_at
ORDER BY wanted.queue
"""


@dataclass(frozen=True, slots=True)
class Table:
    """What PostgreSQL knows of a queue's table.

    sent: messages since the last vacuum; is_overdue: for another one
    columns: their names; indexed: first columns of its valid indexes
    """

    queue: str
    live: int
    dead: int
    sent: int
    vacuumed_at: datetime | None
    is_overdue: bool
    autovacuum_off: bool
    columns: Sequence[str]
    indexed: Sequence[str]
    has_pgmq_trigger: bool

    @property
    def name(self) -> str:
        """As it stands in SQL."""
        return table("q", self.queue)

    @property
    def is_dead(self) -> bool:
        """Whether more of it is dead than should be."""
        return self.dead > max(DEAD_ROWS, self.live) and (self.is_overdue or self.is_held)

    @property
    def is_held(self) -> bool:
        """Whether it has more dead rows than can have come since the last vacuum."""
        return not self.is_overdue and self.dead > _DEAD_A_MESSAGE * self.sent


def read_tables(connection: Connection, queues: Iterable[str]) -> list[Table]:
    """The tables of those queues that there are."""
    names = sorted(queues)
    rows = connection.execute(_TABLES.encode(), [names, [table("q", name) for name in names]])
    return [Table(*row) for row in rows]


def check_table(each: Table) -> Iterator[Finding]:
    """What is wrong with a queue's table, as far as its description tells."""
    queue = each.queue
    if "headers" not in each.columns:
        yield Finding(
            code="old-pgmq",
            text=f"queue `{queue}` has no column `headers`: its pgmq is older than 1.5",
            help="upgrade pgmq; until then nothing is recorded of attempts and failures",
        )
    for column in sorted({"vt", "msg_id"}.difference(each.indexed)):
        yield Finding(
            code="missing-index",
            text=f"queue `{queue}` has no index on `{column}`: each statement reads all of it",
            help=f"CREATE INDEX CONCURRENTLY ON {each.name} ({column})",
        )
    if each.has_pgmq_trigger:
        yield Finding(
            code="row-trigger",
            text=f"queue `{queue}` has pgmq's own notify trigger: its producers wait for each other",
            help=f"SELECT pgmq.disable_notify_insert({literal(queue)}); "
            "set `notify` in its schema for a trigger that makes nobody wait",
        )
    if each.autovacuum_off:
        yield Finding(
            code="autovacuum-off",
            text=f"autovacuum is off for queue `{queue}`",
            help=f"ALTER TABLE {each.name} RESET (autovacuum_enabled)",
        )
    if each.is_dead:
        yield _dead_rows(each)


def check_ids(connection: Connection, each: Table) -> Iterator[Finding]:
    """Whether the next id is free: a dump that is restored in part may leave the sequence behind."""
    archive = table("a", each.queue)
    ids = [_highest(connection, each.name)]
    if may_read(connection, archive):
        ids.append(_highest(connection, archive))
    sequence = connection.execute(
        "SELECT pg_get_serial_sequence(%s, 'msg_id')", [each.name]
    ).fetchone()
    highest = max(filter(None, ids), default=None)
    if highest is None or sequence is None or sequence[0] is None:
        return
    last = connection.execute(f"SELECT last_value FROM {sequence[0]}".encode()).fetchone()
    if last is not None and last[0] < highest:
        yield Finding(
            code="sequence-behind",
            text=f"the ids of queue `{each.queue}` go on from {last[0]}, but it or its archive holds "
            f"up to {highest}: sending or archiving will fail",
            help=f"SELECT setval({literal(sequence[0])}, {highest})",
            details={"last": last[0], "highest": highest},
        )


def may_read(connection: Connection, name: str) -> bool:
    """Whether there is such a table, and this role may read it."""
    statement = "SELECT has_table_privilege(to_regclass(%s), 'SELECT')"
    return connection.execute(statement, [name]).fetchone() == (True,)


def _highest(connection: Connection, name: str) -> int | None:
    row = connection.execute(f"SELECT max(msg_id) FROM {name}".encode()).fetchone()
    return row[0] if row else None


def _dead_rows(each: Table) -> Finding:
    when = f"{each.vacuumed_at:%Y-%m-%d %H:%M}" if each.vacuumed_at else "never"
    vacuum = f"VACUUM ANALYZE {each.name}"
    return Finding(
        code="dead-rows",
        text=f"queue `{each.queue}` has {each.dead} dead rows beside {each.live} messages "
        f"(last vacuumed: {when})",
        help=f"autovacuum is behind, raise autovacuum_vacuum_cost_limit; until then: {vacuum}"
        if each.is_overdue
        else f"end what holds them, if it is named here, then: {vacuum}",
        details={"dead": each.dead, "live": each.live, "held": each.is_held},
    )


def dead_rows(tables: Iterable[Table]) -> Mapping[str, int]:
    """Dead rows by queue."""
    return {each.queue: each.dead for each in tables if each.dead}
