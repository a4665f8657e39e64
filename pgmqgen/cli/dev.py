"""`pgmqgen dev`: the embedded PostgreSQL of a project."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from pgmqgen.errors import ConfigError, DatabaseError

app = typer.Typer(
    help="Run the project's embedded PostgreSQL.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def up() -> None:
    """Start the embedded PostgreSQL and keep it running; print its URL."""
    from pgmqgen import local

    typer.echo(local.up(_root()))


@app.command()
def down() -> None:
    """Stop the embedded PostgreSQL; its data stays."""
    from pgmqgen import local

    typer.echo("stopped" if local.down(_root()) else "it was not running", err=True)


@app.command()
def status(
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show whether the embedded PostgreSQL runs, and where its data is."""
    from pgmqgen import local

    found = local.status(_root())
    running = found.pid is not None
    if json:
        import orjson

        fields = {"running": running, "kept": found.kept, "pid": found.pid}
        places = {"url": found.url if running else None, "directory": str(found.directory)}
        typer.echo(orjson.dumps(fields | places))
        return
    mode = "until `pgmqgen dev down`" if found.kept else "while a command uses it"
    typer.echo(f"status:    {f'running, {mode}' if running else 'stopped'}")
    typer.echo(f"directory: {found.directory}")
    if running:
        typer.echo(f"url:       {found.url}")


@app.command()
def url() -> None:
    """Print the URL of the running embedded PostgreSQL."""
    from pgmqgen import local

    found = local.status(_root())
    if found.pid is None:
        raise DatabaseError("the embedded PostgreSQL is not running", hint="run `pgmqgen dev up`")
    typer.echo(found.url)


@app.command(context_settings={"ignore_unknown_options": True})
def psql(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[PSQL_ARGUMENT]...", help="Passed on to psql.")
    ] = None,
) -> int:
    """Open psql on the embedded PostgreSQL, started for the time if it is not up."""
    from pgmqgen import local
    from pgmqgen.cli.database import database

    with database(None, local=True) as place, _leaving_interrupts_to_psql():
        return subprocess.call([local.psql_path(), place, *(arguments or [])])


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete all data of the embedded PostgreSQL."""
    from pgmqgen import local

    root = _root()
    directory = local.directory_of(root)
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError(f"this deletes all data in `{directory}`", hint="confirm with --yes")
        typer.confirm(f"Delete all data in {directory}?", abort=True)
    local.reset(root)
    typer.echo("deleted", err=True)


def _root() -> Path:
    from pgmqgen.config import load_config

    return load_config().root


@contextmanager
def _leaving_interrupts_to_psql() -> Iterator[None]:
    # A handler that does nothing, since psql would inherit SIG_IGN.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
