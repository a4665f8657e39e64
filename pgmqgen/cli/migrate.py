"""`pgmqgen migrate`: make the database ready for the registry's queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pgmqgen.cli.database import DatabaseUrl, Local, RegistryName, database, load_project_registry

if TYPE_CHECKING:
    from pgmqgen.admin.migrate import Step


_LONGEST_PREFIX = 63 - len("_producer")


def migrate(
    database_url: DatabaseUrl = None,
    local: Local = False,
    registry: RegistryName = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, change nothing.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print SQL for your own migrations; needs no database.")
    ] = False,
    roles: Annotated[
        bool, typer.Option("--roles", help="Make a role for workers and one for producers, too.")
    ] = False,
    role_prefix: Annotated[
        str, typer.Option(metavar="NAME", help="The roles are NAME_worker and NAME_producer.")
    ] = "pgmqgen",
) -> None:
    """Install pgmq if it is missing, and create queues, dead-letter queues and triggers.

    It may be run at any time, by several at once, and never drops a queue. With --roles,
    two roles get the least rights on the registry's queues; GRANT them to those who log in.
    """
    from pgmqgen.admin.migrate import apply, plan, script
    from pgmqgen.runtime.database.postgres import connect

    prefix = _check_prefix(role_prefix) if roles else None
    queues = load_project_registry(registry)
    if sql:
        typer.echo(script(queues, prefix), nl=False)
        return
    with database(database_url, local) as url:
        if not dry_run:
            _print(apply(url, queues, prefix))
            return
        with connect(url) as connection:
            _print(plan(connection, queues, prefix))


def _check_prefix(prefix: str) -> str:
    from pgmqgen.errors import ConfigError

    if not prefix or "\0" in prefix or len(prefix.encode()) > _LONGEST_PREFIX:
        raise ConfigError(
            f"role prefix `{prefix}` is not one",
            hint=f"give 1 to {_LONGEST_PREFIX} bytes: PostgreSQL cuts longer names off",
        )
    return prefix


def _print(steps: Sequence[Step]) -> None:
    for step in steps:
        if step.sql is None:
            typer.echo(f"warning: {step.title}", err=True)
        else:
            typer.echo(step.title)
    if not any(step.sql for step in steps):
        typer.echo("up to date")
