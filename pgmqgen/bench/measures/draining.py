"""Measures how fast a worker drains a queue, most of them against a bare loop of pgmq calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pgmqgen.bench.course import Course
from pgmqgen.bench.handlers import SLOW_S
from pgmqgen.bench.measure import Contestant, Figures, Measure, per_second
from pgmqgen.bench.options import Options
from pgmqgen.bench.processes import drain_by_loop, drain_by_worker
from pgmqgen.bench.subject import Subject
from pgmqgen.bench.wording import counted

_Drain = Callable[[Subject, int], float]
_CONTESTANTS: dict[str, _Drain] = {"worker": drain_by_worker, "bare loop": drain_by_loop}


def drain(course: Course) -> Iterator[Measure]:
    """A full queue of each size."""
    options = course.options
    for subject in course.subjects:
        yield Measure(
            name="drain",
            title=_title(options, subject),
            ratio="per_second",
            contestants=[
                _contestant(name, subject, options.messages, options.processes)
                for name in _CONTESTANTS
            ],
        )


def by_processes(course: Course) -> Iterator[Measure]:
    """The smallest messages, by 1, 2, 4 and more processes, up to twice what was asked for."""
    options, subject = course.options, course.subjects[-1]
    counts = [1]
    while counts[-1] * 2 <= options.processes * 2:
        counts.append(counts[-1] * 2)
    yield Measure(
        name="processes",
        title=f"drain, {subject.label}",
        ratio="per_second",
        axis="processes",
        contestants=[
            _contestant(name, subject, options.messages, count, at=count)
            for count in counts
            for name in _CONTESTANTS
        ],
    )


def by_backlog(course: Course) -> Iterator[Measure]:
    """The smallest messages, few and many of them."""
    options, subject = course.options, course.subjects[-1]
    yield Measure(
        name="backlog",
        title=_title(options, subject),
        ratio="per_second",
        axis="backlog",
        contestants=[
            _contestant(name, subject, count, options.processes, at=count)
            for count in options.backlogs
            for name in _CONTESTANTS
        ],
    )


def delayed(course: Course) -> Iterator[Measure]:
    """The same messages, behind many that are not due for long, and without those."""
    options, subject = course.options, course.subjects[-1]

    def run(delayed: int) -> Figures:
        subject.fill(options.messages, delayed=delayed)
        seconds = drain_by_worker(subject, options.processes)
        subject.purge()
        return per_second(options.messages, seconds)

    yield Measure(
        name="delayed",
        title=f"{_title(options, subject)}, {options.delayed:,} delayed",
        ratio="per_second",
        contestants=[
            Contestant(name="with delayed messages", run=lambda: run(options.delayed)),
            Contestant(name="without", run=lambda: run(0)),
        ],
    )


def slow(course: Course) -> Iterator[Measure]:
    """Handlers that wait; the share is of what so many processes could do at best."""
    options, subject = course.options, course.subjects[0]
    at_best = options.processes / SLOW_S
    count = max(1, int(at_best * options.seconds))

    def run() -> Figures:
        subject.fill(count)
        rate = count / drain_by_worker(subject, options.processes, "pause")
        return {"per_second": rate, "share_percent": 100 * rate / at_best}

    processes = counted(options.processes, "process")
    title = f"handlers of {SLOW_S * 1000:.0f} ms, {processes}, {subject.label}"
    yield Measure(name="slow", title=title, contestants=[Contestant(name="worker", run=run)])


def by_event_loop(course: Course) -> Iterator[Measure]:
    """Async handlers that wait, up to 1,000 at once in each process, and sync ones that do not."""
    options, subject = course.options, course.subjects[0]
    processes = counted(options.processes, "process")

    def contestant(name: str, handler: str) -> Contestant:
        def run() -> Figures:
            subject.fill(options.messages)
            seconds = drain_by_worker(subject, options.processes, handler)
            return per_second(options.messages, seconds)

        return Contestant(name=name, run=run)

    yield Measure(
        name="async",
        title=f"async handlers of {SLOW_S * 1000:.0f} ms, {processes}, {subject.label}",
        ratio="per_second",
        contestants=[
            contestant("async handlers", "pause_async"),
            contestant("sync handlers that do nothing", "ignore"),
        ],
    )


def _title(options: Options, subject: Subject) -> str:
    return f"drain, {counted(options.processes, 'process')}, {subject.label}"


def _contestant(
    name: str, subject: Subject, messages: int, processes: int, at: int | None = None
) -> Contestant:
    def run() -> Figures:
        subject.fill(messages)
        return per_second(messages, _CONTESTANTS[name](subject, processes))

    return Contestant(name=name, run=run, at=at)
