"""How a report is shown: for people, for a page in Markdown, as JSON, or drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import orjson
from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from pgmqgen.bench import plot
from pgmqgen.bench.options import Options
from pgmqgen.bench.report import Report, Table, headline, make_tables
from pgmqgen.errors import ConfigError
from pgmqgen.stage.screen import make_console

FORMATS: Final = ("table", "markdown", "json")
_DRAWN = ("processes", "backlog")


def check_plot(file: Path, options: Options) -> None:
    """Raise ConfigError if, after a long run, nothing could be drawn into `file`."""
    if not any(name in options.only for name in _DRAWN):
        raise ConfigError("there is nothing to plot", hint=f"measure {' or '.join(_DRAWN)}, too")
    is_new = not file.exists()
    try:
        file.touch()
        if is_new:  # an interrupted run is to leave none
            file.unlink()
    except OSError as error:
        raise ConfigError(f"cannot write `{file}`: {error.strerror}") from error


def write_plot(report: Report, file: Path) -> None:
    """Draw what has an axis into an SVG file."""
    file.write_text(plot.draw(report), encoding="utf-8")


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
        drawn = RichTable(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
        for number, title in enumerate(table.header):
            is_text = number == 0 or not title
            drawn.add_column(title, justify="left" if is_text else "right", no_wrap=not is_text)
        for row in table.rows:
            drawn.add_row(*(_fit(console, text) for text in row))
        console.print(drawn)
    console.print(_fit(console, headline(report)), style="dim")


def _fit(console: Console, text: str) -> str:
    """The text with characters that the console can write."""
    return text.replace("–", "-") if console.options.ascii_only else text


def _markdown(table: Table) -> str:
    rows = [table.header, ["---"] * len(table.header), *table.rows]
    return "\n".join(f"| {' | '.join(row)} |".replace("\n", ": ") for row in rows)
