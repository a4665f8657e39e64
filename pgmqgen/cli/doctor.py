"""`pgmqgen doctor`: look a database over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pgmqgen.cli.database import DatabaseUrl, Local, RegistryName, database, load_project_registry

if TYPE_CHECKING:
    from pgmqgen.admin.finding import Finding


def doctor(
    database_url: DatabaseUrl = None,
    local: Local = False,
    registry: RegistryName = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    patience: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="How long a transaction may be open."),
    ] = 60,
) -> int:
    """Say what keeps the queues from working, or from working fast, and what to do.

    It changes nothing. It exits 0 if all is well, 1 if there is a problem; notes are none.
    """
    from pgmqgen.admin.doctor import examine
    from pgmqgen.runtime.database.postgres import connect

    queues = load_project_registry(registry)
    with database(database_url, local) as url, connect(url) as connection:
        found = examine(connection, queues, patience)
    if json:
        _print_json(found)
    else:
        _print(found)
    return int(any(finding.level == "problem" for finding in found))


def _print_json(found: Sequence[Finding]) -> None:
    from dataclasses import asdict

    import orjson

    findings = [asdict(finding) for finding in found]
    typer.echo(orjson.dumps(findings, option=orjson.OPT_INDENT_2))


def _print(found: Sequence[Finding]) -> None:
    for finding in found:
        typer.echo(f"{finding.level}: {finding.text}")
        typer.echo(f"  help: {finding.help}")
    problems = sum(finding.level == "problem" for finding in found)
    notes = len(found) - problems
    typer.echo(f"{problems} problem(s), {notes} note(s)" if found else "all is well")
