"""What the demo ends with, on stdout: a table with a row per queue, and the check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import merge

from rich import box
from rich.console import Console
from rich.table import Table

from pgmqgen.demo.balance import Balance, percentile

_COLUMNS = ("sent", "handled", "retried", "dead-\nlettered", "invalid", "msg/s", "p50", "p99")
_WIDE = 96
"""Columns of a terminal that has room for wider gaps."""
_NOTES = (
    "msg/s: while the backlog was drained, first attempts",
    "p50, p99: from send to the end of the handler, of messages sent while it worked",
    "dead-lettered: given up, also where the queue archives them (render_report)",
)


def print_report(console: Console, balances: Sequence[Balance]) -> bool:
    """Print table and check; return whether the check holds."""
    console.print(_make_table(balances, wide=console.width >= _WIDE))
    for line in (*_NOTES, *_explain_deaths(balances)):
        console.print(line, style="dim")
    holds = not any(balance.problems for balance in balances)
    console.print()
    console.print(check_line(balances), style="bold green" if holds else "bold red")
    for balance in balances:
        for problem in balance.problems:
            console.print(f"  {balance.queue}: {problem}", markup=False)
    return holds


def check_line(balances: Sequence[Balance]) -> str:
    """The one line that says whether everything ended where it should."""
    sent = sum(balance.sent for balance in balances)
    handled = sum(balance.handled for balance in balances)
    dead = sum(balance.dead_lettered for balance in balances)
    invalid = sum(balance.invalid for balance in balances)
    holds = not any(balance.problems for balance in balances)
    sign = "=" if sent == handled + dead + invalid else "!="
    sums = (
        f"{sent:,} sent {sign} {handled:,} handled + {dead:,} dead-lettered + {invalid:,} invalid"
    )
    return f"check {'passed' if holds else 'FAILED'}: {sums}"


def _make_table(balances: Sequence[Balance], *, wide: bool) -> Table:
    padding = (0, 1 if wide else 0)
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, header_style="bold", padding=padding)
    totals = _totals(balances)
    table.add_column("queue", footer="all", footer_style="bold", no_wrap=True)
    for name, total in zip(_COLUMNS, totals, strict=True):
        table.add_column(name, footer=total, justify="right", vertical="bottom", no_wrap=True)
    for balance in balances:
        table.add_row(
            balance.queue, *_counts([balance]), f"{balance.rate:,.0f}", *_times([balance])
        )
    return table


def _totals(balances: Sequence[Balance]) -> list[str]:
    return [*_counts(balances), "", *_times(balances)]


def _counts(balances: Sequence[Balance]) -> Iterator[str]:
    for name in ("sent", "handled", "retried", "dead_lettered", "invalid"):
        yield f"{sum(getattr(balance, name) for balance in balances):,}"


def _times(balances: Sequence[Balance]) -> Iterator[str]:
    ordered = list(merge(*(balance.latencies_s for balance in balances)))
    for share in (0.5, 0.99):
        value = percentile(ordered, share)
        yield "-" if value is None else f"{value * 1000:,.0f} ms"


def _explain_deaths(balances: Sequence[Balance]) -> Iterator[str]:
    reasons = sum((balance.reasons for balance in balances), Counter())
    if reasons:
        told = ", ".join(f"{number} {_REASONS.get(name, name)}" for name, number in reasons.items())
        yield f"given up: {told}"


_REASONS = {
    "rejected": "rejected",
    "exception": "failed each time",
    "crash": "killed its process each time",
    "timeout": "ran out of time",
}
