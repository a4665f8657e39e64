"""What somebody's old snapshot costs a worker, and a bare loop of pgmq.read and pgmq.delete.

Messages leased and acknowledged a second of the server's CPU time, in quarters of a run, with and without a
REPEATABLE READ transaction that stays open. Nothing is vacuumed during a run. Medians of interleaved rounds, as a table.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import psutil
import psycopg

from pgmqgen.bench.machine import describe_machine
from pgmqgen.bench.options import Options
from pgmqgen.bench.processes import BARE_LOOP, WORKER, Started, make_task, running
from pgmqgen.bench.site import synthetic_queues
from pgmqgen.bench.subject import Subject
from pgmqgen.runtime.database.sql import table
from pgmqgen.stage.project import unwinding_once
from pgmqgen.stage.screen import Screen
from tests.scale import accounting

_QUARTERS = ("first", "second", "third", "last quarter")
_SIZE = 200
_LOOK_S = 0.05
_SEND = """
INSERT INTO {queue} (vt, message) SELECT clock_timestamp(), %s::jsonb FROM generate_series(1, %s)
"""
# Nothing of this quarter is due before it began: a look from there walks over no older dead rows.
_LEFT = "SELECT 1 FROM {queue} WHERE vt >= %s LIMIT 1"


@dataclass(frozen=True, slots=True)
class Site:
    """The queue, and a connection that fills it; its own CPU time is not counted."""

    subject: Subject
    connection: psycopg.Connection

    def empty(self) -> None:
        """Leave no row in the queue, dead or alive, and let nothing vacuum it."""
        self.subject.fill(0)
        self.execute("ALTER TABLE {queue} SET (autovacuum_enabled = false)")

    def send(self, count: int) -> None:
        """Send so many messages at once."""
        self.execute(_SEND, self.subject.payloads[0].decode(), count)

    def wait_until_drained(self, began: object, worker: Started) -> None:
        """Wait until nothing is left of what is due since `began`."""
        while self.execute(_LEFT, began).fetchone():
            worker.check()
            time.sleep(_LOOK_S)

    def cpu_s(self) -> float:
        """Seconds of CPU time that the server has taken so far."""
        backend = self.connection.info.backend_pid
        return accounting.take_server(psutil.Process(backend).ppid(), backend)

    def execute(self, statement: str, *parameters: object) -> psycopg.Cursor:
        text = statement.format(queue=table("q", self.subject.queue))
        return self.connection.execute(text.encode(), parameters)


def drain_by_worker(site: Site, count: int) -> Iterator[float]:
    """Messages a second of CPU time, in each quarter of `count` that one worker takes."""
    with running(WORKER, make_task(site.subject)) as worker:
        for _ in _QUARTERS:
            yield _measure(site, count // len(_QUARTERS), worker)


def drain_by_loop(site: Site, count: int) -> Iterator[float]:
    """The same, by a bare loop for each quarter, as one ends when the queue is empty."""
    for _ in _QUARTERS:
        with running(BARE_LOOP, make_task(site.subject)) as loop:
            yield _measure(site, count // len(_QUARTERS), loop, loop.go)


def _measure(
    site: Site, count: int, worker: Started, go: Callable[[], None] = lambda: None
) -> float:
    (began,) = site.execute("SELECT clock_timestamp()").fetchone() or (None,)
    before = site.cpu_s()
    site.send(count)
    go()
    site.wait_until_drained(began, worker)
    return count / (site.cpu_s() - before)


@contextmanager
def snapshot(url: str) -> Iterator[None]:
    """Somebody's transaction, which has read something and stays open during the block."""
    with psycopg.connect(url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")
        yield


_CONTESTANTS = {"worker": drain_by_worker, "bare loop": drain_by_loop}
Rates = dict[tuple[str, str], list[list[float]]]
"""Of each contestant, and of `none` or `one` open: the quarters of each round."""


def run(site: Site, count: int, rounds: int, screen: Screen) -> Rates:
    """Let all run in turn, in every other round in reverse."""
    rates: Rates = defaultdict(list)
    cases = [(name, state) for state in ("none", "one") for name in _CONTESTANTS]
    for number in range(rounds):
        with screen.step(f"round {number + 1}") as step:
            for name, state in cases if number % 2 == 0 else reversed(cases):
                site.empty()
                with snapshot(site.subject.url) if state == "one" else nullcontext():
                    rates[name, state].append(list(_CONTESTANTS[name](site, count)))
            step.outcome = f"round {number + 1} of {rounds}"
    return {case: rates[case] for case in cases}


def show(rates: Rates) -> Iterator[str]:
    """The lines of the table."""
    yield f"| | {' | '.join(_QUARTERS)} |"
    yield "|---|" + "---|" * len(_QUARTERS)
    for (name, state), found in rates.items():
        cells = [
            f"{statistics.median(each):,.0f} ({min(each):,.0f} to {max(each):,.0f})"
            for each in zip(*found, strict=True)
        ]
        yield f"| {name}, {state} open | {' | '.join(cells)} |"


@unwinding_once()
def main() -> None:
    """Run the benchmark on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    screen, options = Screen(), Options(only=("drain",), sizes=(_SIZE,))
    with synthetic_queues(options, None, screen, yes=False) as course:
        (subject,) = course.subjects
        with psycopg.connect(subject.url, autocommit=True) as connection:
            connection.execute("SET enable_seqscan = off")
            rates = run(Site(subject, connection), given.messages, given.rounds, screen)
        machine = describe_machine(subject.url)
    print(
        f"{given.messages:,} messages of {_SIZE} B, {given.rounds} rounds, {machine['cores']} cores, "
        f"PostgreSQL {machine['postgresql']}, {machine['date']}:\n"
    )
    print("\n".join(show(rates)))


if __name__ == "__main__":
    main()
