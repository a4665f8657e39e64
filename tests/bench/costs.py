"""Where the CPU time of a message goes: server, parent and children, next to a bare loop's.

Queues of both sizes are drained by a worker with two processes and by two bare loops of pgmq.read and
pgmq.delete, in turn. Microseconds of CPU a message, medians of the rounds, as a table.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import psycopg

from pgmqgen.bench.machine import describe_machine
from pgmqgen.bench.options import Options
from pgmqgen.bench.processes import BARE_LOOP, WORKER, make_task, running
from pgmqgen.bench.site import synthetic_queues
from pgmqgen.bench.subject import Subject
from pgmqgen.runtime.database.sql import table
from pgmqgen.stage.project import unwinding_once
from pgmqgen.stage.screen import Screen
from tests.scale import accounting

_SIZES = (1000, 200)
_PROCESSES = 2
_LOOK_S = 0.02
_PARTS = ("server", "parent, or the loops", "children")

Costs = dict[tuple[str, str], list[dict[str, float]]]
"""Of each size and contestant: the seconds of CPU of each round, by part."""


def drain_by_worker(connection: psycopg.Connection, subject: Subject) -> dict[str, float]:
    """Seconds of CPU by part, from ready until the queue is empty."""
    with running(WORKER, make_task(subject, _PROCESSES)) as worker:
        return _spent(connection, subject, [worker.pid])


def drain_by_loops(connection: psycopg.Connection, subject: Subject) -> dict[str, float]:
    """The same, by as many bare loops."""
    with ExitStack() as stack:
        task = make_task(subject)
        loops = [stack.enter_context(running(BARE_LOOP, task)) for _ in range(_PROCESSES)]
        for loop in loops:
            loop.go()
        return _spent(connection, subject, [loop.pid for loop in loops])


def _spent(connection: psycopg.Connection, subject: Subject, pids: list[int]) -> dict[str, float]:
    left = f"SELECT 1 FROM {table('q', subject.queue)} ORDER BY msg_id DESC LIMIT 1".encode()
    before = _taken(connection, pids)
    while connection.execute(left).fetchone():
        time.sleep(_LOOK_S)
    after = _taken(connection, pids)
    return {part: after[part] - before[part] for part in _PARTS}


def _taken(connection: psycopg.Connection, pids: list[int]) -> dict[str, float]:
    """Seconds of CPU so far, also of processes of the server that have ended."""
    backend = connection.info.backend_pid
    postmaster = psutil.Process(backend).ppid()
    clients = accounting.take(postmaster, backend, pids, [])
    server = accounting.take_server(postmaster, backend)
    return dict(zip(_PARTS, (server, clients["parent"], clients["child"]), strict=True))


_CONTESTANTS = {"worker": drain_by_worker, "bare loop": drain_by_loops}


def run(url: str, subjects: list[Subject], count: int, rounds: int, screen: Screen) -> Costs:
    """Let all run in turn, in every other round in reverse."""
    costs: Costs = defaultdict(list)
    cases = [(subject, name) for subject in subjects for name in _CONTESTANTS]
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(rounds):
            with screen.step(f"round {number + 1}") as step:
                for subject, name in cases if number % 2 == 0 else reversed(cases):
                    subject.fill(count)
                    spent = _CONTESTANTS[name](connection, subject)
                    costs[subject.label, name].append(spent)
                step.outcome = f"round {number + 1} of {rounds}"
    return costs


def show(costs: Costs, count: int) -> Iterator[str]:
    """The lines of the table."""
    yield f"| | {' | '.join(_PARTS)} | in all |"
    yield "|---|" + "---|" * (len(_PARTS) + 1)
    for (label, name), rounds in costs.items():
        cells = [statistics.median(spent[part] for spent in rounds) for part in _PARTS]
        texts = [f"{seconds / count * 1e6:.1f}" if seconds else "-" for seconds in cells]
        yield f"| {label}, {name} | {' | '.join(texts)} | {sum(cells) / count * 1e6:.1f} |"


@unwinding_once()
def main() -> None:
    """Run the benchmark on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    screen, options = Screen(), Options(only=("drain",), sizes=_SIZES)
    with synthetic_queues(options, None, screen, yes=False) as course:
        subjects = list(course.subjects)
        costs = run(subjects[0].url, subjects, given.messages, given.rounds, screen)
        machine = describe_machine(subjects[0].url)
    print(
        f"{given.messages:,} messages, {given.rounds} rounds, {machine['cores']} cores, "
        f"PostgreSQL {machine['postgresql']}, {machine['date']}:\n"
    )
    print("\n".join(show(costs, given.messages)))


if __name__ == "__main__":
    main()
