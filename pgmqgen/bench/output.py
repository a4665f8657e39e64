"""How a report is printed: for people, for a page in Markdown, or as JSON."""

from __future__ import annotations

from typing import Final

import orjson
from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from pgmqgen.bench.report import Report, Table, headline, make_tables
from pgmqgen.stage.screen import make_console

FORMATS: Final = ("table", "markdown", "json")


def print_report(report: Report, form: str) -> None:
    """Print to stdout in one of FORMATS."""
    match form:
        case "json":
            print(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2).decode())
        case "markdown":
            print("\n\n".join([f"{headline(report)}:", *map(_markdown, make_tables(report))]))
        case _:
            _print_tables(make_console(stderr=False), report)


def _print_tables(console: Console, report: Report) -> None:
    for table in make_tables(report):
        drawn = RichTable(box=box.SIMPLE_HEAD, header_style="bold")
        for number, title in enumerate(table.header):
            drawn.add_column(title, justify="right" if number and title else "left")
        for row in table.rows:
            drawn.add_row(*row)
        console.print(drawn)
    console.print(headline(report), style="dim")


def _markdown(table: Table) -> str:
    rows = [table.header, ["---"] * len(table.header), *table.rows]
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)
