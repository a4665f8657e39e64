"""Measures how long it takes from the call that sends a message to the start of its handler.

Sender and handlers read the system's clock of one host. The handler writes into a file what it has
read; nothing else goes on at such a rate. The times of sending are spread at random, since a fixed
interval could fall in step with that of polling.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

from pgmqgen.bench.course import Course
from pgmqgen.bench.measure import Contestant, Figures, Measure
from pgmqgen.bench.measures.sending import make_producer, typed
from pgmqgen.bench.options import Options
from pgmqgen.bench.processes import WORKER, make_task, running
from pgmqgen.bench.subject import Subject

_SHARES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
_WARM_UP_S = 1.0


def latency(course: Course) -> Iterator[Measure]:
    """At a given rate, and after a rest; notified and polled where there are such queues."""
    subjects = {"with notify": course.notifying, "polling": course.polled}
    options = course.options
    yield Measure(
        name="latency",
        title=f"send to start of handler, {options.rate:g} messages/s",
        contestants=[
            Contestant(name=name, run=_make_run(options, subject))
            for name, subject in subjects.items()
            if subject is not None
        ],
    )


def _make_run(options: Options, subject: Subject) -> Callable[[], Figures]:
    def run() -> Figures:
        with tempfile.TemporaryDirectory(prefix="pgmqgen-") as folder:
            ledger = Path(folder) / "ledger"
            ledger.touch()
            flowing, rested = _send(options, subject, ledger)
            started = dict(map(_read_line, ledger.read_text().splitlines()))
        figures = _percentiles([started[id_] - sent for id_, sent in flowing.items()])
        if rested:
            waits = [started[id_] - sent for id_, sent in rested.items()]
            figures["after_rest_max_ms"] = _milliseconds(max(waits))
        return figures

    return run


def _send(
    options: Options, subject: Subject, ledger: Path
) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """When each message was sent, by its id: those that flowed, and those after a rest."""
    subject.fill(0)
    task = make_task(subject, options.processes, handler="note", ledger=str(ledger))
    with running(WORKER, task) as started, make_producer(subject) as producer:
        payloads = cycle(typed(subject))

        def send() -> tuple[int, int]:
            now = time.time_ns()
            return producer.send(next(payloads)), now

        def flow(seconds: float) -> dict[int, int]:
            return dict(send() for _ in _paced(options.rate, seconds))

        flow(_WARM_UP_S)
        flowing = flow(options.seconds)
        rested = dict(send() for _ in _rests(options.rest, options.rests))
        subject.wait_until_drained(started.check)
    return flowing, rested


def _paced(rate: float, seconds: float) -> Iterator[None]:
    """Return `rate * seconds` times, at a random moment of each interval."""
    begin = time.monotonic()
    for number in range(max(1, round(rate * seconds))):
        _sleep_until(begin + (number + random.random()) / rate)
        yield


def _rests(rest_s: float, count: int) -> Iterator[None]:
    """Return `count` times, after a rest and up to a second more."""
    for _ in range(count):
        _sleep_until(time.monotonic() + rest_s + random.random())
        yield


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _percentiles(waits_ns: Sequence[int]) -> dict[str, float]:
    ordered = sorted(waits_ns)
    last = len(ordered) - 1
    return {
        name: _milliseconds(ordered[min(last, int(share * len(ordered)))])
        for name, share in _SHARES.items()
    }


def _milliseconds(nanoseconds: int) -> float:
    return nanoseconds / 1e6


def _read_line(line: str) -> tuple[int, int]:
    """A message's id, and when its handler started."""
    id_, started = line.split()
    return int(id_), int(started)
