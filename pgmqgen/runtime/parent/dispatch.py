"""Who of a lane's slots gets which of the messages that wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from pgmqgen.runtime.parent.delivery import Delivery
from pgmqgen.runtime.parent.intake import ASYNC_LIMIT, SLOW_S, Intake, by_service
from pgmqgen.runtime.parent.slots import Slot

_CHUNK = 50
"""Most messages a frame: results come back, and queues take turns, by the chunk."""
AHEAD_S = 0.05
"""Handling time that a slot is given ahead."""


class Dispatcher:
    """Gives the backlogs of `intakes`, and what is in quarantine, to `slots`."""

    def __init__(
        self, slots: Sequence[Slot], intakes: Sequence[Intake], quarantine: deque[Delivery]
    ) -> None:
        self._slots = slots
        self._intakes = intakes
        self._quarantine = quarantine

    def run(self) -> None:
        """Send what waits to slots that have room, a chunk of each queue in turn."""
        self._run_quarantine()
        order = sorted(self._intakes, key=by_service)
        while order:
            order = [intake for intake in order if intake.backlog and self._dispatch_chunk(intake)]

    def _dispatch_chunk(self, intake: Intake) -> bool:
        slot, room = self._roomiest(intake)
        if slot is None:
            return False
        count = min(room, _CHUNK, len(intake.backlog))
        chunk = [intake.backlog.popleft() for _ in range(count)]
        cost_s = 0.0 if slot.is_async(intake.number) else intake.estimate_s
        for delivery in chunk:
            delivery.cost_s = cost_s
        slot.dispatch(intake.number, chunk)
        return True

    def _roomiest(self, intake: Intake) -> tuple[Slot | None, int]:
        best, most = None, 0
        for slot in self._slots:
            if slot.takes_work and not slot.reserved:
                room = min(_room(slot, intake), slot.room)
                if room > most:
                    best, most = slot, room
        return best, most

    def _run_quarantine(self) -> None:
        """Run one suspect with nothing beside it, in a slot that is set aside."""
        aside = next((slot for slot in self._slots if slot.reserved), None)
        if not self._quarantine:
            if aside is not None and not aside.holds():
                aside.reserved = False
            return
        if aside is None:
            aside = min(
                (slot for slot in self._slots if slot.takes_work),
                key=Slot.holds,
                default=None,
            )
            if aside is None:
                return
            aside.reserved = True
        if aside.takes_work and not aside.holds():
            delivery = self._quarantine.popleft()
            delivery.alone = True
            aside.dispatch(delivery.number, [delivery])


def _room(slot: Slot, intake: Intake) -> int:
    """How many messages of a queue a slot should be given now."""
    if slot.is_async(intake.number):
        return ASYNC_LIMIT - len(slot.asynchronous.held)
    held = len(slot.sync.held)
    if not held:
        return max(1, int(AHEAD_S / intake.estimate_s))
    if slot.blocked:
        return 0
    if held == 1 and intake.estimate_s < SLOW_S and slot.sync.load_s < SLOW_S:
        return max(1, int((AHEAD_S - slot.sync.load_s) / intake.estimate_s))
    return max(0, int((AHEAD_S - slot.sync.load_s) / intake.estimate_s))
