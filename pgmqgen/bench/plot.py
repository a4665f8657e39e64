"""Draws throughput against processes and against backlog, as one SVG for light and dark pages."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from pgmqgen.bench.measure import Outcome, Spread
from pgmqgen.bench.report import Report, headline

_WIDTH, _HEIGHT = 440, 340
"""Of one panel."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 24, 76, 52
_LINE, _CHARACTER = 14, 5.6
"""Height of a line of small text, and width of its characters."""
_TICKS = 5
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 14px; font-weight: 600 }
.small { font-size: 10px; fill: #59636e }
.paper { fill: #ffffff }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.series0 { stroke: #0969da; fill: #0969da }
.series1 { stroke: #bc4c00; fill: #bc4c00 }
.line { fill: none; stroke-width: 2 }
.range { stroke-width: 1.5; opacity: 0.6 }
text.series0, text.series1 { stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .small { fill: #9198a1 }
  .paper { fill: #0d1117 }
  .grid { stroke: #3d444d }
  .series0 { stroke: #58a6ff; fill: #58a6ff }
  .series1 { stroke: #f0883e; fill: #f0883e }
  .line { fill: none }
}
"""


def draw(report: Report) -> str:
    """The SVG of those outcomes that have an axis; a panel each."""
    outcomes = [outcome for outcome in report.outcomes if outcome.measure.axis]
    width = _WIDTH * max(1, len(outcomes))
    foot = textwrap.wrap(headline(report), int(width / _CHARACTER))
    height = _HEIGHT + _LINE * (len(foot) + 1)
    panels = [
        f'<g transform="translate({number * _WIDTH} 0)">{"".join(_draw_panel(outcome))}</g>'
        for number, outcome in enumerate(outcomes)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            "<title>Messages per second</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{width}" height="{height}"/>',
            *panels,
            *(
                _text(width / 2, _HEIGHT + _LINE * number, line, "small", "middle")
                for number, line in enumerate(foot, 1)
            ),
            "</svg>\n",
        ]
    )


def _draw_panel(outcome: Outcome) -> Iterator[str]:
    places = [place for place in outcome.places if place is not None]
    columns = {place: _column(index, len(places)) for index, place in enumerate(places)}
    series = [
        [outcome.figures(name, place)["per_second"] for place in places] for name in outcome.names
    ]
    top = _round_up(max(spread.high for spreads in series for spread in spreads))
    yield _text(_LEFT, 24, f"Messages per second by {outcome.measure.axis}", "title")
    yield _text(_LEFT, 42, outcome.measure.title, "small")
    yield from _draw_grid(top)
    for place, x in columns.items():
        yield _text(x, _HEIGHT - _BOTTOM + 18, f"{place:,}", "", "middle")
    yield _text(
        (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, outcome.measure.axis or "", "", "middle"
    )
    for number, (name, spreads) in enumerate(zip(outcome.names, series, strict=True)):
        yield _text(_LEFT + 110 * number, 62, f"● {name}", f"series{number}")
        yield from _draw_series(f"series{number}", list(columns.values()), spreads, top)


def _draw_grid(top: float) -> Iterator[str]:
    for tick in range(_TICKS + 1):
        value = top * tick / _TICKS
        y = _row(value, top)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(_LEFT - 8, y + 4, f"{value:,.0f}", "", "end")


def _draw_series(
    name: str, columns: Sequence[float], spreads: Sequence[Spread], top: float
) -> Iterator[str]:
    """A line through the medians, and a bar from the lowest to the highest value."""
    points = [(x, _row(spread.median, top)) for x, spread in zip(columns, spreads, strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline class="{name} line" points="{path}"/>'
    for (x, y), spread in zip(points, spreads, strict=True):
        low, high = _row(spread.low, top), _row(spread.high, top)
        yield (
            f'<line class="{name} range" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'
        )
        yield f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'


def _text(x: float, y: float, text: str, style: str, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{style}" {place}>{escape(text)}</text>'


def _column(index: int, count: int) -> float:
    room = _WIDTH - _LEFT - _RIGHT
    return _LEFT + room * (index + 0.5) / count


def _row(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top


def _round_up(value: float) -> float:
    """The next number of the form 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value)
