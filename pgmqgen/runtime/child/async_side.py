"""The async side of a child: handlers as tasks of one event loop, on a thread of its own.

It reads a socket of its own, so that neither side waits for the other. Only a process that has async
handlers imports it, and with it asyncio.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import threading
import time
from collections.abc import Callable
from socket import socket
from typing import Any

from pgmqgen.runtime import progress, wire
from pgmqgen.runtime.child.deadlines import Deadlines
from pgmqgen.runtime.child.failure import describe
from pgmqgen.runtime.child.resources import Resources
from pgmqgen.runtime.child.runner import Desk, Runner
from pgmqgen.runtime.hooks import Hooks
from pgmqgen.runtime.message import Controls, Message
from pgmqgen.runtime.outcome import Completed, Result, Settled, Vetoed

log = logging.getLogger("pgmqgen.child")

_LOOP_ENDED = 71
"""Exit status of a process whose event loop was ended by a handler: it can serve no more."""

_FLUSH_AFTER_S = 0.001


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
            asyncio.get_running_loop().call_later(_FLUSH_AFTER_S, self._flush)

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


def start_async_side(
    sock: socket,
    desks: list[Desk],
    record: progress.Progress,
    hooks: Hooks,
    resources: Resources,
    line: Controls,
) -> threading.Thread:
    """Serve the async handlers among `desks` on a thread of their own."""
    controls = AsyncControls(line)
    side = AsyncSide(sock, desks, Runner(record, hooks, resources, controls), controls)
    thread = threading.Thread(target=side.run, name="pgmqgen-async", daemon=True)
    thread.start()
    return thread


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
