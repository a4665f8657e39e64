"""A slot: one child process, the sockets to it, and what it holds.

A slot knows processes and frames; what the results mean is its lane's business.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from selectors import BaseSelector
from socket import socket, socketpair
from typing import Any

from pgmqgen.runtime import progress, wire
from pgmqgen.runtime.parent.channel import Channel
from pgmqgen.runtime.parent.delivery import Delivery

_SETTLING = (progress.SETTLING, progress.SETTLED)
_BEGUN = (progress.RUNNING, *_SETTLING)
_GRACE_S = 1.0
"""How long a sync handler may take to end after its time limit, before its process is killed."""
_DUMP_S = 0.05
_STACK_LENGTH = 8000
_SETTLE_MEMORY_S = 0.002
"""How long the parent waits, after a recall, for the child's last notes to reach memory."""


@dataclass(frozen=True, slots=True)
class Remains:
    """What a dead slot held: `finished` only lacked a report, `running` was begun, `waiting` not.

    settled: nothing is to be done with it, as its handler settled it or its lease is lost
    """

    settled: list[Delivery] = field(default_factory=list)
    finished: list[Delivery] = field(default_factory=list)
    running: list[Delivery] = field(default_factory=list)
    waiting: list[Delivery] = field(default_factory=list)


class Slot:
    """One child process and its two channels.

    state: `starting`, `ready`, `broken` (could not load its handlers; see `complaint`) or `dead`
    kinds: whether the handler of each queue is async, once it is ready
    condemned: the ticket whose time limit ends the process, or None
    stack: where it hung at that, or None
    blocked: the running handler takes so long that others had better not wait behind it
    reserved: set aside for a delivery that must run alone
    retiring: another process has its place; it ends when what it runs has ended
    """

    def __init__(
        self,
        options: dict[str, Any],
        selector: BaseSelector,
        on_done: Callable[[Slot, Channel, wire.Frame], None],
        on_control: Callable[[Slot, wire.Frame], None],
        generation: int = 0,
    ) -> None:
        self.state = "starting"
        self.kinds: list[bool] = []
        self.complaint: tuple[str, str | None] = ("", None)
        self.condemned: int | None = None
        self.stack: str | None = None
        self._condemned_at = math.inf
        self._dumped_at = math.inf
        self.blocked = False
        self.reserved = False
        self.retiring = False
        self._is_told = False
        self.generation = generation
        self.started_at = time.monotonic()
        self.completed = 0
        self._on_done = on_done
        self._next_ticket = 1
        self._recalled: dict[int, int] = {}
        self._free = list(range(progress.CAPACITY))
        with ExitStack() as undo:  # a lack of descriptors or processes may end it half-way
            pairs = [socketpair() for _ in range(4)]
            for sock in chain.from_iterable(pairs):
                undo.callback(sock.close)
            self._record = progress.Progress.create()
            undo.callback(self._record.close)
            self._stacks = progress.anonymous_file("pgmqgen-stacks")
            undo.callback(os.close, self._stacks)
            files = [self._record.fd, self._stacks]
            self._process = _start_process([pair[1] for pair in pairs], files)
            undo.pop_all()
        self.sync = Channel(pairs[0][0], selector, lambda frame: self._receive(self.sync, frame))
        self.asynchronous = Channel(
            pairs[1][0], selector, lambda frame: self._receive(self.asynchronous, frame)
        )
        self.control = Channel(pairs[2][0], selector, lambda frame: on_control(self, frame))
        self._lifeline = pairs[3][0]
        self.sync.send((wire.START, options))

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._process.pid

    @property
    def takes_work(self) -> bool:
        """Whether the child is there to handle messages."""
        return self.state == "ready" and self.condemned is None and not self.retiring

    @property
    def room(self) -> int:
        """How many more deliveries the progress record has entries for."""
        return len(self._free)

    def holds(self) -> int:
        """How many deliveries the child has."""
        return len(self.sync.held) + len(self.asynchronous.held)

    def deliveries(self) -> Iterator[Delivery]:
        """What the child holds, but for messages that their handlers settle themselves."""
        for channel in (self.sync, self.asynchronous):
            for delivery in channel.held.values():
                if self._record.states[delivery.index] not in _SETTLING:
                    yield delivery

    def is_async(self, number: int) -> bool:
        """Whether the child's handler of a queue is async."""
        return self.kinds[number]

    def dispatch(self, number: int, deliveries: Sequence[Delivery]) -> None:
        """Send deliveries of one queue to the child."""
        channel = self.asynchronous if self.is_async(number) else self.sync
        states, losses, held = self._record.states, self._record.losses, channel.held
        jobs: list[wire.Job] = []
        for ticket, delivery in enumerate(deliveries, self._next_ticket):
            index = self._free.pop()
            states[index] = progress.WAITING
            losses[index] = 0
            delivery.ticket, delivery.index, delivery.limit_at = ticket, index, 0.0
            held[ticket] = delivery
            assert delivery.row is not None
            jobs.append((ticket, index, delivery.account.attempt, delivery.row))
        channel.load_s += sum([delivery.cost_s for delivery in deliveries])
        self._next_ticket += len(deliveries)
        channel.send((wire.RUN, number, jobs))

    def take(self, channel: Channel, tickets: Sequence[int]) -> list[Delivery]:
        """Take back deliveries that the child has reported, as far as they are held."""
        taken = channel.release(tickets)
        self._free += [delivery.index for delivery in taken]
        if len(taken) < len(tickets):
            recalled = self._recalled
            self._free += [recalled.pop(ticket) for ticket in tickets if ticket in recalled]
        self.completed += len(taken)
        return taken

    def find(self, ticket: int) -> Delivery | None:
        """The delivery that the child holds under `ticket`."""
        return self.sync.held.get(ticket) or self.asynchronous.held.get(ticket)

    def lose(self, delivery: Delivery) -> bool:
        """Tell the child that the lease of what it holds is lost; False if it settles that itself."""
        if self._record.states[delivery.index] in _SETTLING:
            return False
        self._record.losses[delivery.index] = 1
        if delivery.ticket in self.asynchronous.held:
            self.asynchronous.send((wire.LOST, delivery.ticket))
        return True

    def running(self, channel: Channel) -> list[tuple[Delivery, float]]:
        """Deliveries that have begun, each with the monotonic time when it did."""
        record = self._record
        return [
            (delivery, record.starts[delivery.index])
            for delivery in channel.held.values()
            if record.states[delivery.index] in _BEGUN
        ]

    def harvest(self) -> list[Delivery]:
        """Take what the child has finished but, busy with the next, not yet reported."""
        states = self._record.states
        held = self.sync.held.values()
        return self.take(self.sync, [d.ticket for d in held if states[d.index] == progress.DONE])

    def recall(self) -> list[Delivery]:
        """Take back every delivery that has not begun; the child will not begin it."""
        if self._record.recall[0] != self._next_ticket:
            self._record.recall[0] = self._next_ticket
            time.sleep(_SETTLE_MEMORY_S)
        states = self._record.states
        taken = []
        for channel in (self.sync, self.asynchronous):
            waiting = [d for d in channel.held.values() if states[d.index] == progress.WAITING]
            taken += channel.release([delivery.ticket for delivery in waiting])
            # The child still writes to their entries: they are free once it has refused them.
            self._recalled.update((delivery.ticket, delivery.index) for delivery in waiting)
        return taken

    def condemn(self, ticket: int, now: float, *, is_async: bool = False) -> None:
        """End the process, as a handler is past its time limit: ask that handler first.

        An async handler has been asked by its loop, which does not answer.
        """
        if self.condemned is None:
            self.condemned = ticket
            self._condemned_at = now - _GRACE_S if is_async else now
            self._record.doomed[0] = ticket
            self._process.terminate()

    def execute(self, now: float) -> None:
        """Kill a process that was condemned and does not end, once it has said where it hangs."""
        if now - self._condemned_at >= _GRACE_S and self._dumped_at == math.inf:
            self._dumped_at = now
            self._process.send_signal(wire.DUMP_SIGNAL)
        elif now - self._dumped_at >= _DUMP_S:
            self.kill()

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()

    def has_died(self) -> bool:
        """Whether the process has ended."""
        return self.sync.closed or self._process.poll() is not None

    def bury(self) -> Remains:
        """Reap a dead process, read its last reports, and sort what it held."""
        self._process.kill()
        self._process.wait()
        remains = Remains()
        for channel in (self.sync, self.asynchronous, self.control):
            channel.read()
            channel.close()
            for delivery in channel.held.values():
                state = self._record.states[delivery.index]
                if state == progress.SETTLED or delivery.lost:
                    remains.settled.append(delivery)
                elif state == progress.DONE:
                    remains.finished.append(delivery)
                elif state in _BEGUN:
                    remains.running.append(delivery)
                else:
                    remains.waiting.append(delivery)
            channel.held.clear()
        self.state = "broken" if self.state == "broken" else "dead"
        self.stack = os.pread(self._stacks, _STACK_LENGTH, 0).decode(errors="replace") or None
        os.close(self._stacks)
        self._record.close()
        self._lifeline.close()
        return remains

    def epitaph(self) -> str:
        """How the process ended, in words."""
        code = self._process.returncode
        if code is not None and code < 0:
            return f"the process was ended by {signal.Signals(-code).name}"
        return f"the process exited with status {code}"

    def tell_to_stop(self) -> None:
        """Ask an idle child to end; one that has not even loaded its handlers is killed."""
        if self._is_told:
            return
        self._is_told = True
        if self.state == "starting":
            self._process.kill()
        for channel in (self.asynchronous, self.sync):
            channel.send((wire.STOP,))

    def stop(self, patience_s: float) -> None:
        """Reap a child that was told to stop, and kill it if that takes longer."""
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self.bury()

    def _receive(self, channel: Channel, frame: wire.Frame) -> None:
        match frame:
            case (wire.READY, kinds):
                self.kinds = kinds
                self.state = "ready"
            case (wire.BROKEN, message, hint):
                self.complaint = (message, hint)
                self.state = "broken"
            case _:
                self._on_done(self, channel, frame)


def _start_process(socks: Sequence[socket], files: Sequence[int]) -> subprocess.Popen[bytes]:
    fds = [*(sock.fileno() for sock in socks), *files]
    command = [sys.executable, "-m", "pgmqgen.runtime.child", *map(str, fds)]
    # The child inherits the mask, and lifts it once it can answer these signals.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, wire.GROUP_SIGNALS)
    try:
        return subprocess.Popen(command, pass_fds=fds, stdin=subprocess.DEVNULL)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for sock in socks:
            sock.close()
