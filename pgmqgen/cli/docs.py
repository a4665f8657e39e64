"""`pgmqgen docs`."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pgmqgen.codegen.write import Comparison
    from pgmqgen.config import Config


class Format(StrEnum):
    """What is made."""

    HTML = "html"
    ASYNCAPI = "asyncapi"


def docs(
    form: Annotated[
        Format,
        typer.Option("--format", help="`html`: write the site; `asyncapi`: print the document."),
    ] = Format.HTML,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder of the site.", show_default="site")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the site is stale.")
    ] = False,
    changes: Annotated[
        bool, typer.Option("--changes/--no-changes", help="Show what git knows of the schemas.")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite pages that were edited by hand.")
    ] = False,
) -> int:
    """Write a static site of the queues, with an AsyncAPI 3.0 document.

    \b
    pgmqgen docs
    pgmqgen docs --output public --no-changes
    pgmqgen docs --format asyncapi > asyncapi.json
    """
    from pgmqgen.codegen.render import render
    from pgmqgen.codegen.write import compare, write
    from pgmqgen.config import load_config
    from pgmqgen.docs.site import asyncapi_file, describe_queues, plan_site, render_asyncapi
    from pgmqgen.errors import SchemaError
    from pgmqgen.schema.load import load

    config = load_config()
    if output is not None:
        config = replace(config, docs=replace(config.docs, output=output.resolve()))
    schemas = load(config)
    if schemas.errors:
        raise SchemaError(schemas.diagnostics)
    queues = describe_queues(schemas)
    if form is Format.ASYNCAPI:
        typer.echo(render_asyncapi(queues, config), nl=False)
        return 0
    pages = render(plan_site(schemas, queues, config, with_changes=changes), config.templates)
    comparison = compare([*pages, asyncapi_file(queues, config)], config.docs.output)
    if check:
        return _report_stale(comparison, config)
    if comparison.edited and not force:
        raise _edited_error(comparison, config)
    write(comparison)
    typer.echo(
        f"{len(queues)} queue(s): {len(comparison.changed)} file(s) written, "
        f"{comparison.unchanged} unchanged, {len(comparison.removed)} removed"
    )
    return 0


def _report_stale(comparison: Comparison, config: Config) -> int:
    for path in comparison.stale:
        typer.echo(path.relative_to(config.docs.output).as_posix())
    if comparison.stale:
        message = f"{len(comparison.stale)} file(s) do not match the schemas"
        typer.echo(f"error: {message}\nhelp: run `pgmqgen docs`", err=True)
    return 1 if comparison.stale else 0


def _edited_error(comparison: Comparison, config: Config) -> Exception:
    from pgmqgen.errors import GenerateError

    output = config.docs.output
    listing = "".join(f"\n  {path.relative_to(output).as_posix()}" for path in comparison.edited)
    return GenerateError(
        f"files in `{output.name}` were edited by hand, or are not pgmqgen's:{listing}",
        hint="choose another folder, or run `pgmqgen docs --force`",
    )
