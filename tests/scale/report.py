"""Writes a run down: as tables of docs/scaling.md, as its plot, and as JSON."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.scale.chart import Series, draw
from tests.scale.model import LOAD, need, predict
from tests.scale.plan import (
    FITTED,
    HOST_CORES,
    SCALED,
    SERVER_CORES,
    Point,
    make_points,
    make_remedies,
)
from tests.scale.profile import Profile
from tests.scale.result import SERVER, Measured, bound, error, fit

_COMMIT_MS = 3.0
_RATES = (1_000, 10_000, 50_000)
_WAITS_MS = (0, 5)
_PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
_NAMES = {
    "small": "200 B",
    "order": "1 KB",
    "slow": "200 B, the handler waits 1 ms",
}


class Report:
    """All that a run has found.

    facts: versions and the like, in one line
    wait_us: what the handler of slow messages really waits
    """

    def __init__(
        self,
        facts: str,
        measured: Sequence[Measured],
        profiles: Mapping[Point, Profile],
        wait_us: float,
    ) -> None:
        self.facts = facts
        self.measured = {each.point: each for each in measured}
        self.costs = fit(self.measured, wait_us)
        self.profiles = profiles

    def sections(self) -> dict[str, str]:
        """What is below the headings of the page that a run writes."""
        return {
            "Costs of a message": f"{self.facts}\n\n{self._cost_table()}",
            "Predicted and measured": self._table_of_points(),
            "Where the time goes": self._profile_table(),
            "What helps then": self._remedy_table(),
            "What so many messages a second take": self._need_table(),
        }

    def chart(self) -> str:
        """The plot of throughput against hosts."""
        title = f"Hosts of {HOST_CORES:g} core each, a server of {SERVER_CORES:g} core"
        series = [self._series(payload) for payload in ("small", "order")]
        return draw(title, series, len(SCALED))

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "facts": self.facts,
            "costs": {payload: asdict(costs) for payload, costs in self.costs.items()},
            "points": [self._point_as_json(each) for each in self.measured.values()],
            "profiles": [
                {"point": asdict(point), **profile.as_json()}
                for point, profile in self.profiles.items()
            ],
        }

    def write(self) -> None:
        """Put the sections into the page, and the plot beside it."""
        text = _PAGE.read_text()
        for title, body in self.sections().items():
            text = replace_section(text, title, body)
        _PAGE.write_text(text)
        _PAGE.with_suffix(".svg").write_text(self.chart())

    def _cost_table(self) -> str:
        rows = [
            [
                _NAMES[payload],
                f"{costs.server_us:.1f} µs",
                f"{costs.crowd_us:.2f} µs",
                f"{costs.parent_us:.1f} µs",
                f"{costs.child_us:.1f} µs",
                f"{costs.batch:.0f}",
                f"{self.measured[FITTED[payload]].wal_bytes():.0f} B",
            ]
            for payload, costs in self.costs.items()
        ]
        head = ["message", "server", "more for each further lane", "parent", "child"]
        return _table([*head, "messages a statement", "log of the server"], rows)

    def _table_of_points(self) -> str:
        head = ["message", "hosts x processes", "cores: server, host", "commit", "round trip"]
        checked = [self.measured[point] for point in make_points()]
        rows = [self._row(each) for each in checked]
        errors = sorted(abs(error(self.costs[each.point.payload], each)) for each in checked)
        middle, worst = errors[len(errors) // 2], errors[-1]
        summary = f"The error is {middle:.0%} in the median, {worst:.0%} at most."
        table = _table([*head, "measured /s (range)", "predicted /s", "error", "limit"], rows)
        return f"{table}\n\n{summary}"

    def _row(self, each: Measured) -> list[str]:
        point, costs = each.point, self.costs[each.point.payload]
        middle, low, high = each.rates
        return [
            _NAMES[point.payload],
            f"{len(point.group.hosts)} x {point.group.processes}",
            f"{point.server_cores:g}, {point.host_cores:g}",
            f"{each.commit_ms:.1f} ms" if point.durable else "off",
            f"{each.round_trip_ms:.1f} ms",
            f"{middle:,.0f} ({low:,.0f} to {high:,.0f})",
            f"{predict(costs, each.setup):,.0f}",
            f"{error(costs, each):+.0%}",
            bound(costs, each),
        ]

    def _profile_table(self) -> str:
        states = sorted({state for p in self.profiles.values() for state in p.states})
        heads = [_describe(point) for point in self.profiles]
        shares = {point: dict(profile.shares()) for point, profile in self.profiles.items()}
        rows = [
            [state, *(f"{100 * each.get(state, 0):.0f} %" for each in shares.values())]
            for state in states
            if any(each.get(state, 0) >= 0.005 for each in shares.values())
        ]
        all_profiles = list(self.profiles.values())
        rows.append(
            ["flush of the log", *(f"{p.flushes} of {p.flush_ms:.1f} ms" for p in all_profiles)]
        )
        rows.append(
            [
                "leasing and acknowledging, of the time of all statements",
                *(f"{100 * p.exchanges:.1f} %" for p in all_profiles),
            ]
        )
        return _table(["a lane's session on the server", *heads], rows)

    def _remedy_table(self) -> str:
        remedies = {name: self.measured[point] for name, point in make_remedies().items()}
        first = next(iter(remedies.values())).rates[0]
        rows = [
            [
                name,
                f"{each.rates[0]:,.0f} ({each.rates[1]:,.0f} to {each.rates[2]:,.0f})",
                f"{each.rates[0] / first:.2f}",
                f"{each.cpu_us(*SERVER):.1f} µs",
                f"{each.wal_bytes():.0f} B",
            ]
            for name, each in remedies.items()
        ]
        head = ["", "measured /s (range)", "of the first", "CPU of the server a message"]
        return _table([*head, "its log a message"], rows)

    def _need_table(self) -> str:
        rows = []
        for payload, rate, wait_ms in itertools.product(("small", "order"), _RATES, _WAITS_MS):
            costs = replace(self.costs[payload], wait_us=wait_ms * 1000)
            found = need(costs, rate, _COMMIT_MS)
            counts = [f"{found.workers:,}", f"{found.processes:,}"]
            cores = [f"{found.server_cores:.2f}", f"{found.host_cores:.2f}"]
            rows.append([_NAMES[payload], f"{rate:,}", f"{wait_ms:g} ms", *cores, *counts])
        head = ["message", "messages /s", "the handler waits", "cores of the server"]
        table = _table([*head, "cores of hosts", "workers", "processes in all"], rows)
        return (
            f"So that nothing is busy for over {LOAD:.0%} of the time, if a commit and a round trip "
            f"take {_COMMIT_MS:g} ms together:"
            f"\n\n{table}\n\n{self._rule()}"
        )

    def _rule(self) -> str:
        per_core = {payload: LOAD * 1e6 / costs.server_us for payload, costs in self.costs.items()}
        order = self.costs["order"]
        hosts = (order.parent_us + order.child_us) / order.server_us
        return (
            f"As a rule: a core of the server for every {per_core['order']:,.0f} messages of 1 KB a second, "
            f"or {per_core['small']:,.0f} of 200 B, and {hosts:.1f} cores of worker hosts with it, "
            "plus what your handlers take. Sending costs the server as well."
        )

    def _series(self, payload: str) -> Series:
        points = [Point(payload, group, SERVER_CORES, HOST_CORES) for group in SCALED]
        each = {len(point.group.hosts): self.measured[point] for point in points}
        costs = self.costs[payload]
        return Series(
            _NAMES[payload],
            {count: measured.rates for count, measured in each.items()},
            {count: predict(costs, measured.setup) for count, measured in each.items()},
        )

    def _point_as_json(self, each: Measured) -> dict[str, Any]:
        costs = self.costs[each.point.payload]
        return {
            **asdict(each),
            "predicted": predict(costs, each.setup),
            "error": error(costs, each),
            "limit": bound(costs, each),
        }


def replace_section(text: str, title: str, body: str) -> str:
    """A Markdown text with another body below a heading. Raises ValueError without that heading."""
    pattern = re.compile(rf"^(#+ {re.escape(title)}\n).*?(?=^#|\Z)", re.DOTALL | re.MULTILINE)
    changed, count = pattern.subn(lambda match: f"{match[1]}\n{body}\n\n", text)
    if count != 1:
        raise ValueError(f"expected one heading `{title}`, got {count}")
    return changed.rstrip() + "\n"


def _describe(point: Point) -> str:
    hosts = len(point.group.hosts)
    return f"{_NAMES[point.payload]}, {hosts} host{'s'[: hosts - 1]}, {point.server_cores:g} core"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
