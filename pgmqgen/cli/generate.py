"""`pgmqgen generate`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from pgmqgen.cli.errors import print_error

if TYPE_CHECKING:
    from pgmqgen.codegen.build import Build
    from pgmqgen.codegen.pool import Pool
    from pgmqgen.codegen.recall import Track
    from pgmqgen.codegen.write import Comparison
    from pgmqgen.config import Config


_ALLOCATIONS = 200_000
"""Between two searches for cyclic garbage: with Python's own, they take an eighth of the time."""
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def generate(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the output is stale.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Like --check, and show what would change.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Generate again whenever a file changes.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite generated files that were edited by hand.")
    ] = False,
) -> int:
    """Generate models, validators, producers, handler stubs and the registry.

    \b
    pgmqgen generate
    pgmqgen generate --check
    pgmqgen generate --watch
    """
    from pgmqgen.codegen.pool import Pool

    gc.set_threshold(_ALLOCATIONS)
    if watch and (check or diff):
        raise typer.BadParameter("--watch writes: it does not go with --check and --diff")
    with Pool() as pool:
        if watch:
            return _watch(pool, force)
        return _generate(pool, check=check, diff=diff, force=force)


def _generate(pool: Pool, *, check: bool, diff: bool, force: bool) -> int:
    from pgmqgen.config import load_config

    config = load_config()
    made = _build(config, pool)
    if diff:
        return _show_diff(made.comparison, config)
    if check:
        return _report_stale(made.comparison, config)
    _finish(made, config, force)
    return 0


def _build(config: Config, pool: Pool) -> Build:
    """Make all files, and print what is to be said of their sources. Raises SchemaError."""
    from pgmqgen.codegen.build import build
    from pgmqgen.codegen.templates import find_strangers
    from pgmqgen.diagnostics import print_diagnostics

    with _progress() as track:
        made = build(config, pool, track)
    print_diagnostics(made.diagnostics)
    for path, hint in find_strangers(config):
        name = path.relative_to(config.root).as_posix()
        typer.echo(f"warning: `{name}` overrides no template", err=True)
        typer.echo(f"help: {hint or '`pgmqgen templates list` shows the names'}", err=True)
    return made


@contextmanager
def _progress() -> Iterator[Track]:
    """Show on a terminal how far it is; nothing is left of that afterwards."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield iter
        return
    with Progress(console=console, transient=True) as progress:
        yield partial(progress.track, description="compiling the schemas")


def _finish(made: Build, config: Config, force: bool) -> None:
    from pgmqgen.codegen.build import finish

    if made.comparison.edited and not force:
        raise _edited_error(made.comparison, config)
    finish(made, config)
    typer.echo(_summary(made.queues, made.comparison))


def _watch(pool: Pool, force: bool) -> int:
    """Generate after every change, until interrupted; errors are shown and waited out."""
    from pgmqgen.codegen.watch import watch
    from pgmqgen.config import load_config
    from pgmqgen.errors import PgmqgenError

    config = load_config()
    while True:
        watched = config
        for _ in watch(watched):
            try:
                config = load_config()
                _finish(_build(config, pool), config, force)
            except PgmqgenError as error:
                print_error(error)
            if config != watched:
                break


def _show_diff(comparison: Comparison, config: Config) -> int:
    from pgmqgen.codegen.diff import diff

    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for line in diff(comparison, config.root):
        colour = _COLOURS.get(line[:1]) if coloured else None
        typer.echo(typer.style(line, fg=colour) if colour else line)
    return _judge(comparison)


def _report_stale(comparison: Comparison, config: Config) -> int:
    for path in comparison.stale:
        typer.echo(path.relative_to(config.root).as_posix())
    return _judge(comparison)


def _judge(comparison: Comparison) -> int:
    if comparison.stale:
        message = f"{len(comparison.stale)} file(s) do not match the schemas"
        typer.echo(f"error: {message}\nhelp: run `pgmqgen generate`", err=True)
    return 1 if comparison.stale else 0


def _edited_error(comparison: Comparison, config: Config) -> Exception:
    from pgmqgen.errors import GenerateError

    names = (path.relative_to(config.root).as_posix() for path in comparison.edited)
    listing = "".join(f"\n  {name}" for name in names)
    return GenerateError(
        f"generated files were edited by hand, or are not pgmqgen's:{listing}",
        hint="move your changes elsewhere and run `pgmqgen generate --force`",
    )


def _summary(queues: int, comparison: Comparison) -> str:
    return (
        f"{queues} queue(s): {len(comparison.changed)} file(s) written, "
        f"{comparison.unchanged} unchanged, {len(comparison.removed)} removed"
    )
