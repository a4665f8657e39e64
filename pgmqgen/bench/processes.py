"""Starts the processes that are measured, and tells what becomes of them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from pgmqgen.bench.subject import Subject
from pgmqgen.bench.task import GO, READY, Task
from pgmqgen.errors import PgmqgenError

WORKER = "pgmqgen.bench.worker"
BARE_LOOP = "pgmqgen.bench.bare"

_END_S = 30.0


class Started:
    """A process that does a task."""

    def __init__(self, module: str, task: Task) -> None:
        self._name = module.rpartition(".")[2]
        # A session of its own: Ctrl-C reaches this process alone, which then ends the others.
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=task.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def await_ready(self) -> None:
        """Return when it is ready. Raises PgmqgenError if it ends instead."""
        if self._pipe(self._process.stdout).readline() != READY:
            self._process.wait()
            raise self._ended()

    def go(self) -> None:
        """Let it begin."""
        pipe = self._pipe(self._process.stdin)
        pipe.write(GO)
        pipe.flush()

    def check(self) -> None:
        """Raise PgmqgenError if it has failed."""
        if self._process.poll():
            raise self._ended()

    def end(self) -> None:
        """Let it finish; kill it if it does not."""
        self._pipe(self._process.stdin).close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipe(self._process.stdout).close()

    def _ended(self) -> PgmqgenError:
        code = self._process.returncode
        return PgmqgenError(f"the measured `{self._name}` ended by itself with status {code}")

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


@contextmanager
def running(module: str, task: Task) -> Iterator[Started]:
    """A process that is ready; it has ended when the block is left."""
    started = Started(module, task)
    try:
        started.await_ready()
        yield started
    finally:
        started.end()


def make_task(
    subject: Subject, processes: int = 1, *, handler: str = "ignore", ledger: str = ""
) -> Task:
    """The task to serve the one queue of a subject."""
    return Task(
        url=subject.url,
        registry=subject.registry,
        queues=(subject.queue,),
        processes=processes,
        handler=handler,
        ledger=ledger,
    )


def drain_by_worker(subject: Subject, processes: int, handler: str = "ignore") -> float:
    """Seconds in which a worker drains the queue, from ready to empty."""
    with running(WORKER, make_task(subject, processes, handler=handler)) as started:
        begin = time.perf_counter()
        return subject.wait_until_drained(started.check) - begin


def drain_by_loop(subject: Subject, processes: int) -> float:
    """The same, by so many processes that each run the bare loop."""
    with ExitStack() as stack:
        task = make_task(subject)
        loops = [stack.enter_context(running(BARE_LOOP, task)) for _ in range(processes)]

        def check() -> None:
            for loop in loops:
                loop.check()

        begin = time.perf_counter()
        for loop in loops:
            loop.go()
        return subject.wait_until_drained(check) - begin
