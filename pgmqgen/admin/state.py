"""What a database has of pgmq and of pgmqgen, read in one go before a migration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgmqgen.admin import ddl
from pgmqgen.queue import Kind

if TYPE_CHECKING:
    from psycopg import Connection

_INSTALLED = """
SELECT to_regnamespace('pgmq') IS NOT NULL,
       to_regclass('pgmq.meta') IS NOT NULL,
       (SELECT default_version FROM pg_available_extensions WHERE name = 'pgmq'),
       EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_partman')
"""
_FUNCTIONS = """
SELECT DISTINCT proname::text FROM pg_proc WHERE pronamespace = to_regnamespace('pgmq')
"""
_QUEUES = """
SELECT lower(queue_name), is_partitioned, is_unlogged FROM pgmq.meta
WHERE to_regclass(format('pgmq.%I', 'q_' || lower(queue_name))) IS NOT NULL
"""
_NOTIFY_FUNCTION = """
SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure('pgmqgen.notify_queue()')
"""
_NOTIFYING = """
SELECT substr(relname, 3) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = to_regnamespace('pgmq') AND tgname = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the database has.

    offered: version of the extension pgmq that the server offers, or None
    partman: whether pg_partman is installed
    functions: names of all functions in schema pgmq; has_meta: whether it has its table of queues
    queues: kind of each queue by its name in lower case
    has_notify_function: whether it has the function of notify triggers; has_current_notify_function:
        and as it is now
    notifying: names in lower case of the queues that have pgmqgen's trigger
    """

    has_pgmq: bool
    has_meta: bool
    offered: str | None
    partman: bool
    functions: frozenset[str]
    queues: Mapping[str, Kind] = field(default_factory=dict)
    has_notify_function: bool
    has_current_notify_function: bool
    notifying: frozenset[str]

    def missing(self, functions: Iterable[str]) -> list[str]:
        """What an existing schema pgmq lacks of its table and of `functions`."""
        if not self.has_pgmq:
            return []
        absent = {f"pgmq.{name}" for name in functions if name not in self.functions}
        return sorted(absent if self.has_meta else absent | {"pgmq.meta"})


def inspect(connection: Connection) -> State:
    """Read the state of the database of `connection`."""
    row = connection.execute(_INSTALLED).fetchone()
    assert row is not None
    has_pgmq, has_meta, offered, partman = row
    queues = connection.execute(_QUEUES).fetchall() if has_meta else []
    function = connection.execute(_NOTIFY_FUNCTION).fetchone()
    notifying = connection.execute(_NOTIFYING, [ddl.TRIGGER]).fetchall()
    return State(
        has_pgmq=has_pgmq,
        has_meta=has_meta,
        offered=offered,
        partman=partman,
        functions=frozenset(name for (name,) in connection.execute(_FUNCTIONS)),
        queues={name: _kind(*flags) for name, *flags in queues},
        has_notify_function=function is not None,
        has_current_notify_function=function == (ddl.NOTIFY_BODY,),
        notifying=frozenset(name for (name,) in notifying),
    )


def _kind(is_partitioned: bool, is_unlogged: bool) -> Kind:
    return "partitioned" if is_partitioned else "unlogged" if is_unlogged else "standard"
