"""`pgmqgen generate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pgmqgen.codegen.write import Comparison
    from pgmqgen.config import Config


def generate(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the output is stale.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite generated files that were edited by hand.")
    ] = False,
) -> int:
    """Generate models, validators, producers, handler stubs and the registry.

    \b
    pgmqgen generate
    pgmqgen generate --check
    """
    from pgmqgen.codegen.format import format_files
    from pgmqgen.codegen.plan import plan
    from pgmqgen.codegen.render import render
    from pgmqgen.codegen.write import compare, write
    from pgmqgen.config import load_config
    from pgmqgen.diagnostics import print_diagnostics
    from pgmqgen.errors import SchemaError
    from pgmqgen.schema.load import load

    config = load_config()
    schemas = load(config)
    if schemas.errors:
        raise SchemaError(schemas.diagnostics)
    print_diagnostics(schemas.diagnostics)
    files = format_files(render(plan(schemas, config), config.templates), config.root)
    comparison = compare(files, config.output)
    if check:
        return _report_stale(comparison, config)
    if comparison.edited and not force:
        raise _edited_error(comparison, config)
    write(comparison)
    typer.echo(_summary(len(schemas.queues), comparison))
    return 0


def _report_stale(comparison: Comparison, config: Config) -> int:
    for path in comparison.stale:
        typer.echo(path.relative_to(config.root).as_posix())
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
