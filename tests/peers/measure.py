"""What is measured of a contestant: how fast it drains a queue, and how long a job waits."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from tests.peers.contestants import Contestant
from tests.peers.stage import Stage

_LEAST_DRAINED = 100


@dataclass(slots=True)
class Result:
    """What a contestant reached in all rounds.

    rates: jobs a second, one a round; waits_ms: of each job, all rounds; failure: why it is out
    """

    contestant: Contestant
    version: str = ""
    rates: list[float] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)
    failure: str = ""

    @property
    def rate(self) -> float:
        """The median of the rounds, 0 if there is none."""
        return statistics.median(self.rates) if self.rates else 0.0

    def wait_ms(self, share: float) -> float:
        """The wait that this share of the jobs did not exceed."""
        ranked = sorted(self.waits_ms)
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def measure_drain(stage: Stage, scale: float) -> float:
    """Jobs a second, from the first that a handler gets until none is left in the database."""
    count = max(_LEAST_DRAINED, int(stage.contestant.jobs * scale))
    with stage.prepared():
        stage.call("fill", count)
        stage.settle()
        with stage.working():
            ended = stage.wait_until_empty()
            started = min(stage.wait_for_marks("started", 1))
    return count / ((ended - started) / 1e9)


def measure_waits(stage: Stage, count: int, rate: int) -> list[float]:
    """Milliseconds from just before a job is sent until its handler begins, of `count` jobs.

    A second's worth of jobs is sent first, and not counted.
    """
    with stage.prepared():
        stage.settle()
        with stage.working():
            stage.call("send", rate, rate)
            begun = len(stage.wait_for_marks("waited", rate))
            stage.call("send", count, rate)
            waits = stage.wait_for_marks("waited", begun + count)
    return [wait / 1e6 for wait in waits[begun:]]
