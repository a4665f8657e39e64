"""Measures what a worker costs: at rest, in memory, and until it handles its first message."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pgmqgen.bench import proc
from pgmqgen.bench.course import Course
from pgmqgen.bench.measure import Contestant, Figures, Measure
from pgmqgen.bench.options import Options
from pgmqgen.bench.processes import WORKER, Started, make_task, running
from pgmqgen.bench.wording import counted
from pgmqgen.runtime.database.postgres import connect, translating_errors

if TYPE_CHECKING:
    from psycopg import Connection

_SETTLE_S = 2.0
"""From the last message until the memory of a worker is taken."""
_LOOK_S = 0.002
_START_QUEUES = 20
_TRANSACTIONS = """
SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()
"""


def idle(course: Course) -> Iterator[Measure]:
    """Queries and CPU a second of a worker whose queues are empty.

    The transactions of the whole database are counted, each statement of a worker is one; if others
    use the database, theirs count, too.
    """
    options, subject = course.options, course.subjects[0]
    queues = tuple(course.resting[: options.queues])

    def run() -> Figures:
        subject.fill(0)
        task = replace(make_task(subject, options.processes), queues=queues)
        with running(WORKER, task) as started:
            return _watch(task.url, started, options.rest, options.seconds)

    yield Measure(
        name="idle",
        title=f"a worker at rest, {_sized(len(queues), options)}",
        contestants=[Contestant(name="worker", run=run)],
    )


def memory(course: Course) -> Iterator[Measure]:
    """Memory of a worker and its processes, at rest and after work, and how soon it begins."""
    options, subject = course.options, course.subjects[0]
    settle_s = min(_SETTLE_S, options.rest)
    others = [name for name in course.resting if name != subject.queue][: _START_QUEUES - 1]

    def run() -> Figures:
        subject.fill(1)
        with tempfile.TemporaryDirectory(prefix="pgmqgen-") as folder:
            ledger = Path(folder) / "ledger"
            task = make_task(subject, options.processes, handler="note", ledger=str(ledger))
            task = replace(task, queues=(*others, subject.queue))
            begin = time.perf_counter()
            with running(WORKER, task) as started:
                figures = {"first_message_s": _await_file(ledger, started) - begin}
                figures |= _weigh("at_rest_pss_mb", started, settle_s)
                subject.add(options.messages)
                subject.wait_until_drained(started.check)
                return figures | _weigh("after_work_pss_mb", started, settle_s)

    title = f"a worker, {_sized(len(others) + 1, options)}"
    yield Measure(name="memory", title=title, contestants=[Contestant(name="worker", run=run)])


def _sized(queues: int, options: Options) -> str:
    return f"{counted(queues, 'queue')}, {counted(options.processes, 'process')}"


def _watch(url: str, started: Started, rest_s: float, seconds: float) -> Figures:
    """Queries and CPU a second of a worker that has been at rest."""
    with connect(url, application_name="pgmqgen bench") as connection:
        _count(connection)
        time.sleep(rest_s)  # a session of PostgreSQL may keep its counts to itself for 10 s
        pids = proc.family(started.pid) if proc.is_known() else []
        before, cpu_s, begin = _count(connection), proc.cpu_s(pids), time.monotonic()
        time.sleep(seconds)
        spent_s, took_s = proc.cpu_s(pids) - cpu_s, time.monotonic() - begin
        ours = 1  # the look before
        figures = {"queries_per_second": max(0, _count(connection) - before - ours) / took_s}
    return figures | ({"cpu_percent": 100 * spent_s / took_s} if pids else {})


def _count(connection: Connection) -> int:
    with translating_errors():
        (row,) = connection.execute(_TRANSACTIONS)
    return int(row[0])


def _weigh(name: str, started: Started, settle_s: float) -> dict[str, float]:
    """The memory of a worker and its processes once it is at rest, where that is known."""
    time.sleep(settle_s)
    return {name: proc.proportional_mb(proc.family(started.pid))} if proc.is_known() else {}


def _await_file(path: Path, started: Started) -> float:
    """The time when the first message was handled."""
    while not path.exists():
        started.check()
        time.sleep(_LOOK_S)
    return time.perf_counter()
