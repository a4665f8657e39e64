"""A plot of throughput against hosts: what was measured, and the model's line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 50, 50
_STYLE = """
text { font: 13px sans-serif; fill: #333 } .axis { stroke: #888 } .grid { stroke: #ddd }
.a { stroke: #0969da; fill: #0969da } .b { stroke: #bc4c00; fill: #bc4c00 }
.line { fill: none; stroke-width: 2 } .name { stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #ccc } .axis { stroke: #999 } .grid { stroke: #444 }
  .a { stroke: #58a6ff; fill: #58a6ff } .b { stroke: #f0883e; fill: #f0883e }
  .line { fill: none } .name { stroke: none }
}
"""


class Series:
    """One payload: measured points with their ranges, and the model's.

    measured: hosts -> median, least and most messages a second; predicted: hosts -> messages a second
    """

    def __init__(
        self,
        name: str,
        measured: Mapping[int, tuple[float, float, float]],
        predicted: Mapping[int, float],
    ) -> None:
        self.name = name
        self.measured = measured
        self.predicted = predicted

    @property
    def most(self) -> float:
        """The highest value of all."""
        return max(*(high for _, _, high in self.measured.values()), *self.predicted.values())


def draw(title: str, series: Sequence[Series], hosts: int) -> str:
    """The text of an SVG file, for light and dark pages.

    series: two at most; hosts: the last number on the axis
    """
    top = _round_up(max(each.most for each in series))

    def x(count: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * count / hosts, 1)

    def y(rate: float) -> float:
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * rate / top, 1)

    parts = [_text(_LEFT, 22, title)]
    for step in range(5):
        rate = top * step / 4
        parts.append(_line("grid" if step else "axis", x(0), y(rate), x(hosts), y(rate)))
        parts.append(_text(_LEFT - 8, y(rate) + 4, f"{rate:,.0f}", "end"))
    for count in range(1, hosts + 1):
        parts.append(_text(x(count), _HEIGHT - _BOTTOM + 20, str(count), "middle"))
    parts.append(_text((x(0) + x(hosts)) / 2, _HEIGHT - 10, "hosts", "middle"))
    parts.append(
        _text(_LEFT, 40, "messages a second; dots: measured, with their range; line: model")
    )
    for each, kind in zip(series, "ab", strict=False):
        line = " ".join(f"{x(count)},{y(rate)}" for count, rate in sorted(each.predicted.items()))
        parts.append(f'<polyline class="line {kind}" points="{line}"/>')
        for count, (middle, low, high) in each.measured.items():
            parts.append(_line(kind, x(count), y(low), x(count), y(high)))
            parts.append(f'<circle class="{kind}" cx="{x(count)}" cy="{y(middle)}" r="4"/>')
        end = each.predicted[max(each.predicted)]
        parts.append(
            f'<text class="{kind} name" x="{x(hosts)}" y="{y(end) - 10}" text-anchor="end">'
            f"{each.name}</text>"
        )
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<style>{_STYLE}</style>",
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _round_up(value: float) -> float:
    """To a number that four steps of an axis divide well."""
    step = 10.0 ** (len(str(int(value))) - 1)
    return next(step * factor for factor in (1, 2, 4, 6, 8, 10) if step * factor >= value)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'
