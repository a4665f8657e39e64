"""`pgmqgen lint`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgmqgen.config import Config
    from pgmqgen.diagnostics import Diagnostic


def lint(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Schema files to report on; default: all.")
    ] = None,
    form: Annotated[
        Literal["text", "json", "github"], typer.Option("--format", help="How to print findings.")
    ] = "text",
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for warnings too.")] = False,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="CODE", help="Explain a rule, or list `all` of them."),
    ] = None,
) -> int:
    """Check the schemas: syntax, references, contradictions, names and settings.

    \b
    pgmqgen lint
    pgmqgen lint schemas/order.json --strict
    pgmqgen lint --format github
    pgmqgen lint --explain PGQ401
    """
    if explain is not None:
        typer.echo(_explain(explain))
        return 0
    import sys

    from pgmqgen.config import load_config
    from pgmqgen.diagnostics import print_diagnostics
    from pgmqgen.schema.load import lint_project

    config = load_config()
    labels = {_label(path, config) for path in files or ()}
    found, checked = lint_project(config)
    if labels:
        found = tuple(each for each in found if each.path in labels)
        checked = len(labels)
    print_diagnostics(found, form=form, stream=sys.stdout, root=config.root)
    typer.echo(_summary(found, checked), err=True)
    return int(any(strict or each.severity == "error" for each in found))


def _explain(code: str) -> str:
    from pgmqgen.errors import ConfigError
    from pgmqgen.queue import suggest
    from pgmqgen.schema.lint import RULES

    if code == "all":
        return "\n".join(f"{rule.code} {rule.severity}: {rule.summary}" for rule in RULES.values())
    if code.upper() not in RULES:
        hint = suggest(code.upper(), RULES) or "`pgmqgen lint --explain all` lists the codes"
        raise ConfigError(f"unknown code `{code}`", hint=hint)
    return str(RULES[code.upper()])


def _label(path: Path, config: Config) -> str:
    from pgmqgen.errors import ConfigError

    full = Path(os.path.normpath(Path.cwd() / path))
    if not full.is_file():
        raise ConfigError(f"there is no file `{path}`")
    if config.schemas not in full.parents:
        raise ConfigError(f"`{path}` lies outside of the schemas folder `{config.schemas}`")
    return os.path.relpath(full, config.root)


def _summary(found: Sequence[Diagnostic], files: int) -> str:
    errors = sum(each.severity == "error" for each in found)
    return f"{files} file(s): {errors} error(s), {len(found) - errors} warning(s)"
