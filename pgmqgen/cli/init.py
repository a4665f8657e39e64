"""`pgmqgen init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_NEXT_STEPS = """
Next:
{change_folder}  pgmqgen generate        # models, validators, producers, handler stubs
  # fill in generated/handlers/send_email.py
  pgmqgen dev up          # the embedded PostgreSQL
  pgmqgen migrate         # create the queues
  pgmqgen send send_email '{{"to": "ada@example.com", "subject": "hello"}}'
  pgmqgen worker --until-empty"""


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the project.", show_default=False)
    ] = Path(),
) -> int:
    """Make a project with one example queue. Existing files are kept.

    \b
    pgmqgen init shop
    """
    from pgmqgen.codegen.project import create_project
    from pgmqgen.errors import ConfigError

    try:
        written, kept = create_project(folder)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot make a project in `{folder}`: {error}") from error
    for name in written:
        typer.echo(f"created {folder / name}")
    for name in kept:
        typer.echo(f"kept    {folder / name}")
    change_folder = "" if folder.resolve() == Path.cwd() else f"  cd {folder}\n"
    typer.echo(_NEXT_STEPS.format(change_folder=change_folder))
    return 0
