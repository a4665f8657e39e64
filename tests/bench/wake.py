"""Where the time goes from `send` to the start of the handler, on a queue with `notify`.

Milliseconds from the call of `send`, p50 and p99: until it returns, as PostgreSQL has committed; until the
notification reaches somebody else who listens; until the worker's listener wakes a lane, the lane asks for
messages and has leased one; until the handler starts.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from bisect import bisect
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

import psycopg

from pgmqgen.bench.machine import describe_machine
from pgmqgen.bench.measures.sending import make_producer, typed
from pgmqgen.bench.options import Options
from pgmqgen.bench.processes import make_task, running
from pgmqgen.bench.site import synthetic_queues
from pgmqgen.bench.subject import Subject
from pgmqgen.runtime.database import sql
from pgmqgen.stage.project import unwinding_once
from pgmqgen.stage.screen import Screen

_WORKER = "tests.bench.woken"
_RATE = 20
_WARM_UP = 20
_PATIENCE_S = 30.0

Moments = list[dict[str, int]]
"""Of each message: nanoseconds of the system's clock, by what happened then."""


class Listener(threading.Thread):
    """Notes when each of so many notifications comes."""

    def __init__(self, url: str, count: int) -> None:
        super().__init__(daemon=True)
        self._count = count
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute(sql.LISTEN)
        self.heard: list[int] = []

    def run(self) -> None:
        with self._connection as connection:
            patience_s = self._count / _RATE + _PATIENCE_S
            for _ in connection.notifies(timeout=patience_s, stop_after=self._count):
                self.heard.append(time.time_ns())


def measure(subject: Subject, count: int) -> Moments:
    """Send messages at leisure, to a worker with 2 processes."""
    subject.fill(0)
    moments: dict[int, dict[str, int]] = {}
    with tempfile.TemporaryDirectory(prefix="pgmqgen-") as folder:
        ledger = Path(folder) / "ledger"
        task = make_task(subject, 2, handler="note", ledger=str(ledger))
        with running(_WORKER, task) as started, make_producer(subject) as producer:
            listener = Listener(subject.url, _WARM_UP + count)
            listener.start()
            payloads = cycle(typed(subject))
            for _ in range(_WARM_UP + count):
                time.sleep(1 / _RATE)
                called = time.time_ns()
                id_ = producer.send(next(payloads))
                moments[id_] = {"called": called, "committed": time.time_ns()}
            listener.join()
            subject.wait_until_drained(started.check)
        for line in ledger.read_text().splitlines():
            id_, began = map(int, line.split())
            moments[id_]["began"] = began
        add_stamps(moments.values(), Path(f"{ledger}.stamps"))
    assert len(listener.heard) == len(moments), "not each message has notified once"
    for moment, heard in zip(moments.values(), listener.heard, strict=True):
        moment["notified"] = heard
    return list(moments.values())[_WARM_UP:]


def add_stamps(moments: Iterable[dict[str, int]], stamps: Path) -> None:
    """Give each moment the worker's stamps that led to the start of its handler, from the last one back."""
    lines = [line.split() for line in stamps.read_text().splitlines()]
    for what, then in (("leased", "began"), ("asked", "leased"), ("heard", "asked")):
        times = sorted(int(at) for name, at in lines if name == what)
        for moment in moments:
            moment[what] = times[bisect(times, moment[then]) - 1]
    assert all(moment["called"] < moment["heard"] for moment in moments), "one began unheard"


@unwinding_once()
def main() -> None:
    """Run the benchmark on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=600)
    given = parser.parse_args()
    options = Options(only=("latency",), sizes=(1000,))
    with synthetic_queues(options, None, Screen(), yes=False) as course:
        assert course.notifying is not None
        moments = measure(course.notifying, given.messages)
        machine = describe_machine(course.notifying.url)
    print(f"{given.messages:,} messages, {machine['cores']} cores, {machine['date']}:\n")
    print("| ms from the call of `send` | p50 | p99 |\n|---|---|---|")
    for what in ("committed", "notified", "heard", "asked", "leased", "began"):
        waits = sorted((moment[what] - moment["called"]) / 1e6 for moment in moments)
        print(f"| {what} | {waits[len(waits) // 2]:.1f} | {waits[len(waits) * 99 // 100]:.1f} |")


if __name__ == "__main__":
    main()
