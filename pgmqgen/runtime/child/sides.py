"""The two sides of a child: sync handlers on the main thread, async ones on an event loop.

Each reads its own socket, so neither waits for the other, and reports results in frames.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import select
import time
from collections.abc import Callable
from socket import socket
from typing import Any

from pgmqgen.runtime import progress, wire
from pgmqgen.runtime.child.deadlines import Deadlines
from pgmqgen.runtime.child.failure import describe
from pgmqgen.runtime.child.runner import Desk, Runner
from pgmqgen.runtime.message import Controls, Message
from pgmqgen.runtime.outcome import Completed, Result, Settled, TimeLimitExceeded, Vetoed

log = logging.getLogger("pgmqgen.child")

_LOOP_ENDED = 71
"""Exit status of a process whose event loop was ended by a handler: it can serve no more."""

_LATEST_S = 0.025
"""A result waits at most this long for others to join its frame, unless a handler blocks."""
_SOON_S = 0.005
"""After this long it does not wait if there is only one more job."""
_MANY = 10
"""So many results do not wait for another chunk."""
_COLD_S = 0.001
"""After a handler that took so long, the next messages are decoded together."""
_ASYNC_FLUSH_AFTER_S = 0.001


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
            if returned is not None and inspect.isawaitable(returned):
                error = TypeError("a sync handler returned an awaitable: define it by `async def`")
        except BaseException as raised:  # SystemExit too ends the handler, not the process
            error = raised
        finally:
            self._ticket = 0
        if self.was_interrupted and error is not None:
            return self._runner.time_out(message, desk.timeout_s, describe(error).traceback)
        return self._runner.close(message, context, error)

    def _report(self, others: list[tuple[Any, ...]], now: float) -> None:
        if self._completed or others:
            seconds = now - self._since
            frame = (wire.DONE, self._desk.number, self._completed, others, seconds)
            self._sock.sendall(wire.pack_frame(frame))
        self._completed, self._since = [], now


class AsyncControls:
    """Controls that also move the time limit of the running task."""

    def __init__(self, line: Controls) -> None:
        self.delete = line.delete
        self.archive = line.archive
        self._line = line
        self.deadlines = Deadlines()

    def set_timeout(self, ticket: int, seconds: float) -> bool:
        applied = self._line.set_timeout(ticket, seconds)
        if applied:  # the handler may call from a thread, as this blocks
            self.deadlines.move_from_thread(ticket, seconds)
        return applied


class AsyncSide:
    """Runs async handlers as tasks of one event loop, on a thread of its own."""

    def __init__(
        self, sock: socket, desks: list[Desk], runner: Runner, controls: AsyncControls
    ) -> None:
        self._sock = sock
        self._desks = desks
        self._runner = runner
        self._deadlines = controls.deadlines
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by ticket: the loop holds them weakly
        self._completed: dict[int, list[int]] = {}
        self._others: dict[int, list[tuple[Any, ...]]] = {}
        self._flush_due = False

    def run(self) -> None:
        """Serve until told to stop. The thread's main function."""
        try:
            with asyncio.Runner(loop_factory=_find_loop()) as runner:
                runner.run(self._serve())
        except BaseException:
            log.exception("the event loop ended")
            os._exit(_LOOP_ENDED)

    async def _serve(self) -> None:
        loop = self._deadlines.loop = asyncio.get_running_loop()
        self._sock.setblocking(False)
        buffer = wire.FrameBuffer()
        while True:
            data = await loop.sock_recv(self._sock, wire.RECEIVE_SIZE)
            for frame in buffer.feed(data or wire.end_orphaned()):
                match frame:
                    case (wire.STOP,):
                        return
                    case (wire.LOST, ticket):
                        self._cancel(ticket)
                    case (_, number, jobs):
                        for job in jobs:
                            task = loop.create_task(self._run_job(self._desks[number], job))
                            self._tasks[job[0]] = task

    def _cancel(self, ticket: int) -> None:
        """Cancel a handler; what has not begun is refused when it does."""
        if ticket in self._deadlines:
            self._deadlines.cancel(ticket, "the lease is lost")

    async def _run_job(self, desk: Desk, job: wire.Job) -> None:
        result: Message[Any] | Result = Vetoed(0.0)
        if self._runner.start(job, time.monotonic()):
            loaded: wire.Job | Result = job
            if job[3][6] is None:  # other handlers go on meanwhile
                loaded = await asyncio.to_thread(self._runner.load, desk, job)
            result = self._runner.open(desk, loaded) if isinstance(loaded, tuple) else loaded
        if isinstance(result, Message):
            result = await self._handle(desk, job, result)
        if isinstance(result, Completed):
            self._completed.setdefault(desk.number, []).append(job[0])
            self._runner.record.states[job[1]] = progress.DONE
        else:
            packed = wire.pack_result(job[0], result)
            self._others.setdefault(desk.number, []).append(packed)
        self._tasks.pop(job[0], None)
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_later(_ASYNC_FLUSH_AFTER_S, self._flush)

    async def _handle(self, desk: Desk, job: wire.Job, message: Message[Any]) -> Result:
        ticket, context = job[0], self._runner.context(desk, job, message)
        error: BaseException | None = None
        self._deadlines.begin(ticket, self._tasks[ticket], desk.timeout_s)
        try:
            await desk.handler(message, context)
        except BaseException as raised:  # cancellation by the handler itself included
            error = raised
        is_late = self._deadlines.end(ticket)
        if context.lease_lost:
            log.warning("%r: its lease was lost, and its handler cancelled", message)
            return Settled()
        if is_late and isinstance(error, asyncio.CancelledError):
            return self._runner.time_out(message, desk.timeout_s, describe(error).traceback)
        return self._runner.close(message, context, error)

    def _flush(self) -> None:
        self._flush_due = False
        for number in self._completed.keys() | self._others.keys():
            completed = self._completed.pop(number, [])
            others = self._others.pop(number, [])
            frame = wire.pack_frame((wire.DONE, number, completed, others, 0.0))
            _send_now(self._sock, frame)


def _find_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes an event loop of uvloop, if that is installed; None stands for asyncio's own."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop


def _send_now(sock: socket, data: bytes) -> None:
    """Send on a non-blocking socket, waiting while the parent is slow to read."""
    view, poll = memoryview(data), select.poll()
    poll.register(sock, select.POLLOUT)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            poll.poll()
