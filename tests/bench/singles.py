"""Where the time of a single `send` goes: a typed producer, what is left of it, and bare pgmq.

Each contestant sends over a connection of its own, all of them in turn, message by message, so that a
slow minute is slow for all. Microseconds a message, as a table.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import cycle
from typing import Any

import psutil
import psycopg

from pgmqgen import Producer
from pgmqgen.bench.machine import describe_machine
from pgmqgen.bench.options import Options
from pgmqgen.bench.site import synthetic_queues
from pgmqgen.bench.subject import Subject
from pgmqgen.runtime.database import sql
from pgmqgen.stage.project import unwinding_once
from pgmqgen.stage.screen import Screen

_SIZES = (1000, 200)
_WARM_UP = 20
_BARE = b"SELECT pgmq.send(%s, %s::jsonb)"
_OWN_NAME = b"SELECT pid FROM pg_stat_activity WHERE application_name = %s"

Send = Callable[[Any], object]


class _Written:
    """A codec of what is JSON text already."""

    fingerprint = "0123456789abcdef"

    def encode(self, payload: bytes) -> bytes:
        return payload

    def decode(self, raw: bytes | str) -> Any:
        return raw


def open_contestants(
    subject: Subject, stack: ExitStack
) -> dict[str, tuple[Send, list[Any], psutil.Process]]:
    """By name: what sends, the values that it takes, and its process of the server."""
    contract, texts = subject.spec.contract, [text.decode() for text in subject.texts(1000)]
    typed = [contract.decode(text) for text in texts]
    statement = sql.on_tables(sql.SEND, subject.queue).encode()

    def producer(codec: Any, name: str) -> tuple[Send, psutil.Process]:
        class BenchProducer(Producer[Any]):
            pass

        BenchProducer.contract = contract
        made = stack.enter_context(BenchProducer(f"{subject.url}&application_name={name}"))
        made._queue._protocol._codec = codec
        made.send(typed[0] if codec is contract else texts[0].encode())
        with psycopg.connect(subject.url) as connection:
            (pid,) = connection.execute(_OWN_NAME, [name]).fetchall()[0]
        return made.send, psutil.Process(pid)

    def plain(command: bytes, *before: Any) -> tuple[Send, psutil.Process]:
        connection = stack.enter_context(psycopg.connect(subject.url, autocommit=True))

        def send(text: str) -> object:
            return connection.execute(command, [*before, text]).fetchone()

        return send, psutil.Process(connection.info.backend_pid)

    typed_send, typed_server = producer(contract, "typed")
    text_send, text_server = producer(_Written(), "text")
    bare_send, bare_server = plain(_BARE, subject.queue)
    own_send, own_server = plain(statement, None, 0.0)
    return {
        "bare `pgmq.send`": (bare_send, texts, bare_server),
        "producer": (typed_send, typed, typed_server),
        "producer, of text": (text_send, [text.encode() for text in texts], text_server),
        "its statement alone": (own_send, texts, own_server),
    }


def run(subject: Subject, count: int) -> Iterator[str]:
    """Rows of the table for one size."""
    took: dict[str, list[float]] = defaultdict(list)
    spent: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        contestants = open_contestants(subject, stack)
        values = {name: cycle(values) for name, (_, values, _) in contestants.items()}
        order = list(contestants)
        for number in range(_WARM_UP + count):
            if number == _WARM_UP:
                took.clear()
                spent.clear()
                before = {name: _cpu_s(server) for name, (*_, server) in contestants.items()}
            for name in order[number % 4 :] + order[: number % 4]:
                send, value = contestants[name][0], next(values[name])
                begin, cpu = time.perf_counter(), time.thread_time()
                send(value)
                took[name].append(time.perf_counter() - begin)
                spent[name].append(time.thread_time() - cpu)
        for name, (*_, server) in contestants.items():
            server_s = (_cpu_s(server) - before[name]) / count
            cells = statistics.mean(took[name]), statistics.mean(spent[name]), server_s
            yield f"| {subject.label}, {name} | {' | '.join(f'{1e6 * s:.0f}' for s in cells)} |"


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@unwinding_once()
def main() -> None:
    """Run the benchmark on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=4_000)
    given = parser.parse_args()
    options = Options(only=("send",), sizes=_SIZES)
    with synthetic_queues(options, None, Screen(), yes=False) as course:
        rows = [row for subject in course.subjects for row in run(subject, given.messages)]
        machine = describe_machine(course.subjects[0].url)
    print(f"{given.messages:,} messages each, {machine['cores']} cores, {machine['date']}:\n")
    print("| µs a message | in all | CPU of the client | CPU of the server |\n|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
