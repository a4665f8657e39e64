"""What a measure is, and how its rounds are run: all contestants in each, in alternating order."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Figures = Mapping[str, float]
"""What one run gives: a number for each name. The name ends with its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One of those that are held against each other.

    run: measures once
    at: where on the axis of its measure, such as the number of processes; None if that has none
    """

    name: str
    run: Callable[[], Figures]
    at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One thing that is measured.

    name: of the measure, as in `--only`; title: the same in words
    ratio: the figure by which the first of two contestants is held against the second, if any
    axis: what the contestants' `at` counts
    """

    name: str
    title: str
    contestants: Sequence[Contestant]
    ratio: str | None = None
    axis: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one contestant gave in one round."""

    round: int
    contestant: str
    at: int | None
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A median, and the lowest and the highest value."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A measure and all that its rounds gave."""

    measure: Measure
    samples: Sequence[Sample]

    @property
    def places(self) -> list[int | None]:
        """Where on the axis there are contestants."""
        return list(dict.fromkeys(contestant.at for contestant in self.measure.contestants))

    @property
    def names(self) -> list[str]:
        """Names of the contestants."""
        return list(dict.fromkeys(contestant.name for contestant in self.measure.contestants))

    def figures(self, contestant: str, at: int | None = None) -> dict[str, Spread]:
        """Each figure of a contestant over all rounds."""
        found = list(self._find(contestant, at).values())
        return {name: spread(figures[name] for figures in found) for name in found[0]}

    def ratio(self, at: int | None = None) -> Spread | None:
        """How the first contestant stands to the second: the ratios of each round."""
        figure = self.measure.ratio
        if figure is None:
            return None
        ours, theirs = (self._find(name, at) for name in self.names)
        return spread(ours[number][figure] / theirs[number][figure] for number in ours)

    def _find(self, contestant: str, at: int | None) -> dict[int, Figures]:
        return {
            sample.round: sample.figures
            for sample in self.samples
            if (sample.contestant, sample.at) == (contestant, at)
        }


def run_rounds(measure: Measure, rounds: int) -> Iterator[Sample]:
    """Run every contestant once a round; every other round goes backwards."""
    for number in range(rounds):
        contestants = measure.contestants
        for each in contestants if number % 2 == 0 else reversed(contestants):
            yield Sample(round=number + 1, contestant=each.name, at=each.at, figures=each.run())


def spread(values: Iterable[float]) -> Spread:
    """Median and range of some values."""
    ordered = sorted(values)
    return Spread(median=statistics.median(ordered), low=ordered[0], high=ordered[-1])


def per_second(count: int, seconds: float) -> dict[str, float]:
    """The figure `per_second` of `count` messages in so many seconds."""
    return {"per_second": count / seconds}
