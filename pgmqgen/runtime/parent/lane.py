"""A lane: one thread with one connection and its share of the slots.

It leases messages, feeds its slots, settles what came of them and keeps the leases alive. It
alone touches its deliveries, so no lock is needed and no two statements race for a row.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Iterable
from functools import partial
from selectors import EVENT_READ, DefaultSelector
from socket import socketpair

from pgmqgen.errors import DatabaseError
from pgmqgen.runtime.database.watchdog import Wait
from pgmqgen.runtime.hooks import call_hook
from pgmqgen.runtime.parent.crew import Crew
from pgmqgen.runtime.parent.intake import Intake, by_service
from pgmqgen.runtime.parent.lease_store import LeaseStore, QueueGone
from pgmqgen.runtime.parent.leasing import Leasing
from pgmqgen.runtime.parent.limits import Absence
from pgmqgen.runtime.parent.settling import Settling
from pgmqgen.runtime.parent.shift import Shift

log = logging.getLogger("pgmqgen.worker")

_SOLO_S = 0.001
_BUSY_S = 0.05
_IDLE_S = 0.25
_REST_S = 1.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 3.0
_READ_ONLY = "25006"
_GIVE_UP_S = 5.0
"""How long a stopping lane keeps trying to settle what the database does not take."""


class Lane(threading.Thread):
    """Leases and settles for the slots with the given `numbers`."""

    def __init__(self, name: str, shift: Shift, numbers: list[int]) -> None:
        super().__init__(name=name)
        self.ready = threading.Event()
        self._shift = shift
        self._store = LeaseStore(
            shift.plan.connector, f"pgmqgen {name}", shift.plan.lock_timeout_s, shift.layouts
        )
        self._intakes = [
            Intake(number=number, settings=settings)
            for number, settings in enumerate(shift.plan.settings)
        ]
        self._selector = DefaultSelector()
        self._settling = Settling(shift, self._intakes, self._store)
        self._crew = Crew(shift, self._intakes, self._selector, self._settling, numbers)
        self._leasing = Leasing(shift, self._intakes, self._store, self._crew, self._settling)
        self._wake_read, self._wake_write = socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._selector.register(self._wake_read, EVENT_READ, self._on_wake)
        self._calls: deque[int] = deque()
        self._pause_s = _FIRST_PAUSE_S
        self._connect_at = 0.0
        self._absence = Absence(shift.plan.limits.fail_after)
        self._stopping_since = 0.0
        self._unsettled_since = 0.0

    # For other threads

    @property
    def wait(self) -> Wait:
        """Since when this lane waits for the database."""
        return self._store.wait

    def wake(self, numbers: Iterable[int] = ()) -> None:
        """Look at the shared state now; the queues `numbers` may hold visible messages."""
        self._calls.extend(numbers)
        try:
            self._wake_write.send(b"\0")
        except BlockingIOError:
            pass  # it has not looked at the last call yet

    def close(self) -> None:
        """Wait for the thread; no other thread may call `wake` any more."""
        self.join()
        self._wake_read.close()
        self._wake_write.close()

    @property
    def quiet(self) -> bool:
        """Whether nothing is in hand and no queue is known to hold visible messages."""
        return not self._calls and all(i.idle and not i.awake for i in self._intakes)

    def asleep(self) -> list[int]:
        """The queues that this lane has found empty."""
        return [intake.number for intake in self._intakes if not intake.awake]

    # The thread

    def run(self) -> None:
        try:
            self._serve()
        except BaseException as error:
            log.exception("lane `%s` failed", self.name)
            self._shift.fail(DatabaseError(f"lane `{self.name}` failed: {error}"))
            self._crew.kill()
        finally:
            self._store.close()
            self._selector.close()

    def _serve(self) -> None:
        self._crew.hire(time.monotonic())
        while not self._shift.aborting.is_set():
            self._take_turn()
            if self._shift.stopping.is_set() and self._drained():
                self._crew.dismiss()
                return
        self._abort()

    def _take_turn(self) -> None:
        for key, mask in self._selector.select(self._patience_s()):
            key.data(mask)
        now = time.monotonic()
        self._crew.inspect(now)
        if not self.ready.is_set() and self._crew.complete:
            self._become_ready()
        if self._shift.stopping.is_set():
            self._give_back()
        elif self._crew.stranded:
            self._release_backlogs()
        self._work_database(now)
        self._crew.dispatch()

    def _patience_s(self) -> float:
        if self._shift.gate.closed:
            return _SOLO_S
        in_hand = any(not intake.idle for intake in self._intakes)
        return _BUSY_S if in_hand or not self.ready.is_set() else _IDLE_S

    def _become_ready(self) -> None:
        for intake, is_async in zip(self._intakes, self._crew.slots[0].kinds, strict=True):
            intake.is_async = is_async
        self.ready.set()
        self._shift.events.put(lambda: None)

    def _on_wake(self, _: int) -> None:
        self._wake_read.recv(4096)
        while self._calls:
            self._intakes[self._calls.popleft()].awake = True

    # The database

    def _work_database(self, now: float) -> None:
        if now < self._connect_at:
            return
        may_lease = self._shift.open.is_set() and not self._shift.stopping.is_set()
        try:
            self._store.connect()
            self._settling.serve_requests()
            self._leasing.run_solo(self, now, may_lease)
            for intake in sorted(self._intakes, key=by_service):
                self._work_queue(intake, now, may_lease)
        except DatabaseError as error:
            self._on_database_error(error)
        else:
            self._pause_s = _FIRST_PAUSE_S
            self._absence.end()

    def _on_database_error(self, error: DatabaseError) -> None:
        """The connection is gone, or cannot be had: try again, ever less often."""
        log.warning("%s; trying again in %.1f s", error, self._pause_s)
        self._connect_at = time.monotonic() + self._pause_s
        self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * 2)
        self._store.close()
        self._tell_read_error(error)
        if self._absence.is_too_long():
            self._shift.fail(error)

    def _tell_read_error(self, error: DatabaseError) -> None:
        hooks = self._shift.hooks
        self._shift.post("on_read_error", partial(call_hook, hooks, "on_read_error", error))

    def _work_queue(self, intake: Intake, now: float, may_lease: bool) -> None:
        try:
            self._leasing.extend(intake, now)
            if now < intake.rest_until:
                return
            self._settling.settle(intake, now)
            self._leasing.work(intake, now, may_lease)
        except DatabaseError as error:
            if not self._store.connected or error.sqlstate == _READ_ONLY:
                raise  # another host may be the primary now
            if isinstance(error, QueueGone):
                self._forget(intake)
            else:
                log.error("%s; queue `%s` rests for a second", error, intake.settings.name)
            intake.rest_until = now + _REST_S
            intake.awake = False  # the scout says when there is something to lease again
            self._tell_read_error(error)

    def _forget(self, intake: Intake) -> None:
        self._shift.note_missing(intake.number)
        if lost := self._leasing.forget(intake):
            text = "queue `%s`: %d message(s) in hand are gone with it"
            log.error(text, intake.settings.name, lost)

    # Stopping

    def _give_back(self) -> None:
        """Release what has not begun: at once, and again what was being decoded or a death leaves."""
        if not self._stopping_since:
            self._stopping_since = time.monotonic()
        self._settling.release(self._crew.take_back())
        grace = self._shift.plan.limits.grace
        if grace is not None and time.monotonic() - self._stopping_since >= grace:
            log.warning("the grace of %g s is over: killing what still runs", grace)
            self._shift.aborting.set()
        self._settling.release(self._crew.empty_quarantine())
        self._release_backlogs()

    def _release_backlogs(self) -> None:
        """Give back what no slot has been given: another lane or worker may be free."""
        for intake in self._intakes:
            intake.awake = intake.awake or bool(intake.backlog)
            self._settling.release(intake.backlog)
            intake.backlog.clear()

    def _drained(self) -> bool:
        if all(intake.idle for intake in self._intakes):
            return True
        now = time.monotonic()
        if self._crew.holds() or not self._unsettled_since:
            self._unsettled_since = now
        if now - self._unsettled_since < _GIVE_UP_S:
            return False
        log.error("could not settle everything; the leases of the rest run out by themselves")
        return True

    def _abort(self) -> None:
        """Kill what runs, give everything back, and settle what can be settled now."""
        self._settling.release(self._crew.kill())
        self._release_backlogs()
        for intake in self._intakes:
            try:
                try:
                    self._leasing.flush(intake)
                finally:  # what it did not settle is settled apart
                    if self._store.connected:
                        self._settling.settle(intake, math.inf)
            except DatabaseError as error:
                log.error("could not give leases back: %s; they run out by themselves", error)
                if not self._store.connected:
                    return
