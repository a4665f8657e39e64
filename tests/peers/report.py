"""The results as facts for JSON, and as a table for the documentation."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from tests.peers.chart import draw
from tests.peers.measure import Result

_DOCS = Path(__file__).parents[2] / "docs"
Facts = dict[str, Any]


def describe_run(url: str, rounds: int, size: int) -> Facts:
    """What the figures depend on."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "rounds": rounds,
        "size": size,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "node": node.stdout.strip().removeprefix("v"),
        "postgresql": row[0] if row else "",
    }


def collect(results: Sequence[Result], conditions: Facts) -> Facts:
    """All facts of a run, ready for JSON; the first result is the one that others are compared with."""
    ours = results[0].rate
    return conditions | {"contestants": [_facts_of(result, ours) for result in results]}


def make_table(facts: Facts) -> str:
    """What was run, and a Markdown table of it, fastest first."""
    ranked = sorted(facts["contestants"], key=lambda each: -each["rate"])
    conditions = (
        f"Jobs of {_in_words(facts['size'])}, {facts['date']}, {facts['cores']} cores shared with the server, PostgreSQL "
        f"{facts['postgresql']}, Python {facts['python']}, Node {facts['node']}, "
        f"{facts['rounds']} rounds, medians (slowest to fastest round):"
    )
    heads = (
        "| | jobs a second | pgmqgen is | wait p50 / p95 / p99 | settings | what it leaves to you |"
    )
    return "\n".join([conditions, "", heads, "|---|---|---|---|---|---|", *map(_row, ranked)])


def write(facts: Facts) -> None:
    """Put the table between the marks in docs/performance.md, and the chart beside it."""
    path = _DOCS / "performance.md"
    text = path.read_text()
    begin, end = (f"<!-- peers{facts['size']}:{which} -->" for which in ("begin", "end"))
    chart = f"peers-{facts['size']}.svg"
    pattern = re.compile(f"{begin}.*{end}", re.DOTALL)
    section = f"{begin}\n![Jobs a second]({chart})\n\n{make_table(facts)}\n{end}"
    text, count = pattern.subn(lambda _: section, text)
    if count != 1:
        raise SystemExit(f"expected `{begin}` and `{end}` once in {path}, found {count}")
    path.write_text(text)
    bars = [(each["name"], each["rate"]) for each in facts["contestants"] if each["rate"]]
    (_DOCS / chart).write_text(draw(bars, _in_words(facts["size"])))


def _in_words(size: int) -> str:
    return f"{size // 1000} KB" if size >= 1000 else f"{size} B"


def _facts_of(result: Result, ours: float) -> Facts:
    contestant = result.contestant
    waits = {f"p{share}": result.wait_ms(share / 100) for share in (50, 95, 99) if result.waits_ms}
    return {
        "name": contestant.name,
        "version": result.version,
        "rate": result.rate,
        "rates": result.rates,
        "ratio": ours / result.rate if result.rate else None,
        "waits_ms": waits,
        "processes": contestant.processes,
        "settings": contestant.settings,
        "source": contestant.source,
        "lacks": contestant.lacks,
        "failure": result.failure,
    }


def _row(each: Facts) -> str:
    settings = f"[{each['settings']}]({each['source']})" if each["source"] else each["settings"]
    ratio = f"{each['ratio']:.1f} x" if each["ratio"] else "-"
    waits = " / ".join(f"{wait:.1f}" for wait in each["waits_ms"].values())
    cells = (
        f"{each['name']} {each['version']}".strip(),
        _rate(each),
        ratio,
        f"{waits} ms" if waits else "-",
        settings,
        each["lacks"],
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _rate(each: Facts) -> str:
    if not each["rates"]:
        return f"did not run: {each['failure']}"
    span = f"{each['rate']:,.0f} ({min(each['rates']):,.0f} to {max(each['rates']):,.0f})"
    return f"{span}, then failed: {each['failure']}" if each["failure"] else span
