"""How the command line shows an error."""

from __future__ import annotations

import typer

from pgmqgen import errors


def print_error(error: errors.PgmqgenError) -> None:
    """Print an error to stderr, with its hint and whatever it lists."""
    if isinstance(error, errors.SchemaError):
        from pgmqgen.diagnostics import print_diagnostics

        print_diagnostics(error.diagnostics)
    typer.echo(f"error: {error.message}", err=True)
    if error.hint:
        typer.echo(f"help: {error.hint}", err=True)
