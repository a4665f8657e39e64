"""The scout: one connection that tells the lanes which queues hold visible messages.

It listens for the notifications of queues that asked for them, and polls all queues that a lane
has found empty in one statement, often while messages flow and rarely at rest. So an idle
worker costs one query a second, however many queues it serves.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from socket import socketpair

from pgmqgen.errors import DatabaseError
from pgmqgen.runtime.database import sql
from pgmqgen.runtime.database.session import Session
from pgmqgen.runtime.database.watchdog import Wait
from pgmqgen.runtime.hooks import call_hook
from pgmqgen.runtime.parent.floor import BOTTOM, Floor
from pgmqgen.runtime.parent.lane import Lane
from pgmqgen.runtime.parent.lease_store import NO_TABLE
from pgmqgen.runtime.parent.limits import Absence
from pgmqgen.runtime.parent.shift import Shift

log = logging.getLogger("pgmqgen.worker")

_SHORTEST_S = 0.1
_LONGEST_S = 1.0
_GROWTH = 1.3
_ACTIVE_S = 5.0
"""After a queue held something the polls stay frequent for so long."""
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 3.0

_Found = tuple[int, float | None, bytes]
"""Number of a queue, seconds until its next message is due (None: empty), and where that look ended."""


class Scout(threading.Thread):
    """Wakes `lanes` for the queues that they have found empty.

    found_empty_at: monotonic start of the latest poll that saw no visible message in any queue
    """

    def __init__(self, shift: Shift, lanes: Sequence[Lane]) -> None:
        super().__init__(name="scout")
        self.found_empty_at = 0.0
        self._shift = shift
        self._lanes = lanes
        self._settings = shift.plan.settings
        self._number_of = {s.name: number for number, s in enumerate(self._settings)}
        self._listens = any(settings.notify for settings in self._settings)
        self._session: Session | None = None
        self._troubled: set[int] = set()
        self._interval_s = _SHORTEST_S
        self._active_at = time.monotonic()
        self._pause_s = _FIRST_PAUSE_S
        self._wake_read, self._wake_write = socketpair()
        self.wait = Wait()
        self._floor = Floor()
        self._absence = Absence(shift.plan.limits.fail_after)

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._wake_write.send(b"\0")
        self.join()
        self._wake_read.close()
        self._wake_write.close()

    def run(self) -> None:
        try:
            while not self._shift.stopping.is_set():
                try:
                    self._scout()
                except DatabaseError as error:
                    self._on_database_error(error)
        except BaseException as error:
            log.exception("the scout failed")
            self._shift.fail(DatabaseError(f"the scout failed: {error}"))
        finally:
            self._disconnect()

    def _scout(self) -> None:
        session = self._connect()
        next_due_s = self._poll(session)
        self._absence.end()
        now = time.monotonic()
        if now - self._active_at > _ACTIVE_S:
            self._interval_s = min(_LONGEST_S, self._interval_s * _GROWTH)
        else:
            self._interval_s = _SHORTEST_S
        self._wait(session, min(self._interval_s, max(0.001, next_due_s)))

    def _poll(self, session: Session) -> float:
        """Wake the lanes for what is visible; seconds until something else will be."""
        started = time.monotonic()
        asleep = set().union(*(lane.asleep() for lane in self._lanes))
        if not asleep:
            return _LONGEST_S
        since = self._floor.choose(started)
        visible, next_due_s = set(), _LONGEST_S
        for number, due_s, reached in self._look(session, sorted(asleep), since):
            self._floor.note(since, reached, started, time.monotonic())
            if due_s is None:
                continue
            if due_s <= 0:
                visible.add(number)
            else:
                next_due_s = min(next_due_s, due_s)
        looked_at_all = since == BOTTOM and len(asleep) == len(self._settings)
        if looked_at_all and not (visible or self._troubled):
            self.found_empty_at = started
        self._wake(visible)
        return next_due_s

    def _look(self, session: Session, numbers: Sequence[int], since: str) -> list[_Found]:
        """Look at queues in one statement; one by one if a queue among them is in trouble."""
        try:
            return self._ask(session, numbers, since)
        except DatabaseError as error:
            if session.closed:
                raise
            log.debug("%s; looking at each queue", error)
            return [row for number in numbers for row in self._look_at_one(session, number, since)]

    def _look_at_one(self, session: Session, number: int, since: str) -> list[_Found]:
        try:
            return self._ask(session, [number], since)
        except DatabaseError as error:
            if session.closed:
                raise
            if error.sqlstate in NO_TABLE:
                self._shift.note_missing(number)
                self._troubled.discard(number)  # it holds nothing
            elif number not in self._troubled:
                log.error("%s; queue `%s` is left alone", error, self._settings[number].name)
                self._troubled.add(number)
            return []

    def _ask(self, session: Session, numbers: Sequence[int], since: str) -> list[_Found]:
        parts = (
            sql.NEXT_DUE.format(number=n, queue=sql.parameterised("q", self._settings[n].name))
            for n in numbers
        )
        found = session.execute(" UNION ALL ".join(parts), {"floor": since})
        self._troubled.difference_update(numbers)
        self._shift.note_found(numbers)
        return found

    def _wake(self, numbers: Collection[int]) -> None:
        if not numbers:
            return
        self._active_at = time.monotonic()
        for lane in self._lanes:
            lane.wake(numbers)

    def _wake_one(self, numbers: Collection[int]) -> None:
        """Wake a lane that has nothing to do: the next poll wakes all, if there is more."""
        idle = next((lane for lane in self._lanes if lane.quiet), None)
        if idle is None:
            self._wake(numbers)
        else:
            self._active_at = time.monotonic()
            idle.wake(numbers)

    def _wait(self, session: Session, seconds: float) -> None:
        """Sleep until `stop`, or for so long; less after a notification, which wakes a lane."""
        listening = self._listens and session.kept
        stop, sock = self._wake_read.fileno(), session.connection.fileno()
        watched = [stop, sock] if listening else [stop]
        ready = {sock} if listening else set()  # they may have come with the last answer
        until = time.monotonic() + seconds
        while True:
            if sock in ready and (notified := self._take_notified(session)):
                self._wake_one(notified)
                until = min(until, time.monotonic() + _SHORTEST_S)
            seconds = until - time.monotonic()
            if stop in ready or seconds <= 0:
                return
            ready = _ready(watched, seconds)

    def _take_notified(self, session: Session) -> set[int]:
        """The queues whose notifications have come."""
        from pgmqgen.runtime.database.postgres import translating_errors

        with translating_errors():
            names = {notify.payload for notify in session.connection.notifies(timeout=0)}
        return {self._number_of[name] for name in names if name in self._number_of}

    def _connect(self) -> Session:
        if self._session is None or self._session.closed:
            connector, settings = self._shift.plan.connector, {"lock_timeout": "1s"}
            self._session = Session(connector, "pgmqgen scout", settings, self.wait)
            if self._listens:
                self._listen(self._session)
            self._pause_s = _FIRST_PAUSE_S
        return self._session

    def _listen(self, session: Session) -> None:
        if not session.kept:
            log.info("the database is behind a pooler: queues with `notify` are only polled")
            return
        from pgmqgen.runtime.database.postgres import translating_errors

        with translating_errors(), self.wait.on(session.connection):
            session.connection.execute(sql.LISTEN)

    def _disconnect(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _on_database_error(self, error: DatabaseError) -> None:
        log.warning("%s; trying again in %.1f s", error, self._pause_s)
        hooks = self._shift.hooks
        call: Callable[[], None] = partial(call_hook, hooks, "on_read_error", error)
        self._shift.post("on_read_error", call)
        self._disconnect()
        if self._absence.is_too_long():
            self._shift.fail(error)
        _ready([self._wake_read.fileno()], self._pause_s)
        self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * 2)


def _ready(fds: Iterable[int], seconds: float) -> set[int]:
    """Wait until some descriptors are readable or closed; those. Unlike select(), of any number."""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return {fd for fd, _ in poll.poll(seconds * 1000)}
