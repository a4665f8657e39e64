"""A bar chart as SVG, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

_WIDTH, _LABEL, _VALUE = 720, 140, 80
_ROW, _BAR, _TOP, _BOTTOM = 30, 18, 44, 12
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.bar { fill: #8c959f; }
.ours { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .bar { fill: #6e7681; }
  .ours { fill: #58a6ff; }
}
"""


def draw(bars: Sequence[tuple[str, float]], size: str) -> str:
    """A chart of (name, jobs a second), largest first; the first of `bars` is put in colour."""
    ours = bars[0][0]
    ranked = sorted(bars, key=lambda bar: -bar[1])
    longest = ranked[0][1]
    rows = [_draw_row(i, bar, longest, bar[0] == ours) for i, bar in enumerate(ranked)]
    height = _TOP + _ROW * len(bars) + _BOTTOM
    told = ", ".join(f"{name} {rate:,.0f}" for name, rate in ranked)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"<title>Jobs a second: {escape(told)}</title>",
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="{_LABEL}" y="24">No-op jobs of {size} a second</text>',
            *rows,
            "</svg>\n",
        ]
    )


def _draw_row(index: int, bar: tuple[str, float], longest: float, ours: bool) -> str:
    name, rate = bar
    top = _TOP + index * _ROW
    width = max(1.0, (_WIDTH - _LABEL - _VALUE) * rate / longest)
    middle = top + _BAR / 2 + 5
    kind = "bar ours" if ours else "bar"
    return (
        f'<text x="{_LABEL - 10}" y="{middle:g}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="{kind}" x="{_LABEL}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
        f'<text x="{_LABEL + width + 8:.1f}" y="{middle:g}">{rate:,.0f}</text>'
    )
