"""`pgmqgen worker`: handle messages until told to stop, or until the queues are empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgmqgen.cli.database import DatabaseUrl, Local, RegistryName, database, load_project_registry

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pgmqgen.runtime.parent.report import Summary

_INTERRUPTED = 130
_LOG_FORMAT = "%(asctime)s %(levelname)-7s %(process)d %(name)s: %(message)s"
_COLUMNS = {
    "handled": "handled",
    "retried": "retried",
    "dead_lettered": "dead-lettered",
    "archived_failed": "archived",
    "invalid": "invalid",
    "lease_lost": "lease lost",
}


def worker(
    queue: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Serve only this queue; repeatable.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Child processes; default one for each core.")
    ] = None,
    visibility_timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Lease of every queue.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Time limit of every handler.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Most messages leased by one statement.")
    ] = None,
    max_messages: Annotated[
        int | None, typer.Option(min=1, help="Replace a process after this many messages.")
    ] = None,
    max_memory_mb: Annotated[
        float | None, typer.Option(metavar="MB", help="Replace a process above this memory.")
    ] = None,
    max_age: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Replace a process of this age.")
    ] = None,
    grace: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Kill what still runs so long after SIGTERM."),
    ] = None,
    fail_after: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Exit 3 once the database is away for so long."),
    ] = None,
    hooks: Annotated[
        str | None, typer.Option(metavar="MODULE:OBJECT", help="A pgmqgen.Hooks class.")
    ] = None,
    connect: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:CALLABLE", help="Returns a connection string or a connection."
        ),
    ] = None,
    pooler: Annotated[
        bool | None,
        typer.Option(
            "--pooler/--no-pooler",
            help="A pooler in transaction mode stands before the database; default finds out.",
        ),
    ] = None,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="Exit once nothing is left to do.")
    ] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    database_url: DatabaseUrl = None,
    local: Local = False,
    registry: RegistryName = None,
) -> int:
    """Handle messages with a pool of processes.

    SIGTERM or Ctrl-C once finishes what runs and exits 0; twice stops at once, giving
    leases back. SIGHUP loads the handlers anew. For example:

    pgmqgen worker --queue send_email --processes 4
    """
    from pgmqgen.runtime.parent.worker import Worker

    _configure_logging(log_level)
    options = _configure(
        processes=processes,
        hooks=hooks,
        connect=connect,
        pooler=pooler,
        visibility_timeout=visibility_timeout,
        timeout=timeout,
        batch_size=batch_size,
        max_messages=max_messages,
        max_memory_mb=max_memory_mb,
        max_age=max_age,
        grace=grace,
        fail_after=fail_after,
    )
    found = load_project_registry(registry)
    with _database(database_url, local, options["connect"]) as url:
        summary = Worker(
            found, database_url=url, queues=queue, until_empty=until_empty, **options
        ).run()
    _print_summary(summary)
    return _INTERRUPTED if summary.aborted else 0


def _configure(**given: Any) -> dict[str, Any]:
    """The project's settings for a worker, and before them what was given."""
    from dataclasses import asdict

    from pgmqgen.config import load_config

    config = load_config()
    configured = asdict(config.worker) | {"pooler": config.database.pooler}
    return configured | {k: v for k, v in given.items() if v is not None}


def _database(
    url: str | None, local: bool, connect: str | None
) -> AbstractContextManager[str | None]:
    """The database of the options; none is needed where a callable connects."""
    from contextlib import nullcontext

    if connect and not url and not local:
        return nullcontext()
    return database(url, local)


def _configure_logging(level: str) -> None:
    import logging

    from pgmqgen.errors import ConfigError

    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ConfigError(f"unknown log level `{level}`", hint="use debug, info, warning or error")
    logging.basicConfig(level=number, format=_LOG_FORMAT)


def _print_summary(summary: Summary) -> None:
    """What was done, by queue, and what was left."""
    for queue, counts in summary.counts.items():
        parts = [f"{counts[key]} {text}" for key, text in _COLUMNS.items() if counts.get(key)]
        typer.echo(f"{queue}: {', '.join(parts) or 'nothing done'}")
    for queue, (delayed, leased) in summary.left.items():
        typer.echo(f"left in {queue}: {delayed} delayed, {leased} leased or waiting elsewhere")
