"""The sync side of a child: handlers one after the other, on the main thread."""

from __future__ import annotations

import inspect
import time
from socket import socket
from typing import Any

from pgmqgen.runtime import progress, wire
from pgmqgen.runtime.child.failure import describe
from pgmqgen.runtime.child.runner import Desk, Runner
from pgmqgen.runtime.message import Message
from pgmqgen.runtime.outcome import Completed, Result, TimeLimitExceeded, Vetoed

_LATEST_S = 0.025
"""A result waits at most this long for others to join its frame, unless a handler blocks."""
_SOON_S = 0.005
"""After this long it does not wait if there is only one more job."""
_MANY = 10
"""So many results do not wait for another chunk."""
_LEFT_OPEN = "the handler left a transaction open on `context.connection`; it was rolled back"
_COLD_S = 0.001
"""After a handler that took so long, the next messages are decoded together."""


class SyncSide:
    """Runs sync handlers one after the other on the main thread."""

    def __init__(
        self, sock: socket, frames: wire.FrameReader, desks: list[Desk], runner: Runner
    ) -> None:
        self._sock = sock
        self._frames = frames
        self._desks = desks
        self._runner = runner
        self._ticket = 0  # of the handler that runs
        self.was_interrupted = False
        self._desk = desks[0]  # of what is completed, and not reported yet
        self._completed: list[int] = []
        self._since = 0.0
        self._is_cold = False

    def run(self) -> None:
        """Serve until told to stop, a handler was interrupted, or the parent is gone."""
        while not self.was_interrupted and (frame := self._frames.read())[0] != wire.STOP:
            self._run_chunk(self._desks[frame[1]], frame[2])

    def interrupt(self, *_: object) -> None:
        """A handler of SIGTERM: end the handler that is past its time limit, if it still runs."""
        if self._ticket and self._ticket == self._runner.record.doomed[0]:
            self.was_interrupted = True
            raise TimeLimitExceeded

    def _run_chunk(self, desk: Desk, jobs: list[wire.Job]) -> None:
        states, runner = self._runner.record.states, self._runner
        if desk is not self._desk:
            self._report([], time.monotonic())
            self._desk = desk
        now = time.monotonic()
        if not self._completed:
            self._since = now
        for left, job in zip(range(len(jobs) - 1, -1, -1), jobs, strict=True):
            if self._is_cold:
                runner.decode_ahead(desk, jobs[-1 - left :])
                now = time.monotonic()
            began = now
            result = self._run_job(desk, job) if runner.start(job, now) else Vetoed(0.0)
            now = time.monotonic()
            self._is_cold = now - began > _COLD_S
            if isinstance(result, Completed):
                self._completed.append(job[0])
                states[job[1]] = progress.DONE
                if self._is_to_report(left, now - self._since):
                    self._report([], now)
            else:
                self._report([wire.pack_result(job[0], result)], now)
            if self.was_interrupted:  # what it has left half done may trouble the next one
                self._report([], now)
                return

    def _is_to_report(self, left: int, elapsed_s: float) -> bool:
        """Whether the parent should hear now of what is completed; left: jobs of the chunk.

        Each time it wakes, which takes the processor from a handler. It must in time to send more.
        """
        if elapsed_s > _LATEST_S:
            return True
        if left == 0 and len(self._completed) >= _MANY:
            return True
        may = left == 0 or (left == 1 and elapsed_s > _SOON_S)
        return may and left + self._frames.waiting() < 2

    def _run_job(self, desk: Desk, job: wire.Job) -> Result:
        loaded = job if job[3][6] is not None else self._runner.load(desk, job)
        message = self._runner.open(desk, loaded) if isinstance(loaded, tuple) else loaded
        if not isinstance(message, Message):
            return message
        context = self._runner.context(desk, job, message)
        error: BaseException | None = None
        try:
            self._ticket = job[0]
            returned = desk.handler(message, context)
            if returned is not None and (flaw := _find_flaw(returned)):
                error = TypeError(f"a sync handler returned {flaw}")
        except BaseException as raised:  # SystemExit too ends the handler, not the process
            error = raised
        finally:
            self._ticket = 0
        if self.was_interrupted and error is not None:
            self._runner.cancel()
            return self._runner.time_out(message, desk.timeout_s, describe(error).traceback)
        if context.is_connected and self._runner.roll_back():
            error = error or RuntimeError(_LEFT_OPEN)
        return self._runner.close(message, context, error)

    def _report(self, others: list[tuple[Any, ...]], now: float) -> None:
        if self._completed or others:
            seconds = now - self._since
            frame = (wire.DONE, self._desk.number, self._completed, others, seconds)
            self._sock.sendall(wire.pack_frame(frame))
        self._completed, self._since = [], now


def _find_flaw(returned: object) -> str | None:
    """What a handler returned instead of doing its work; None if it is done."""
    if inspect.isawaitable(returned):
        return "an awaitable: define it by `async def`"
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        return "a generator, which nobody runs: it must not `yield`"
    return None
