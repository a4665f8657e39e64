"""The slots of one lane: who is there, who is late, who has died.

The crew hands results to its lane; what they mean for the database is the lane's business.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from selectors import BaseSelector
from typing import Protocol

from pgmqgen.errors import RegistryError
from pgmqgen.runtime import wire
from pgmqgen.runtime.outcome import Completed, Failed, Failure, Result, Settled
from pgmqgen.runtime.parent.channel import Channel
from pgmqgen.runtime.parent.delivery import Delivery
from pgmqgen.runtime.parent.dispatch import Dispatcher
from pgmqgen.runtime.parent.intake import Intake
from pgmqgen.runtime.parent.shift import Shift
from pgmqgen.runtime.parent.slots import Remains, Slot
from pgmqgen.runtime.parent.succession import Succession

log = logging.getLogger("pgmqgen.worker")

_INSPECT_S = 0.02
_INSPECT_ASYNC_S = 0.2
_STUCK_S = 0.25
"""A handler that has run this long loses the messages that wait behind it."""
_LOOP_GRACE_S = 2.0
"""How long an event loop may take to cancel a handler at its time limit."""
_STOP_S = 5.0
_HIRE_AGAIN_S = 1.0
_MOST_STARTUP_DEATHS = 5
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Results(Protocol):
    """Where a crew reports to."""

    def finish(self, delivery: Delivery, result: Result) -> None: ...

    def complete(self, number: int, deliveries: Sequence[Delivery]) -> None: ...

    def take_control(self, slot: Slot, frame: wire.Frame) -> None: ...


class Crew:
    """Keeps `size` slots alive and busy with the backlogs of `intakes`."""

    def __init__(
        self,
        shift: Shift,
        intakes: Sequence[Intake],
        selector: BaseSelector,
        results: Results,
        numbers: Sequence[int],
    ) -> None:
        self.slots: list[Slot] = []
        self.quarantine: deque[Delivery] = deque()
        self._dispatcher = Dispatcher(self.slots, intakes, self.quarantine)
        self._shift = shift
        self._intakes = intakes
        self._selector = selector
        self._results = results
        self._numbers = dict.fromkeys(numbers)  # of the slots, for their contexts
        self._size = len(numbers)
        self._names: dict[Slot, int] = {}
        self._succession = Succession(shift, self.slots, self._start_successor, self._retire)
        self._deaths = 0  # in a row, of processes that had done nothing
        self._startup_deaths = 0
        self._hire_at = 0.0
        self._inspected_at = 0.0
        self._inspected_async_at = 0.0

    @property
    def ready(self) -> list[Slot]:
        """The slots that take messages."""
        return [slot for slot in self.slots if slot.takes_work]

    @property
    def stranded(self) -> bool:
        """Whether every slot is taken by a handler that runs long."""
        return bool(self.slots) and all(slot.blocked for slot in self.slots)

    @property
    def complete(self) -> bool:
        """Whether every slot is ready."""
        return len(self.ready) == self._size

    def holds(self) -> int:
        """How many deliveries the slots and the quarantine hold."""
        return len(self.quarantine) + sum(slot.holds() for slot in self.slots)

    def deliveries(self) -> Iterator[Delivery]:
        """Every delivery that the slots and the quarantine hold a lease of."""
        yield from self.quarantine
        for slot in self.slots:
            yield from slot.deliveries()

    def lose(self, delivery: Delivery) -> bool:
        """The lease of what is held is lost; False if its handler settles it itself."""
        if delivery in self.quarantine:
            self.quarantine.remove(delivery)
            self._results.finish(delivery, _SETTLED)
            return True
        holders = (slot for slot in self.slots if slot.find(delivery.ticket) is delivery)
        return any(slot.lose(delivery) for slot in holders)

    def hire(self, now: float) -> None:
        """Start the slots that are missing, after a pause if the last ones died at once."""
        if now < self._hire_at:
            return
        serving = {number for slot, number in self._names.items() if not slot.retiring}
        for number in self._numbers.keys() - serving:
            if self._start(number) is None:
                self._hire_at = now + _HIRE_AGAIN_S
                return

    def _start(self, number: int) -> Slot | None:
        options = {**self._shift.child_options, "number": number}
        generation = self._shift.generation
        on_control = self._results.take_control
        try:
            slot = Slot(options, self._selector, self._on_done, on_control, generation)
        except OSError as error:  # no more processes, memory or descriptors for now
            log.error("cannot start a process: %s; trying again in %g s", error, _HIRE_AGAIN_S)
            return None
        self.slots.append(slot)
        self._names[slot] = number
        return slot

    def _start_successor(self, slot: Slot) -> Slot | None:
        return self._start(self._names[slot])

    def _retire(self, old: Slot, new: Slot) -> None:
        old.retiring = True
        self._requeue(old.recall())
        for intake in self._intakes:
            intake.is_async = new.is_async(intake.number)

    def dispatch(self) -> None:
        """Send what waits to slots that have room."""
        self._dispatcher.run()

    # Taking in

    def _on_done(self, slot: Slot, channel: Channel, frame: wire.Frame) -> None:
        _, number, completed, others, seconds = frame
        if channel is slot.sync:
            slot.blocked = False
        begun = len(completed) + sum(1 for packed in others if packed[1] != "vetoed")
        self._intakes[number].learn(begun, seconds)
        self._results.complete(number, slot.take(channel, completed))
        for packed in others:
            ticket, result = wire.unpack_result(packed)
            for delivery in slot.take(channel, [ticket]):
                self._results.finish(delivery, result)

    # Looking after

    def inspect(self, now: float) -> None:
        """Replace the dead, enforce time limits, and free messages behind a slow handler."""
        if now - self._inspected_at < _INSPECT_S:
            return
        self._inspected_at = now
        look_at_async = now - self._inspected_async_at >= _INSPECT_ASYNC_S
        if look_at_async:
            self._inspected_async_at = now
        for slot in list(self.slots):
            if slot.state == "broken" or slot.has_died():
                self._replace(slot, now)
            elif slot.condemned is not None:
                slot.execute(now)
            elif slot.state == "ready":
                self._check_sync(slot, now)
                if look_at_async and slot.asynchronous.held:
                    self._check_async(slot, now)
            if slot.retiring and not slot.holds():
                slot.tell_to_stop()
        if not self._shift.stopping.is_set():
            self.hire(now)
        self._succession.run(now)

    def take_back(self) -> list[Delivery]:
        """Everything in the slots that has not begun; they will not begin it."""
        taken: list[Delivery] = []
        for slot in self.slots:
            if slot.holds():
                taken += slot.recall()
        return taken

    def empty_quarantine(self) -> list[Delivery]:
        """Everything that waits to run alone."""
        taken = list(self.quarantine)
        self.quarantine.clear()
        return taken

    def kill(self) -> list[Delivery]:
        """Kill every process; what they had not finished."""
        unfinished = self.empty_quarantine()
        for slot in self.slots:
            slot.kill()
        for slot in self.slots:
            remains = slot.bury()
            self._finish_ended(remains)
            unfinished += remains.running + remains.waiting
        self.slots.clear()
        return unfinished

    def dismiss(self) -> None:
        """Stop every idle process in good order."""
        for slot in self.slots:
            slot.tell_to_stop()
        deadline = time.monotonic() + _STOP_S
        for slot in self.slots:
            slot.stop(max(0.0, deadline - time.monotonic()))
        self.slots.clear()

    def _check_sync(self, slot: Slot, now: float) -> None:
        for delivery, started in slot.running(slot.sync):
            limit = delivery.limit_at or started + self._limit_s(delivery)
            if now >= limit:
                slot.condemn(delivery.ticket, now)
            elif now - started >= _STUCK_S and not slot.blocked:
                self._intakes[delivery.number].learn(1, now - started)
                slot.blocked = True
                self._free_waiting(slot)

    def _free_waiting(self, slot: Slot) -> None:
        for delivery in slot.harvest():
            self._results.finish(delivery, _COMPLETED)
        if len(slot.sync.held) > 1:
            self._requeue(slot.recall())

    def _check_async(self, slot: Slot, now: float) -> None:
        for delivery, started in slot.running(slot.asynchronous):
            limit = delivery.limit_at or started + self._limit_s(delivery)
            if now >= limit + _LOOP_GRACE_S:
                slot.condemn(delivery.ticket, now, is_async=True)
                return

    def _limit_s(self, delivery: Delivery) -> float:
        return self._intakes[delivery.number].settings.timeout

    def _replace(self, slot: Slot, now: float) -> None:
        was_starting = slot.state == "starting"
        remains = slot.bury()
        self.slots.remove(slot)
        del self._names[slot]
        if self._succession.gives_up(slot, now):
            return
        if slot.state == "broken":
            message, hint = slot.complaint
            self._shift.fail(RegistryError(message, hint=hint))
            return
        if not slot.retiring:
            log.warning("process %d is gone: %s", slot.pid, slot.epitaph())
            self._note_death(was_starting and not slot.completed, slot, now)
        self._finish_ended(remains)
        self._requeue(remains.waiting)
        self._judge(slot, remains)

    def _finish_ended(self, remains: Remains) -> None:
        for delivery in remains.settled:
            self._results.finish(delivery, _SETTLED)
        for delivery in remains.finished:
            self._results.finish(delivery, _COMPLETED)

    def _note_death(self, at_startup: bool, slot: Slot, now: float) -> None:
        """Wait ever longer before the next one, if processes die without having done anything."""
        self._deaths = 0 if slot.completed else self._deaths + 1
        if self._deaths:
            pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**self._deaths)
            self._hire_at = now + pause_s
        self._startup_deaths = self._startup_deaths + 1 if at_startup else 0
        if self._startup_deaths >= _MOST_STARTUP_DEATHS:
            self._shift.fail(
                RegistryError(
                    f"{slot.epitaph()} while it loaded the handlers, "
                    f"{self._startup_deaths} times in a row",
                    hint="import the handler modules in a Python shell to see why",
                )
            )

    def _judge(self, slot: Slot, remains: Remains) -> None:
        """Charge the death to the message that caused it, if that can be told."""
        condemned = [d for d in remains.running if d.ticket == slot.condemned]
        killed_for_sync = slot.condemned is not None and not (
            condemned and slot.is_async(condemned[0].number)
        )
        culprits: list[Delivery] = []
        suspects: list[Delivery] = []
        if killed_for_sync:  # the others that ran are no suspects, and it may just have finished
            culprits = condemned
        elif len(remains.running) == 1 and not remains.settled:
            culprits = remains.running
        else:
            suspects = remains.running
        for delivery in culprits:
            self._results.finish(delivery, Failed(self._failure(slot, delivery)))
        self.quarantine.extend(suspects)
        self._requeue([d for d in remains.running if d not in culprits and d not in suspects])

    def _failure(self, slot: Slot, delivery: Delivery) -> Failure:
        if delivery.ticket == slot.condemned:
            limit_s = self._limit_s(delivery)
            error = f"the handler ran longer than its limit of {limit_s:g} s"
            return Failure("timeout", error, slot.stack)
        return Failure("crash", slot.epitaph())

    def _requeue(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in reversed(deliveries):
            if delivery.alone:
                self.quarantine.appendleft(delivery)
            else:
                self._intakes[delivery.number].backlog.appendleft(delivery)


_COMPLETED, _SETTLED = Completed(), Settled()
