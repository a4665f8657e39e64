"""Settling: what came of each delivery, decided, written to the database, told to the hooks."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pgmqgen.errors import DatabaseError
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime import wire
from pgmqgen.runtime.hooks import call_hook
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
    Settled,
    decide,
)
from pgmqgen.runtime.parent.delivery import Delivery
from pgmqgen.runtime.parent.intake import Intake
from pgmqgen.runtime.parent.lease_store import LeaseStore, QueueGone
from pgmqgen.runtime.parent.report import parent_message
from pgmqgen.runtime.parent.shift import Shift
from pgmqgen.runtime.parent.slots import Slot

_AGAIN_S = 1.0
_REFUSALS = {"22", "23", "42", "54"}
"""Classes of SQLSTATE that no repetition mends: data, constraint, missing table, size."""
_LOCKED = "55P03"
_REFUSED_S = 60.0
"""How long a message waits that the database would not move to where it belongs."""

log = logging.getLogger("pgmqgen.worker")


class _Done(Delete):
    """Delete what was handled well, as opposed to what a hook wants gone."""


class Settling:
    """Takes results from a lane's crew and carries out what is decided of them."""

    def __init__(self, shift: Shift, intakes: Sequence[Intake], store: LeaseStore) -> None:
        self._shift = shift
        self._intakes = intakes
        self._store = store
        self._requests: deque[tuple[Slot, wire.Frame]] = deque()

    def finish(self, delivery: Delivery, result: Result) -> None:
        """A delivery left the crew with `result`."""
        intake = self._intakes[delivery.number]
        if isinstance(result, Completed):
            self.complete(intake.number, [delivery])
            return
        intake.part([delivery])
        if delivery.settled or delivery.lost:
            return
        if isinstance(result, Settled):
            self._shift.count(intake.settings.name, "handled")
            return
        decision = decide(intake.settings, delivery.account.attempt, result)
        intake.decided.append((delivery, decision))
        self._announce(delivery, result, decision)

    def complete(self, number: int, deliveries: Sequence[Delivery]) -> None:
        """Deliveries of one queue left the crew, handled well."""
        intake = self._intakes[number]
        intake.part(deliveries)
        held = [each for each in deliveries if not (each.settled or each.lost)]
        intake.acknowledge(held, time.monotonic())

    def take_control(self, slot: Slot, frame: wire.Frame) -> None:
        """A handler asks to delete, archive or extend its message now."""
        self._requests.append((slot, frame))

    def bury(self, delivery: Delivery, failure: Failure) -> None:
        """Dead-letter a delivery without running it."""
        decision = DeadLetter(failure)
        self._intakes[delivery.number].decided.append((delivery, decision))
        self._announce(delivery, Failed(failure), decision)

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """Give deliveries back, without an attempt."""
        for delivery in deliveries:
            intake = self._intakes[delivery.number]
            intake.part([delivery])
            if not (delivery.settled or delivery.lost):
                intake.decided.append((delivery, Release()))

    def settle_apart(self, intake: Intake) -> None:
        """Settle what was handled by statements that lease nothing, so that it is in nobody's way."""
        decision = Archive() if intake.settings.on_success == "archive" else _Done()
        intake.decided += [(delivery, decision) for delivery in intake.acks]
        intake.acks = []

    def settle(self, intake: Intake, now: float) -> None:
        """Carry out what was decided, a statement for each kind of decision.

        One that the database refuses is kept and tried again, and holds up nothing else.
        """
        if now < intake.settle_at:
            return
        kinds: dict[Any, list[tuple[Delivery, Decision]]] = {}
        for delivery, decision in intake.decided:
            kinds.setdefault(_kind(decision), []).append((delivery, decision))
        for decided in kinds.values():
            try:
                self._settle_alike(intake, decided)
            except DatabaseError as error:
                if not self._store.connected or isinstance(error, QueueGone):
                    raise
                if (error.sqlstate or "")[:2] not in _REFUSALS:  # a lock, a full disk: it passes
                    log.error("%s; trying again in %g s", error, _AGAIN_S)
                    if error.sqlstate == _LOCKED:
                        self._settle_unlocked(intake, decided)
                    intake.settle_at = time.monotonic() + _AGAIN_S
                    continue
                for pair in decided:
                    self._settle_one(intake, pair)

    def _settle_unlocked(self, intake: Intake, decided: list[tuple[Delivery, Decision]]) -> None:
        """Settle those whose rows nobody has locked, which an extension tells without waiting."""
        settings, deliveries = intake.settings, [delivery for delivery, _ in decided]
        free = self._store.extend(settings, deliveries, settings.visibility_timeout)
        unlocked = [pair for pair in decided if pair[0].key in free]
        if unlocked and len(unlocked) < len(decided):
            self._settle_alike(intake, unlocked)

    def _settle_one(self, intake: Intake, pair: tuple[Delivery, Decision]) -> None:
        try:
            self._settle_alike(intake, [pair])
        except DatabaseError as error:
            if not self._store.connected:
                raise
            delivery, decision = pair
            where, why = (delivery.msg_id, intake.settings.name), _advice(error)
            instead = _instead_of(decision)
            if instead is None:
                log.error("message %d of `%s`: %s", *where, why)
                intake.settle_at = time.monotonic() + _AGAIN_S
            else:  # it must hold up nothing else
                text = "message %d of `%s` is kept, and tried again in %g s: %s"
                log.error(text, *where, _REFUSED_S, why)
                intake.decided[intake.decided.index(pair)] = delivery, instead

    def _settle_alike(self, intake: Intake, decided: list[tuple[Delivery, Decision]]) -> None:
        applied = self._store.settle(intake.settings, decided)
        done = {id(delivery) for delivery, _ in decided}
        intake.decided = [pair for pair in intake.decided if id(pair[0]) not in done]
        decision = decided[0][1]
        self.count_settled(intake, _kind(decision), len(decided), applied)
        if isinstance(decision, Reschedule):
            delay_s = max(d.delay_s for _, d in decided if isinstance(d, Reschedule))
            self._shift.expect_retry(time.monotonic() + delay_s)

    def count_settled(self, intake: Intake, what: str, wanted: int, applied: int) -> None:
        """Count what a statement settled, and say which leases were lost."""
        name = intake.settings.name
        if applied:
            self._shift.count(name, what, applied)
        if applied < wanted:
            self._shift.count(name, "lease_lost", wanted - applied)
            log.warning(
                "queue `%s`: %d message(s) not settled (%s): their leases were lost",
                name, wanted - applied, what,
            )  # fmt: skip

    def serve_requests(self) -> None:
        """Do what handlers ask for, and answer."""
        while self._requests:
            slot, (_, verb, ticket, seconds) = self._requests[0]
            try:
                applied = self._apply(slot, verb, ticket, seconds)
            except DatabaseError as error:
                if not self._store.connected:
                    raise  # it is asked again once there is a connection
                log.error("%s; a handler's `%s` was not applied", error, verb)
                applied = False
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

    def _announce(self, delivery: Delivery, result: Result, decision: Decision) -> None:
        settings = self._intakes[delivery.number].settings
        text = ""
        match result:
            case Failed(Failure("crash" | "timeout" as reason, error, stack)):
                text = error
                self._post(delivery, "on_lost", reason, stack)
            case Failed(failure, verdict):
                text = failure.error if verdict else failure.traceback or failure.error
            case Invalid(failure):
                self._shift.count(settings.name, "invalid")
                text = failure.error
        if text:
            # No error: monitors that collect those would count it beside the hook `on_error`.
            where = delivery.msg_id, settings.name, delivery.account.attempt, settings.max_attempts
            then = _describe(decision, settings)
            log.warning("message %d of `%s`, attempt %d of %d, %s: %s", *where, then, text.rstrip())
        if isinstance(decision, DeadLetter):
            self._post(delivery, "on_dead_letter", decision.failure.reason)

    def _post(self, delivery: Delivery, hook: str, *details: Any) -> None:
        def call() -> None:
            message = parent_message(self._shift.plan, delivery)
            call_hook(self._shift.hooks, hook, message, *details)

        self._shift.post(hook, call)


def _instead_of(decision: Decision) -> Decision | None:
    """What to do with a message that the database does not move, or put off so far."""
    match decision:
        case DeadLetter(failure):
            return Reschedule(_REFUSED_S, failure, "dead_letter")
        case Archive(Failure() as failure):
            return Reschedule(_REFUSED_S, failure, "archive")
        case Reschedule(delay_s, failure) if delay_s > _REFUSED_S:
            return Reschedule(_REFUSED_S, failure)
        case Release(delay_s) if delay_s > _REFUSED_S:
            return Release(_REFUSED_S)
    return None


def _describe(decision: Decision, settings: QueueSettings) -> str:
    """What becomes of a message that was not handled well, in words."""
    match decision:
        case Reschedule(delay_s):
            return f"again in {delay_s:.3g} s"
        case DeadLetter():
            return f"moved to `{settings.dlq}`"
        case Archive():
            return "archived"
        case Delete():
            return "deleted"
        case Release():
            return "given back"


def _advice(error: DatabaseError) -> str:
    return f"{error}: {error.hint}" if error.hint else str(error)


def _kind(decision: Decision) -> str:
    """What a decision counts as; those alike are settled by one statement."""
    match decision:
        case _Done() | Archive(None):
            return "handled"
        case Delete():
            return "deleted"
        case Archive():
            return "archived_failed"
        case DeadLetter():
            return "dead_lettered"
        case Reschedule():
            return "retried"
        case Release():
            return "released"
