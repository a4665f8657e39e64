"""What can be measured: each module makes the measures of one kind for a course."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from pgmqgen.bench.course import Course
from pgmqgen.bench.measure import Measure
from pgmqgen.bench.measures import draining, footprint, latency, sending

_MAKERS: Mapping[str, Callable[[Course], Iterator[Measure]]] = {
    "send": sending.send,
    "send_batch": sending.send_batch,
    "drain": draining.drain,
    "slow": draining.slow,
    "async": draining.by_event_loop,
    "delayed": draining.delayed,
    "latency": latency.latency,
    "idle": footprint.idle,
    "memory": footprint.memory,
    "processes": draining.by_processes,
    "backlog": draining.by_backlog,
}


def make_measures(course: Course) -> Iterator[Measure]:
    """The measures that the options ask for, in the order in which they run."""
    for name, make in _MAKERS.items():
        if name in course.options.only:
            yield from make(course)
