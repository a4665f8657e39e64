"""What a run has found: costs fitted to some of its measurements, and predictions for all."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tests.scale.measure import Sample
from tests.scale.model import LANES, Costs, Setup, limit, predict
from tests.scale.plan import FITTED, FOUR, HOST_CORES, SERVER_CORES, Point

SERVER = ("backend", "wal", "other")
"""The kinds of processes that are the server's."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A point with its repetitions.

    commit_ms: of a small commit; round_trip_ms: of a `SELECT 1` from a host, the relay's part included
    """

    point: Point
    samples: Sequence[Sample]
    commit_ms: float
    round_trip_ms: float

    @property
    def rates(self) -> tuple[float, float, float]:
        """Messages a second: median, least, most."""
        rates = [sample.rate for sample in self.samples]
        return statistics.median(rates), min(rates), max(rates)

    @property
    def setup(self) -> Setup:
        """What the model is told of it."""
        point = self.point
        return Setup(
            hosts=len(point.group.hosts),
            processes=point.group.processes,
            host_cores=point.host_cores,
            server_cores=point.server_cores,
            commit_ms=self.commit_ms,
            round_trip_ms=self.round_trip_ms,
        )

    def cpu_us(self, *kinds: str) -> float:
        """Microseconds of CPU a message of some kinds of process: the median."""
        return statistics.median(sum(s.cpu_us[kind] for kind in kinds) for s in self.samples)

    def batch(self) -> float:
        """Messages a statement: the median."""
        return statistics.median(sample.batch for sample in self.samples)

    def wal_bytes(self) -> float:
        """Bytes of the server's log a message: the median."""
        return statistics.median(sample.wal_bytes for sample in self.samples)


def fit(measured: Mapping[Point, Measured], wait_us: float) -> dict[str, Costs]:
    """The costs of each payload, from one host with no limits and, crowded, from four.

    wait_us: what the handler of slow messages really waits
    """
    waits_us = {"slow": wait_us}
    return {
        payload: replace(_fit(payload, point, measured), wait_us=waits_us.get(payload, 0.0))
        for payload, point in FITTED.items()
    }


def error(costs: Costs, each: Measured) -> float:
    """By how much the model says more than was measured, as a share of that."""
    return predict(costs, each.setup) / each.rates[0] - 1


def bound(costs: Costs, each: Measured) -> str:
    """What limits, as the model has it."""
    return limit(costs, each.setup)


def _fit(payload: str, point: Point, measured: Mapping[Point, Measured]) -> Costs:
    one = measured[point]
    server_us = one.cpu_us(*SERVER)
    crowd = measured.get(Point(payload, FOUR, SERVER_CORES, HOST_CORES))
    crowded_us = crowd.cpu_us(*SERVER) if crowd else server_us
    return Costs(
        server_us=server_us,
        parent_us=one.cpu_us("parent"),
        child_us=one.cpu_us("child"),
        crowd_us=max(0.0, crowded_us - server_us) / (LANES * len(FOUR.hosts) - LANES),
        batch=one.batch(),
    )
