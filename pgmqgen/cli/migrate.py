"""`pgmqgen migrate`: make the database ready for the registry's queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pgmqgen.cli.database import DatabaseUrl, Local, RegistryName, database, load_project_registry

if TYPE_CHECKING:
    from pgmqgen.admin.migrate import Step


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
) -> None:
    """Install pgmq if it is missing, and create queues, dead-letter queues and triggers.

    It may be run at any time, by several at once, and never drops anything.
    """
    from pgmqgen.admin.migrate import apply, plan, script
    from pgmqgen.runtime.postgres import connect

    queues = load_project_registry(registry)
    if sql:
        typer.echo(script(queues), nl=False)
        return
    with database(database_url, local) as url:
        if not dry_run:
            _print(apply(url, queues))
            return
        with connect(url) as connection:
            _print(plan(connection, queues))


def _print(steps: Sequence[Step]) -> None:
    for step in steps:
        if step.sql is None:
            typer.echo(f"warning: {step.title}", err=True)
        else:
            typer.echo(step.title)
    if not any(step.sql for step in steps):
        typer.echo("up to date")
