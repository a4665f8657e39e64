"""Makes a database ready for the queues of a registry: pgmq, queues, notify triggers.

Every step is idempotent SQL, so that the same text is run, planned and printed. Nothing is ever
dropped but notify triggers of pgmqgen's own, and one advisory lock lets one migration at a time through.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgmqgen.admin import ddl, roles
from pgmqgen.admin.state import State, inspect
from pgmqgen.errors import DatabaseError
from pgmqgen.queue import Kind
from pgmqgen.runtime.database.postgres import connect, translating_errors

if TYPE_CHECKING:
    from psycopg import Connection

    from pgmqgen.runtime.registry import Registry


_LOCKED = "55P03"
_PATIENCE_S = 60.0
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """One change that a migration makes; without `sql` it is a warning and changes nothing."""

    title: str
    sql: str | None = None


def plan(connection: Connection, registry: Registry, role_prefix: str | None = None) -> list[Step]:
    """What `apply` would do to the database of `connection` now.

    role_prefix: what the names of the roles to make start with; None makes none

    Raises DatabaseError if the database cannot hold what the registry asks for.
    """
    with translating_errors():
        state = inspect(connection)
    queues = _queues(registry)
    _check(state, queues)
    return [
        *_plan_pgmq(state),
        *_plan_queues(state, queues),
        *_plan_notify(state, registry),
        *(_plan_roles(connection, registry, role_prefix) if role_prefix else ()),
    ]


def apply(
    conninfo: str,
    registry: Registry,
    role_prefix: str | None = None,
    *,
    patience_s: float = _PATIENCE_S,
) -> list[Step]:
    """Migrate in one transaction; return what was done. Otherwise like `plan`.

    patience_s: how long it is tried again while somebody else holds a lock that it needs
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _apply(conninfo, registry, role_prefix)
        except DatabaseError as error:
            if error.sqlstate != _LOCKED:
                raise
            if time.monotonic() > deadline:
                error.hint = "`pgmqgen doctor` names open transactions: end them, and migrate again"
                raise
        time.sleep(_PAUSE_S)  # producers that have waited meanwhile go on


def _apply(conninfo: str, registry: Registry, role_prefix: str | None) -> list[Step]:
    with connect(conninfo) as connection, translating_errors(), connection.transaction():
        connection.execute(ddl.LOCK)
        steps = plan(connection, registry, role_prefix)
        for step in steps:
            if step.sql is not None:
                _run(connection, step.title, step.sql)
        if role_prefix:
            _check_roles(connection, registry, role_prefix)
    return steps


def script(registry: Registry, role_prefix: str | None = None) -> str:
    """All that the registry asks for, as SQL that psql can run any number of times."""
    notifying = [spec.name for spec in registry.values() if spec.settings.notify]
    silent = [spec.name for spec in registry.values() if not spec.settings.notify]
    statements = [
        ddl.LOCK,
        ddl.install_pgmq(),
        *(ddl.create_queue(name, kind) for name, kind in _queues(registry).items()),
        *([ddl.NOTIFY_FUNCTION] if notifying else []),
        *map(ddl.create_trigger, notifying),
        *map(ddl.drop_trigger, silent),
        ddl.DROP_NOTIFY_FUNCTION,
        *(_script_roles(registry, role_prefix) if role_prefix else ()),
    ]
    header = (
        "-- Written by `pgmqgen migrate --sql`. It may be run again; it drops no queue.\n"
        "-- Run it in one transaction, as `psql --single-transaction` does, and again if it gets a lock\n"
        "-- not within 2 s.\n"
    )
    return header + "\n".join(statements)


def _run(connection: Connection, title: str, sql: str) -> None:
    try:
        with translating_errors():
            connection.execute(sql.encode())
    except DatabaseError as error:
        message = f"cannot {title}: {error.message}"
        raise DatabaseError(message, hint=error.hint, sqlstate=error.sqlstate) from error


def _queues(registry: Registry) -> dict[str, Kind]:
    """Each queue to create and its kind; a declared queue goes before a dead-letter queue."""
    declared: dict[str, Kind] = {spec.name: spec.settings.kind for spec in registry.values()}
    return declared | {
        spec.settings.dlq: "standard"
        for spec in registry.values()
        if spec.settings.dlq not in declared
    }


def _check(state: State, queues: dict[str, Kind]) -> None:
    missing = state.missing([ddl.CREATE_FUNCTIONS[kind] for kind in queues.values()])
    if missing:
        raise DatabaseError(
            f"schema `pgmq` exists, but lacks {', '.join(f'`{name}`' for name in missing)}",
            hint="complete the installation of pgmq there, or use another database",
        )
    for name, kind in queues.items():
        if kind == "partitioned" and name.lower() not in state.queues and not state.partman:
            raise DatabaseError(
                f"queue `{name}` is partitioned, and the database has no pg_partman",
                hint="run CREATE EXTENSION pg_partman there, or set the queue's kind to standard",
            )


def _plan_pgmq(state: State) -> Iterator[Step]:
    if state.has_pgmq:
        return
    if state.offered is not None:
        yield Step(f"install pgmq {state.offered} as an extension", ddl.install_pgmq())
    else:
        yield Step(f"install pgmq {ddl.pgmq_version()} from SQL", ddl.install_pgmq())


def _plan_queues(state: State, queues: dict[str, Kind]) -> Iterator[Step]:
    for name, kind in queues.items():
        found = state.queues.get(name.lower())
        if found is None:
            yield Step(f"create {kind} queue `{name}`", ddl.create_queue(name, kind))
        elif found != kind:
            yield Step(f"queue `{name}` is {found}, not {kind} as declared; it was left as it is")


def _plan_notify(state: State, registry: Registry) -> Iterator[Step]:
    wanted = [spec.name for spec in registry.values() if spec.settings.notify]
    if wanted and not state.has_current_notify_function:
        yield Step("create function `pgmqgen.notify_queue`", ddl.NOTIFY_FUNCTION)
    unwanted = {name for name in registry if name.lower() in state.notifying} - set(wanted)
    for name in registry:
        if name in wanted and name.lower() not in state.notifying:
            yield Step(f"create notify trigger of queue `{name}`", ddl.create_trigger(name))
        elif name in unwanted:
            yield Step(f"drop notify trigger of queue `{name}`", ddl.drop_trigger(name))
    left = state.notifying - {name.lower() for name in unwanted}
    if state.has_notify_function and not (wanted or left):
        yield Step("drop function `pgmqgen.notify_queue`", ddl.DROP_NOTIFY_FUNCTION)


def _plan_roles(connection: Connection, registry: Registry, prefix: str) -> Iterator[Step]:
    names = roles.names(prefix)
    with translating_errors():
        there, using = roles.existing(connection, names), roles.using_schema(connection, names)
        missing = roles.missing(connection, roles.grants(registry, prefix))
    for role in names:
        if role not in there:
            yield Step(f"create role `{role}`", roles.create(role))
        if role not in using:
            yield Step(f"let role `{role}` use schema `pgmq`", roles.use_schema(role))
    for grant in missing:
        rights = ", ".join(right.privilege for right in grant.rights)
        yield Step(f"grant {rights} on `{grant.table}` to role `{grant.role}`", grant.sql)


def _check_roles(connection: Connection, registry: Registry, prefix: str) -> None:
    """PostgreSQL only warns of a right that the migrating role has, but may not pass on."""
    left = [step.title for step in _plan_roles(connection, registry, prefix)]
    if left:
        raise DatabaseError(
            f"cannot {left[0]}: the database refused it with a warning",
            hint="run the migration as the owner of pgmq's tables",
        )


def _script_roles(registry: Registry, prefix: str) -> Iterator[str]:
    for role in roles.names(prefix):
        yield roles.create(role)
        yield roles.use_schema(role)
    for grant in roles.grants(registry, prefix):
        yield grant.sql
