"""The command line: one Typer application, one module a command group, and the exit codes.

0 ok, 1 findings or stale output, 2 usage or configuration, 3 database, 4 internal error,
130 interrupted. Results go to stdout, the rest to stderr.
"""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer

from pgmqgen import errors
from pgmqgen.cli import (
    bench,
    demo,
    dev,
    docs,
    doctor,
    generate,
    init,
    lint,
    migrate,
    send,
    templates,
    worker,
)
from pgmqgen.cli.errors import print_error

_EXIT_CODES: tuple[tuple[type[errors.PgmqgenError], int], ...] = (
    (errors.ConfigError, 2),
    (errors.RegistryError, 2),
    (errors.DatabaseError, 3),
    (errors.PgmqgenError, 1),
)

# Typer carries a click of its own from some version on, so this is not always click's.
_UsageError: type[typer.BadParameter] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="pgmqgen",
    help="Schema-first queues on PostgreSQL with pgmq.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(init.init)
app.command()(generate.generate)
app.command()(lint.lint)
app.command()(docs.docs)
app.command()(migrate.migrate)
app.command()(doctor.doctor)
app.command()(worker.worker)
app.command()(send.send)
app.command()(demo.demo)
app.command()(bench.bench)
app.add_typer(templates.app, name="templates")
app.add_typer(dev.app, name="dev")


def _print_version(wanted: bool) -> None:
    if wanted:
        from pgmqgen import __version__

        typer.echo(f"pgmqgen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Schema-first queues on PostgreSQL with pgmq."""


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run the command line with `arguments` (default: the process's own); return the exit code."""
    try:
        result = app(arguments, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except _UsageError as error:
        error.show()
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except errors.PgmqgenError as error:
        print_error(error)
        return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))
    except Exception:
        traceback.print_exc()
        typer.echo(
            "error: this is a bug in pgmqgen; please report it with the lines above", err=True
        )
        return 4
