"""Leasing: how much to take from which queue, and keeping the leases of what is in hand."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from operator import attrgetter

from pgmqgen.errors import DatabaseError
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.database.sql import LARGE
from pgmqgen.runtime.hooks import call_hook
from pgmqgen.runtime.outcome import Failure, Release
from pgmqgen.runtime.parent.crew import Crew
from pgmqgen.runtime.parent.delivery import (
    SUSPECT_AFTER,
    Account,
    Delivery,
    count_leases,
    read_account,
)
from pgmqgen.runtime.parent.dispatch import AHEAD_S
from pgmqgen.runtime.parent.intake import Intake
from pgmqgen.runtime.parent.lease_store import LeaseStore
from pgmqgen.runtime.parent.settling import Settling
from pgmqgen.runtime.parent.shift import Shift
from pgmqgen.runtime.parent.slots import Slot
from pgmqgen.runtime.wire import Row

log = logging.getLogger("pgmqgen.worker")

_LANE_S = 0.1
"""Handling time for each slot that a lane keeps leased."""
_ACK_COUNT = 250
_ACK_AFTER_S = 0.05


class Leasing:
    """Leases messages for a lane's crew, a fair share of each queue."""

    def __init__(
        self,
        shift: Shift,
        intakes: Sequence[Intake],
        store: LeaseStore,
        crew: Crew,
        settling: Settling,
    ) -> None:
        self._shift = shift
        self._intakes = intakes
        self._store = store
        self._crew = crew
        self._settling = settling
        self._runs_solo = False

    def work(self, intake: Intake, now: float, may_lease: bool) -> None:
        """Acknowledge what is finished of a queue and lease what is wanted, if it is time to."""
        quantity = self._quantity(intake) if may_lease else 0
        if quantity or self._should_flush(intake, now):
            self._exchange(intake, quantity)

    def flush(self, intake: Intake) -> None:
        """Acknowledge what is finished, and lease nothing."""
        if intake.acks:
            self._exchange(intake, 0)

    def extend(self, intake: Intake, now: float) -> None:
        """Extend a queue's leases in hand that have used up a third of their time."""
        lease_s = intake.settings.visibility_timeout
        if now - intake.extended_at < lease_s / 10:
            return
        intake.extended_at = now
        due = [
            delivery
            for delivery in self._leased(intake)
            if delivery.lease_until - now < lease_s * 2 / 3
        ]
        if due:
            self._extend(intake, due, now)

    def forget(self, intake: Intake) -> int:
        """The queue is gone, and with it every lease; return how many were in hand."""
        return sum(self._lose(intake, delivery) for delivery in self._leased(intake))

    def run_solo(self, lane: Hashable, now: float, may_lease: bool) -> None:
        """Take part in running suspects alone: one at a time, when every lane is quiet."""
        gate = self._shift.gate
        idle = all(intake.idle for intake in self._intakes)
        if self._runs_solo and idle:
            self._runs_solo = False
            gate.done()
        gate.note(lane, idle)
        suspect = gate.take() if may_lease else None
        if suspect is not None:
            self._runs_solo = True
            number, msg_id = suspect
            intake = self._intakes[number]
            row = self._store.lease_one(intake.settings, msg_id)
            if row is not None:
                lease_until = now + intake.settings.visibility_timeout
                deliveries = self._deliveries(intake, [row], lease_until)
                intake.take(deliveries)
                intake.backlog.extend(deliveries)

    def _quantity(self, intake: Intake) -> int:
        """How many messages of a queue to lease now."""
        if not intake.awake or self._shift.gate.closed:
            return 0
        slots = [slot for slot in self._crew.ready if not slot.reserved]
        if not intake.is_async and not self._has_sync_room(slots):
            return 0
        active = sum(1 for i in self._intakes if not i.is_async and (i.awake or i.in_hand)) or 1
        return intake.wanted(len(slots), _LANE_S * len(slots) / active)

    def _has_sync_room(self, slots: list[Slot]) -> bool:
        """Whether sync work leased now would begin soon."""
        waiting = sum(len(intake.backlog) for intake in self._intakes if not intake.is_async)
        idle = sum(1 for slot in slots if not slot.sync.held)
        if idle > waiting:
            return True
        backlog_s = sum(intake.backlog_s for intake in self._intakes)
        free = [slot for slot in slots if not slot.blocked and slot.sync.load_s < AHEAD_S]
        return backlog_s < _LANE_S / 2 * len(free)

    def _should_flush(self, intake: Intake, now: float) -> bool:
        if not intake.acks:
            return False
        return (
            not intake.in_hand
            or len(intake.acks) >= _ACK_COUNT
            or now - intake.acked_since >= _ACK_AFTER_S
        )

    def _exchange(self, intake: Intake, quantity: int) -> None:
        """Acknowledge what is finished and lease what is wanted, in one statement."""
        settings = intake.settings
        if quantity:
            hooks = self._shift.hooks
            call = partial(call_hook, hooks, "on_before_read", settings.name)
            self._shift.post("on_before_read", call, droppable=True)
        acks = intake.acks
        ids, counts = [d.msg_id for d in acks], [d.read_ct for d in acks]
        asked_at = time.monotonic()
        try:
            acknowledged, rows = self._store.exchange(settings, ids, counts, quantity, intake.room)
        except DatabaseError:
            if self._store.connected:  # what was refused may be one of them
                self._settling.settle_apart(intake)
            raise
        if quantity:
            intake.served_at = asked_at
        intake.acks = []
        self._settling.count_settled(intake, "handled", len(ids), acknowledged)
        if quantity:
            if len(rows) < quantity:
                intake.awake = False
            lease_until = asked_at + settings.visibility_timeout
            self._admit(intake, self._deliveries(intake, rows, lease_until))

    def _deliveries(
        self, intake: Intake, rows: Sequence[Row], lease_until: float
    ) -> list[Delivery]:
        number, account_of = intake.number, self._account_reader(intake.settings)
        return [
            Delivery(
                number=number,
                msg_id=row[0],
                read_ct=row[1],
                account=account_of(row[1], row[4]),
                row=row,
                lease_until=lease_until,
                size=_size(row),
            )
            for row in rows
        ]

    def _account_reader(self, settings: QueueSettings) -> Callable[[int, bytes | None], Account]:
        if self._shift.layouts[settings.name].headers:
            return read_account
        return lambda read_ct, _: count_leases(read_ct, settings.max_attempts)

    def _admit(self, intake: Intake, deliveries: list[Delivery]) -> None:
        deliveries.sort(key=_by_id)
        intake.take(deliveries)
        for delivery in deliveries:
            account = delivery.account
            if account.final is not None:
                intake.part([delivery])
                intake.decided.append((delivery, account.final))
            elif account.unexplained < SUSPECT_AFTER:
                intake.backlog.append(delivery)
            else:
                self._suspect(intake, delivery)

    def _suspect(self, intake: Intake, delivery: Delivery) -> None:
        """A message whose leases ended unexplained: it is dead, or must run alone."""
        unexplained = delivery.account.unexplained
        intake.part([delivery])
        if unexplained >= max(intake.settings.max_attempts, SUSPECT_AFTER + 1):
            text = f"{unexplained} leases ended without a word: it may kill the whole worker"
            self._settling.bury(
                delivery, Failure("crash", text, unexplained=unexplained, was_run=False)
            )
        else:
            intake.decided.append((delivery, Release()))
            self._shift.gate.add(intake.number, delivery.msg_id)

    def _leased(self, intake: Intake) -> list[Delivery]:
        """What this lane holds a lease of, wherever it is."""
        held = (
            *intake.backlog,
            *self._crew.deliveries(),
            *intake.acks,
            *(delivery for delivery, _ in intake.decided),
        )
        return [d for d in held if d.number == intake.number and not (d.settled or d.lost)]

    def _extend(self, intake: Intake, deliveries: list[Delivery], now: float) -> None:
        settings = intake.settings
        held = self._store.extend(settings, deliveries, settings.visibility_timeout)
        others = [delivery for delivery in deliveries if delivery.key not in held]
        for delivery in deliveries:
            if delivery.key in held:
                delivery.lease_until = now + settings.visibility_timeout
        locked = self._store.find_held(settings, others) if others else set()
        for delivery in others:
            if delivery.key not in locked and self._lose(intake, delivery):
                text = "message %d of `%s`: its lease was lost"
                log.warning(text, delivery.msg_id, settings.name)

    def _lose(self, intake: Intake, delivery: Delivery) -> bool:
        """Let go of a delivery; False if its handler settles it itself."""
        if not intake.drop(delivery) and not self._crew.lose(delivery):
            return False
        self._shift.count(intake.settings.name, "lease_lost")
        delivery.lost = True
        return True


def _size(row: Row) -> int:
    """Bytes of headers and payload, or what they count as."""
    *_, headers, raw = row
    if raw is None:
        return LARGE
    return len(raw) + len(headers) if headers else len(raw)


_by_id = attrgetter("msg_id")
