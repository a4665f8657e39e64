"""A plot of throughput against hosts: what was measured, and the model's line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 50, 50
_STYLE = """
text { font: 13px sans-serif; fill: #333 } .axis { stroke: #888 } .grid { stroke: #ddd }
.a { stroke: #0969da; fill: #0969da } .b { stroke: #bc4c00; fill: #bc4c00 }
@media (prefers-color-scheme: dark) {
  text { fill: #ccc } .axis { stroke: #999 } .grid { stroke: #444 }
  .a { stroke: #58a6ff; fill: #58a6ff } .b { stroke: #f0883e; fill: #f0883e }
}
.line { fill: none; stroke-width: 2 } .name { stroke: none }
"""


@dataclass(frozen=True, slots=True)
class Series:
    """One payload.

    measured: hosts -> median, least and most messages a second
    predicted: hosts -> messages a second
    """

    name: str
    measured: Mapping[int, tuple[float, float, float]]
    predicted: Mapping[int, float]

    @property
    def most(self) -> float:
        """The highest value of all."""
        return max(*(high for _, _, high in self.measured.values()), *self.predicted.values())


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a number of hosts and a rate are on the drawing; both axes begin at 0."""

    hosts: int
    top: float

    def x(self, count: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * count / self.hosts, 1)

    def y(self, rate: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * rate / self.top, 1)


def draw(title: str, series: Sequence[Series], hosts: int) -> str:
    """The text of an SVG file, for light and dark pages.

    series: two at most; hosts: the last number on the axis
    """
    scale = _Scale(hosts, _round_up(max(each.most for each in series)))
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<style>{_STYLE}</style>",
        _text(_LEFT, 22, title),
        _text(_LEFT, 40, "messages a second; dots: measured, with their range; line: model"),
        *_axes(scale),
        *(
            part
            for each, kind in zip(series, "ab", strict=False)
            for part in _plot(scale, each, kind)
        ),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _axes(scale: _Scale) -> Iterator[str]:
    left, right = scale.x(0), scale.x(scale.hosts)
    for step in range(5):
        rate = scale.top * step / 4
        yield _line("grid" if step else "axis", left, scale.y(rate), right, scale.y(rate))
        yield _text(left - 8, scale.y(rate) + 4, f"{rate:,.0f}", "end")
    for count in range(1, scale.hosts + 1):
        yield _text(scale.x(count), _HEIGHT - _BOTTOM + 20, str(count), "middle")
    yield _text((left + right) / 2, _HEIGHT - 10, "hosts", "middle")


def _plot(scale: _Scale, series: Series, kind: str) -> Iterator[str]:
    predicted = sorted(series.predicted.items())
    line = " ".join(f"{scale.x(count)},{scale.y(rate)}" for count, rate in predicted)
    yield f'<polyline class="{kind} line" points="{line}"/>'
    for count, (middle, low, high) in series.measured.items():
        yield _line(kind, scale.x(count), scale.y(low), scale.x(count), scale.y(high))
        yield f'<circle class="{kind}" cx="{scale.x(count)}" cy="{scale.y(middle)}" r="4"/>'
    last, rate = predicted[-1]
    yield _text(scale.x(last), scale.y(rate) - 16, series.name, "end", f"{kind} name")


def _round_up(value: float) -> float:
    """To a number that four steps of an axis divide well."""
    step = 10.0 ** (len(str(int(value))) - 1)
    return next(step * factor for factor in (1, 2, 4, 6, 8, 10) if step * factor >= value)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "plain") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'
