"""What a run has found: all of its samples as JSON, and medians with ranges as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pgmqgen.bench.measure import Outcome, Spread
from pgmqgen.bench.options import Options
from pgmqgen.bench.wording import counted

_UNITS = {
    "_per_second": ("/s", 1),
    "_percent": (" %", 1),
    "_ms": (" ms", 1),
    "_mb": (" MB", 0),
    "_s": (" s", 2),
}
"""How a figure's name ends, its unit, and the digits behind the point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcomes of one run, and on what it ran.

    machine: what there is to know of the machine and the database
    """

    machine: Mapping[str, Any]
    options: Options
    outcomes: Sequence[Outcome]

    def as_json(self) -> dict[str, Any]:
        """Everything: each sample, and what the tables say."""
        return {
            "machine": dict(self.machine),
            "options": asdict(self.options),
            "measures": [_describe(outcome) for outcome in self.outcomes],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text below a header; the first of a row may have several lines."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def make_tables(report: Report) -> Iterator[Table]:
    """First what is compared, ratio first; then what stands for itself."""
    compared = [row for outcome in report.outcomes for row in _compare(outcome)]
    if compared:
        yield Table(header=("", "ratio", "messages/s", "against, messages/s"), rows=compared)
    told = [row for outcome in report.outcomes for row in _tell(outcome)]
    if told:
        yield Table(header=("", "", "", "median", "range"), rows=told)


def headline(report: Report) -> str:
    """One line: what ran where."""
    machine, options = report.machine, report.options
    return (
        f"{counted(options.messages, 'message')}, {counted(options.rounds, 'round')}"
        f"{', medians and ranges' if options.rounds > 1 else ''}; "
        f"{machine['cores']} cores, Python {machine['python']}, PostgreSQL {machine['postgresql']}, "
        f"fsync {machine['fsync']}, synchronous_commit {machine['synchronous_commit']}, "
        f"pgmqgen {machine['pgmqgen']}, {machine['date']}"
    )


def first_finding(outcome: Outcome) -> str:
    """The first row of an outcome, as a line."""
    rows = list(_compare(outcome)) or list(_tell(outcome))
    words = rows[0][:2] if outcome.measure.ratio else rows[0]
    return ", ".join(words).replace("\n", ": ")


def _compare(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    figure = outcome.measure.ratio
    if figure is None:
        return
    for at in outcome.places:
        ratio = outcome.ratio(at)
        assert ratio is not None
        place = "" if at is None else f", {outcome.measure.axis}: {at:,}"
        yield (
            f"{outcome.measure.title}{place}\n{' / '.join(outcome.names)}",
            _with_range(ratio, 2),
            *(_with_range(outcome.figures(name, at)[figure], 0) for name in outcome.names),
        )


def _tell(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    if outcome.measure.ratio is not None:
        return
    title = outcome.measure.title
    for name in outcome.names:
        for figure, spread in outcome.figures(name).items():
            words, unit, digits = _read_name(figure)
            median = f"{spread.median:,.{digits}f}{unit}"
            yield (
                title,
                name,
                words,
                median,
                _range(spread, digits),
            )
            title = name = ""  # said once


def _read_name(figure: str) -> tuple[str, str, int]:
    """A figure's name in words, its unit, and its digits behind the point."""
    for ending, (unit, digits) in _UNITS.items():
        if figure.endswith(ending) or figure == ending[1:]:
            words = figure.removesuffix(ending).replace("_", " ").replace("pss", "PSS")
            return ("messages" if figure == ending[1:] else words), unit, digits
    return figure.replace("_", " "), "", 1


def _with_range(spread: Spread, digits: int) -> str:
    span = _range(spread, digits)
    return f"{spread.median:,.{digits}f}{span and f' ({span})'}"


def _range(spread: Spread, digits: int) -> str:
    """Empty for a single round: what one value says of others is nothing."""
    if spread.low == spread.high:
        return ""
    return f"{spread.low:,.{digits}f}–{spread.high:,.{digits}f}"


def _describe(outcome: Outcome) -> dict[str, Any]:
    measure = outcome.measure
    return {
        "name": measure.name,
        "title": measure.title,
        "axis": measure.axis,
        "samples": [asdict(sample) for sample in outcome.samples],
        "medians": [
            {"contestant": each.name, "at": each.at, "figure": figure, **asdict(found)}
            for each in measure.contestants
            for figure, found in outcome.figures(each.name, each.at).items()
        ],
        "ratios": [
            {"of": outcome.names[0], "to": outcome.names[1], "at": at, **asdict(ratio)}
            for at in outcome.places
            if (ratio := outcome.ratio(at)) is not None
        ],
    }
