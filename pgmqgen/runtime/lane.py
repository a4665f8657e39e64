"""A lane: one thread with one connection and its share of the slots.

It leases messages, feeds its slots, settles what came of them and keeps the leases alive. It
alone touches its deliveries, so no lock is needed and no two statements race for a row.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from selectors import EVENT_READ, DefaultSelector
from socket import socketpair
from typing import Any

from pgmqgen.errors import DatabaseError
from pgmqgen.runtime import wire
from pgmqgen.runtime.crew import Crew
from pgmqgen.runtime.delivery import SUSPECT_AFTER, Delivery, read_account
from pgmqgen.runtime.hooks import call_hook
from pgmqgen.runtime.intake import Intake
from pgmqgen.runtime.lease import LeaseStore, Row
from pgmqgen.runtime.outcome import (
    Archive,
    Completed,
    DeadLetter,
    Decision,
    Delete,
    Failed,
    Failure,
    Invalid,
    Release,
    Reschedule,
    Result,
    decide,
)
from pgmqgen.runtime.shift import Shift
from pgmqgen.runtime.slots import Slot

log = logging.getLogger("pgmqgen.worker")

_LANE_S = 0.1
"""Handling time for each slot that a lane keeps leased."""
_ACK_COUNT = 250
_ACK_AFTER_S = 0.05
_BUSY_S = 0.02
_IDLE_S = 0.25
_REST_S = 1.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_GIVE_UP_S = 5.0
"""How long a stopping lane keeps trying to settle while the database is away."""


class Lane(threading.Thread):
    """Leases and settles for the slots with the given `numbers`."""

    def __init__(self, name: str, shift: Shift, numbers: list[int]) -> None:
        super().__init__(name=name)
        self.ready = threading.Event()
        self._shift = shift
        self._store = LeaseStore(shift.plan.connector, f"pgmqgen {name}")
        self._intakes = [
            Intake(number=number, settings=settings)
            for number, settings in enumerate(shift.plan.settings)
        ]
        self._selector = DefaultSelector()
        self._crew = Crew(shift, self._intakes, self._selector, self, numbers)
        self._wake_read, self._wake_write = socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._selector.register(self._wake_read, EVENT_READ, self._on_wake)
        self._calls: deque[int] = deque()
        self._requests: deque[tuple[Slot, wire.Frame]] = deque()
        self._turn = 0
        self._pause_s = _FIRST_PAUSE_S
        self._connect_at = 0.0
        self._extended_at = 0.0
        self._worked = False
        self._runs_solo = False
        self._stopping_since = 0.0

    # For other threads

    def wake(self, numbers: Iterable[int] = ()) -> None:
        """Look at the shared state now; the queues `numbers` may hold visible messages."""
        self._calls.extend(numbers)
        try:
            self._wake_write.send(b"\0")
        except BlockingIOError:
            pass  # it has not looked at the last call yet

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
            self._crew.kill()
            self._shift.fail(DatabaseError(f"lane `{self.name}` failed: {error}"))
        finally:
            self._store.close()
            self._selector.close()
            self._wake_read.close()
            self._wake_write.close()

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
        self._worked = False
        self._crew.inspect(now)
        if not self.ready.is_set() and self._crew.complete:
            self._become_ready()
        if self._shift.stopping.is_set():
            self._give_back()
        self._work_database(now)
        self._crew.dispatch()

    def _patience_s(self) -> float:
        if self._worked:
            return 0.0
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

    # Results from the crew

    def finish(self, delivery: Delivery, result: Result) -> None:
        """A delivery left the crew, with `result`."""
        intake = self._intakes[delivery.number]
        intake.in_hand -= 1
        if delivery.settled:
            return
        if isinstance(result, Completed):
            intake.acknowledge(delivery, time.monotonic())
            return
        decision = decide(intake.settings, delivery.account.attempt, result)
        intake.decided.append((delivery, decision))
        self._announce(delivery, result, decision)

    def take_control(self, slot: Slot, frame: wire.Frame) -> None:
        """A handler asks to delete, archive or extend its message now."""
        self._requests.append((slot, frame))
        self._worked = True

    def _announce(self, delivery: Delivery, result: Result, decision: Decision) -> None:
        name = self._intakes[delivery.number].settings.name
        match result:
            case Failed(Failure("crash" | "timeout" as reason, error, stack)):
                log.warning("message %d of `%s`: %s", delivery.msg_id, name, error)
                self._post(delivery, "on_lost", reason, stack)
            case Failed(failure):
                log.info("message %d of `%s`: %s", delivery.msg_id, name, failure.error)
            case Invalid(failure):
                self._shift.count(name, "invalid")
                log.warning("message %d of `%s`: %s", delivery.msg_id, name, failure.error)
        if isinstance(decision, DeadLetter):
            self._post(delivery, "on_dead_letter", decision.failure.reason)

    def _post(self, delivery: Delivery, hook: str, *details: Any) -> None:
        from pgmqgen.runtime.report import parent_message

        def call() -> None:
            message = parent_message(self._shift.plan, delivery)
            call_hook(self._shift.hooks, hook, message, *details)

        self._shift.post(hook, call)

    # The database

    def _work_database(self, now: float) -> None:
        if now < self._connect_at:
            return
        try:
            self._store.connect()
            self._serve_requests()
            self._extend_leases(now)
            self._run_solo(now)
            for intake in self._in_turn():
                self._work_queue(intake, now)
        except DatabaseError as error:
            self._on_database_error(error)
        else:
            self._pause_s = _FIRST_PAUSE_S

    def _on_database_error(self, error: DatabaseError) -> None:
        """The connection is gone, or cannot be had: try again, ever less often."""
        log.warning("%s; trying again in %.1f s", error, self._pause_s)
        self._connect_at = time.monotonic() + self._pause_s
        self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * 2)
        self._store.close()
        self._tell_read_error(error)

    def _tell_read_error(self, error: DatabaseError) -> None:
        hooks = self._shift.hooks
        self._shift.post("on_read_error", partial(call_hook, hooks, "on_read_error", error))

    def _in_turn(self) -> list[Intake]:
        self._turn += 1
        start = self._turn % len(self._intakes)
        return self._intakes[start:] + self._intakes[:start]

    def _work_queue(self, intake: Intake, now: float) -> None:
        if now < intake.rest_until:
            return
        try:
            if intake.decided:
                self._settle(intake)
            quantity = self._quantity(intake)
            if quantity or self._should_flush(intake, now):
                self._exchange(intake, quantity)
        except DatabaseError as error:
            if not self._store.connected:
                raise
            log.error("%s; queue `%s` rests for a second", error, intake.settings.name)
            intake.rest_until = now + _REST_S
            self._tell_read_error(error)

    def _quantity(self, intake: Intake) -> int:
        """How many messages of a queue to lease now."""
        if not intake.awake or not self.ready.is_set() or self._shift.stopping.is_set():
            return 0
        if self._shift.gate.closed:
            return 0
        slots = [slot for slot in self._crew.ready if not slot.reserved]
        if not intake.is_async and not self._has_sync_room(slots):
            return 0
        active = sum(1 for i in self._intakes if not i.is_async and (i.awake or i.in_hand)) or 1
        return intake.wanted(len(slots), _LANE_S * len(slots) / active)

    def _has_sync_room(self, slots: list[Slot]) -> bool:
        """Whether sync work leased now would begin soon."""
        waiting = sum(1 for i in self._intakes if not i.is_async for _ in i.backlog)
        idle = sum(1 for slot in slots if not slot.sync.held)
        if idle > waiting:
            return True
        backlog_s = sum(intake.backlog_s for intake in self._intakes)
        free = [slot for slot in slots if not slot.blocked]
        return backlog_s < _LANE_S / 2 * len(free)

    def _should_flush(self, intake: Intake, now: float) -> bool:
        if not intake.ack_ids:
            return False
        return (
            not intake.in_hand
            or len(intake.ack_ids) >= _ACK_COUNT
            or now - intake.acked_since >= _ACK_AFTER_S
        )

    def _exchange(self, intake: Intake, quantity: int) -> None:
        """Acknowledge what is finished and lease what is wanted, in one statement."""
        settings = intake.settings
        if quantity:
            hooks = self._shift.hooks
            call = partial(call_hook, hooks, "on_before_read", settings.name)
            self._shift.post("on_before_read", call, droppable=True)
        ids, counts = intake.ack_ids, intake.ack_counts
        asked_at = time.monotonic()
        acknowledged, rows = self._store.exchange(settings, ids, counts, quantity)
        intake.ack_ids, intake.ack_counts = [], []
        self._worked = True
        self._count_settled(intake, "handled", len(ids), acknowledged)
        if quantity:
            if len(rows) < quantity:
                intake.awake = False
            lease_until = asked_at + settings.visibility_timeout
            self._admit(intake, [self._delivery(intake, row, lease_until) for row in rows])

    def _delivery(self, intake: Intake, row: Row, lease_until: float) -> Delivery:
        msg_id, read_ct, enqueued_at, visible_at, headers, raw = row
        return Delivery(
            number=intake.number,
            msg_id=msg_id,
            read_ct=read_ct,
            account=read_account(read_ct, headers),
            enqueued_at=enqueued_at,
            visible_at=visible_at,
            headers=headers,
            raw=raw,
            lease_until=lease_until,
        )

    def _admit(self, intake: Intake, deliveries: list[Delivery]) -> None:
        deliveries.sort(key=_by_id)
        intake.in_hand += len(deliveries)
        for delivery in deliveries:
            if delivery.account.unexplained < SUSPECT_AFTER:
                intake.backlog.append(delivery)
            else:
                self._suspect(intake, delivery)

    def _suspect(self, intake: Intake, delivery: Delivery) -> None:
        """A message whose leases ended unexplained: it is dead, or must run alone."""
        settings = intake.settings
        unexplained = delivery.account.unexplained
        intake.in_hand -= 1
        if unexplained >= max(settings.max_attempts, SUSPECT_AFTER + 1):
            text = f"{unexplained} leases ended without a word: it may kill the whole worker"
            failure = Failure("crash", text)
            intake.decided.append((delivery, DeadLetter(failure)))
            self._announce(delivery, Failed(failure), DeadLetter(failure))
            return
        intake.decided.append((delivery, Release()))
        self._shift.gate.add(intake.number, delivery.msg_id)

    def _settle(self, intake: Intake) -> None:
        """Carry out what was decided, a statement for each kind of decision."""
        kinds: dict[Any, list[tuple[Delivery, Decision]]] = {}
        for delivery, decision in intake.decided:
            kinds.setdefault(_kind(decision), []).append((delivery, decision))
        for decided in kinds.values():
            held = self._store.settle(intake.settings, decided)
            done = {id(delivery) for delivery, _ in decided}
            intake.decided = [pair for pair in intake.decided if id(pair[0]) not in done]
            decision = decided[0][1]
            self._count_settled(intake, _kind(decision), len(decided), len(held))
            if isinstance(decision, Reschedule):
                delay_s = max(d.delay_s for _, d in decided if isinstance(d, Reschedule))
                self._shift.expect_retry(time.monotonic() + delay_s)
        self._worked = True

    def _count_settled(self, intake: Intake, what: str, wanted: int, applied: int) -> None:
        name = intake.settings.name
        if applied:
            self._shift.count(name, what, applied)
        if applied < wanted:
            self._shift.count(name, "lease_lost", wanted - applied)
            log.warning(
                "queue `%s`: %d message(s) not settled (%s): their leases were lost",
                name, wanted - applied, what,
            )  # fmt: skip

    def _serve_requests(self) -> None:
        while self._requests:
            slot, (_, verb, ticket, seconds) = self._requests[0]
            applied = self._apply(slot, verb, ticket, seconds)
            self._requests.popleft()
            if not slot.control.closed:
                slot.control.send((wire.CONTROL, applied))

    def _apply(self, slot: Slot, verb: str, ticket: int, seconds: float) -> bool:
        delivery = slot.find(ticket)
        if delivery is None:
            return False
        settings = self._intakes[delivery.number].settings
        now = time.monotonic()
        if verb == "set_timeout":
            applied = bool(self._store.extend(settings, [delivery], seconds))
            if applied:
                delivery.lease_until = delivery.limit_at = now + seconds
            return applied
        act: Callable[..., bool] = self._store.delete if verb == "delete" else self._store.archive
        delivery.settled = act(settings, delivery)
        if delivery.settled:
            self._shift.count(settings.name, "handled")
        return delivery.settled

    def _extend_leases(self, now: float) -> None:
        """Extend every lease in hand that has used up a third of its time."""
        shortest = min(intake.settings.visibility_timeout for intake in self._intakes)
        if now - self._extended_at < shortest / 10:
            return
        self._extended_at = now
        due: dict[int, list[Delivery]] = {}
        for delivery in self._all_deliveries():
            lease_s = self._intakes[delivery.number].settings.visibility_timeout
            if not delivery.settled and delivery.lease_until - now < lease_s * 2 / 3:
                due.setdefault(delivery.number, []).append(delivery)
        for number, deliveries in due.items():
            self._extend(self._intakes[number], deliveries, now)

    def _extend(self, intake: Intake, deliveries: list[Delivery], now: float) -> None:
        settings = intake.settings
        held = self._store.extend(settings, deliveries, settings.visibility_timeout)
        for delivery in deliveries:
            if delivery.msg_id in held:
                delivery.lease_until = now + settings.visibility_timeout
            elif now > delivery.lease_until:
                log.warning(
                    "message %d of `%s`: its lease was lost", delivery.msg_id, settings.name
                )
                delivery.lease_until = now + settings.visibility_timeout  # said once a lease

    def _all_deliveries(self) -> Iterable[Delivery]:
        for intake in self._intakes:
            yield from intake.backlog
        yield from self._crew.deliveries()

    def _run_solo(self, now: float) -> None:
        """Take part in running suspects alone: one at a time, when every lane is quiet."""
        gate = self._shift.gate
        idle = all(intake.idle for intake in self._intakes)
        if self._runs_solo and idle:
            self._runs_solo = False
            gate.done()
        gate.note(self, idle)
        if not gate.closed or self._shift.stopping.is_set() or not self.ready.is_set():
            return
        suspect = gate.take()
        if suspect is not None:
            self._runs_solo = True
            number, msg_id = suspect
            intake = self._intakes[number]
            row = self._store.lease_one(intake.settings, msg_id)
            if row is not None:
                lease_until = now + intake.settings.visibility_timeout
                intake.in_hand += 1
                intake.backlog.append(self._delivery(intake, row, lease_until))

    # Stopping

    def _give_back(self) -> None:
        """Release what has not begun: first of all, and again what a dying process leaves."""
        if not self._stopping_since:
            self._stopping_since = time.monotonic()
            self._release(self._crew.take_back())
        self._release(self._crew.empty_quarantine())
        self._release_backlogs()

    def _release(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            intake = self._intakes[delivery.number]
            intake.in_hand -= 1
            if not delivery.settled:
                intake.decided.append((delivery, Release()))

    def _release_backlogs(self) -> None:
        for intake in self._intakes:
            self._release(list(intake.backlog))
            intake.backlog.clear()

    def _drained(self) -> bool:
        if all(intake.idle for intake in self._intakes):
            return True
        gone = not self._store.connected and not self._crew.holds()
        return gone and time.monotonic() - self._stopping_since > _GIVE_UP_S

    def _abort(self) -> None:
        """Kill what runs, give everything back, and settle what can be settled now."""
        self._release(self._crew.kill())
        self._release_backlogs()
        self._requests.clear()
        try:
            for intake in self._intakes:
                if intake.decided:
                    self._settle(intake)
                if intake.ack_ids:
                    self._exchange(intake, 0)
        except DatabaseError as error:
            log.error("could not give leases back: %s; they run out by themselves", error)


def _by_id(delivery: Delivery) -> int:
    return delivery.msg_id


def _kind(decision: Decision) -> str:
    """What a decision counts as; those alike are settled by one statement."""
    match decision:
        case Delete():
            return "deleted"
        case Archive(None):
            return "archived"
        case Archive():
            return "archived_failed"
        case DeadLetter():
            return "dead_lettered"
        case Reschedule():
            return "retried"
        case Release():
            return "released"
