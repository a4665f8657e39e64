"""Measures producers: what typing and validation cost a sender.

Both send over one connection that prepares its statements. What the bare sender sends is JSON text
already; the producer gets typed payloads, which it writes and validates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any

import psycopg

from pgmqgen.bench.course import Course
from pgmqgen.bench.measure import Contestant, Figures, Measure, per_second
from pgmqgen.bench.subject import Subject
from pgmqgen.runtime.client.producer import Producer

_SEND = "SELECT pgmq.send(%s, %s::jsonb)"
_SEND_BATCH = """
SELECT * FROM pgmq.send_batch(
    %s, ARRAY(SELECT value FROM jsonb_array_elements(%s::jsonb) AS each (value))
)
"""
_BATCH_SIZE = 1000
_SHARE = 10
"""One message is sent by itself for so many that are drained."""
_WARM_UP = 10


def send(course: Course) -> Iterator[Measure]:
    """Messages sent one by one."""
    count = max(1, course.options.messages // _SHARE)
    for subject in course.subjects:
        title = f"send one by one, {subject.label}"
        runs = _send_by_producer, _send_bare
        yield _compare("send", title, subject, runs, count)


def send_batch(course: Course) -> Iterator[Measure]:
    """Messages sent by the thousand."""
    count = max(1, course.options.messages // _BATCH_SIZE)
    for subject in course.subjects:
        title = f"send_batch of {_BATCH_SIZE:,}, {subject.label}"
        runs = _send_batch_by_producer, _send_batch_bare
        yield _compare("send_batch", title, subject, runs, count)


_Run = Callable[[Subject, int], Figures]


def _compare(
    name: str, title: str, subject: Subject, runs: tuple[_Run, _Run], count: int
) -> Measure:
    producer, bare = runs
    return Measure(
        name=name,
        title=title,
        ratio="per_second",
        contestants=[
            Contestant(name="producer", run=lambda: producer(subject, count)),
            Contestant(name="bare pgmq", run=lambda: bare(subject, count)),
        ],
    )


def _send_by_producer(subject: Subject, count: int) -> Figures:
    with make_producer(subject) as producer:
        return _time(subject, producer.send, typed(subject), count)


def _send_bare(subject: Subject, count: int) -> Figures:
    with psycopg.connect(subject.url, autocommit=True) as connection:

        def run(text: bytes) -> None:
            connection.execute(_SEND, [subject.queue, text.decode()]).fetchone()

        return _time(subject, run, subject.payloads, count)


def _send_batch_by_producer(subject: Subject, count: int) -> Figures:
    batch = list(islice(cycle(typed(subject)), _BATCH_SIZE))
    with make_producer(subject) as producer:
        return _time(subject, producer.send_batch, [batch], count, size=_BATCH_SIZE)


def _send_batch_bare(subject: Subject, count: int) -> Figures:
    batch = b"[" + b",".join(subject.texts(_BATCH_SIZE)) + b"]"
    with psycopg.connect(subject.url, autocommit=True) as connection:

        def run(text: bytes) -> None:
            connection.execute(_SEND_BATCH, [subject.queue, text.decode()]).fetchall()

        return _time(subject, run, [batch], count, size=_BATCH_SIZE)


def make_producer(subject: Subject) -> Producer[Any]:
    """A producer of the queue, as one is generated."""

    class BenchProducer(Producer[Any]):
        contract = subject.spec.contract

    return BenchProducer(subject.url)


def typed(subject: Subject) -> list[Any]:
    """The payloads as a producer takes them."""
    decode = subject.spec.contract.decode
    return [decode(text) for text in subject.payloads]


def _time(
    subject: Subject,
    run: Callable[[Any], object],
    values: Sequence[Any],
    count: int,
    *,
    size: int = 1,
) -> Figures:
    """Call `run` for `count` values, `size` messages each, on a queue that is empty at first."""
    subject.fill(0)
    for value in islice(cycle(values), _WARM_UP):
        run(value)
    begin = time.perf_counter()
    for value in islice(cycle(values), count):
        run(value)
    seconds = time.perf_counter() - begin
    subject.purge()
    return per_second(count * size, seconds)
