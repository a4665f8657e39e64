"""Group roles with the least rights: one for workers, one for producers.

Rights are granted, never revoked, and on the queues of one registry only. Messages get their ids
from identity columns, so nobody needs a right on a sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pgmqgen.admin.quoting import literal, name
from pgmqgen.runtime.database.sql import table

if TYPE_CHECKING:
    from psycopg import Connection

    from pgmqgen.runtime.registry import Registry

PREFIX: Final = "pgmqgen"
"""What the names of the roles start with unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Right:
    """A privilege on a table, or on some of its columns."""

    privilege: str
    columns: tuple[str, ...] = ()


_SEND = (Right("INSERT", ("vt", "message", "headers")), Right("SELECT", ("msg_id",)))
_CONSUME = (
    Right("SELECT"),
    Right("DELETE"),
    Right("UPDATE", ("vt", "read_ct", "last_read_at", "headers")),
)
_ARCHIVE = (Right("INSERT"), Right("SELECT", ("msg_id",)))


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role may do with one table, named as in SQL."""

    role: str
    table: str
    rights: tuple[Right, ...]

    @property
    def sql(self) -> str:
        """The statements that grant it, on the columns that this pgmq has."""
        statements = "".join(self._grant(right) for right in self.rights)
        return f"DO $pgmqgen$ BEGIN\n{statements}END $pgmqgen$;\n"

    def _grant(self, right: Right) -> str:
        to = f"ON {self.table} TO {name(self.role)}"
        if not right.columns:
            return f"    GRANT {right.privilege} {to};\n"
        columns = ", ".join(map(literal, right.columns))
        return f"""\
    EXECUTE (
        SELECT format({literal(f"GRANT {right.privilege} (%s) %s")}, string_agg(attname, ', '), {literal(to)})
        FROM pg_attribute
        WHERE attrelid = {literal(self.table)}::regclass AND attname IN ({columns})
    );
"""


def names(prefix: str) -> tuple[str, str]:
    """The role of workers and the role of producers."""
    return f"{prefix}_worker", f"{prefix}_producer"


def grants(registry: Registry, prefix: str) -> Iterator[Grant]:
    """All that the two roles are to have on tables, in the registry's order."""
    worker, producer = names(prefix)
    for spec in registry.values():
        yield Grant(worker, table("q", spec.name), _CONSUME)
        yield Grant(worker, table("a", spec.name), _ARCHIVE)
        yield Grant(producer, table("q", spec.name), _SEND)
    for dlq in dict.fromkeys(spec.settings.dlq for spec in registry.values()):
        yield Grant(worker, table("q", dlq), _SEND)


def create(role: str) -> str:
    """Create a role that cannot log in, unless it is there.

    Roles belong to the whole cluster: a migration of another database may create it meanwhile.
    """
    return f"""\
DO $pgmqgen$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(role)}) THEN
        CREATE ROLE {name(role)} NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $pgmqgen$;
"""


def use_schema(role: str) -> str:
    """Let a role name what is in pgmq's schema."""
    return f"GRANT USAGE ON SCHEMA pgmq TO {name(role)};\n"


_EXISTING = "SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%s)"
_USING = """
SELECT rolname::text FROM pg_roles
WHERE rolname = ANY (%s) AND has_schema_privilege(oid, to_regnamespace('pgmq'), 'USAGE')
"""
# Null where the role or the table is absent: then the right is, too. A column that this pgmq does
# not have yet needs none.
_HELD = """
SELECT wanted.number
FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS wanted (number, role, relation, privilege, attribute)
LEFT JOIN pg_roles ON rolname = wanted.role
LEFT JOIN pg_attribute ON attrelid = to_regclass(wanted.relation) AND attname = wanted.attribute
GROUP BY wanted.number
HAVING bool_and(coalesce(
    CASE WHEN wanted.attribute = ''
            THEN has_table_privilege(pg_roles.oid, to_regclass(wanted.relation), wanted.privilege)
        WHEN to_regclass(wanted.relation) IS NOT NULL AND attnum IS NULL THEN true
        ELSE has_column_privilege(pg_roles.oid, attrelid, attnum, wanted.privilege)
    END, false))
"""


def existing(connection: Connection, roles: Iterable[str]) -> set[str]:
    """Which of the roles there are."""
    return {row[0] for row in connection.execute(_EXISTING, [list(roles)])}


def using_schema(connection: Connection, roles: Iterable[str]) -> set[str]:
    """Which of the roles may name what is in pgmq's schema."""
    return {row[0] for row in connection.execute(_USING, [list(roles)])}


def missing(connection: Connection, wanted: Iterable[Grant]) -> list[Grant]:
    """The grants that the database does not have, or not wholly."""
    numbered = list(enumerate(wanted))
    rows = [
        (number, grant.role, grant.table, right.privilege, column)
        for number, grant in numbered
        for right in grant.rights
        for column in right.columns or ("",)
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 5
    held = {row[0] for row in connection.execute(_HELD, columns)}
    return [grant for number, grant in numbered if number not in held]
