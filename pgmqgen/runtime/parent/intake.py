"""One queue as one lane serves it: what waits, what is to be settled, how much to lease."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.outcome import Decision
from pgmqgen.runtime.parent.delivery import Delivery

MAX_BATCH = 500
"""Most messages that one statement leases, unless a queue says less."""
ASYNC_LIMIT = 1000
"""Most async handlers that run at once in one process."""

SLOW_S = 0.1
"""A message that takes longer than this waits in the database, not behind another."""

_FIRST_GUESS_S = 0.02
_FLOOR_S = 0.00001
MOST_BYTES = 16 * 1024 * 1024
"""Of payloads that a lane holds of one queue."""
_MEMORY = 0.7


@dataclass(slots=True, eq=False, kw_only=True)
class Intake:
    """State of one queue in one lane.

    number: of the queue in this worker
    awake: whether it may hold visible messages
    backlog: leased, not yet sent to a slot
    in_hand: leased and not yet finished: the backlog and what the slots hold
    acks: handled well, to be acknowledged
    acked_since: monotonic time of the oldest of these
    held: bytes of the payloads in hand
    decided: failed or given back, to be settled
    estimate_s: what one message takes, as last seen
    extended_at: monotonic time when its leases were last looked at
    served_at: monotonic time when it was last leased from
    settle_at: monotonic time before which `decided` is not tried again, after an error
    rest_until: monotonic time before which the database is not asked again, after an error
    """

    number: int
    settings: QueueSettings
    is_async: bool = False
    awake: bool = True
    in_hand: int = 0
    estimate_s: float = _FIRST_GUESS_S
    acked_since: float = 0.0
    rest_until: float = 0.0
    extended_at: float = 0.0
    served_at: float = 0.0
    settle_at: float = 0.0
    held: int = 0
    backlog: deque[Delivery] = field(default_factory=deque)
    acks: list[Delivery] = field(default_factory=list)
    decided: list[tuple[Delivery, Decision]] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        """Whether nothing of this queue is in the lane's hands."""
        return not (self.in_hand or self.acks or self.decided)

    @property
    def backlog_s(self) -> float:
        """What the backlog is expected to take one slot."""
        return 0.0 if self.is_async else len(self.backlog) * self.estimate_s

    @property
    def room(self) -> int:
        """How many bytes of payloads more it may hold."""
        return MOST_BYTES - self.held

    def take(self, deliveries: Sequence[Delivery]) -> None:
        """Some deliveries were leased."""
        self.in_hand += len(deliveries)
        self.held += sum([delivery.size for delivery in deliveries])

    def part(self, deliveries: Sequence[Delivery]) -> None:
        """These are not in hand any more, though they may still have to be settled."""
        self.in_hand -= len(deliveries)
        self.held -= sum([delivery.size for delivery in deliveries])

    def acknowledge(self, deliveries: Sequence[Delivery], now: float) -> None:
        """Note messages that were handled well."""
        if not self.acks:
            self.acked_since = now
        for delivery in deliveries:
            delivery.row = None  # not wanted any more
        self.acks += deliveries

    def drop(self, delivery: Delivery) -> bool:
        """Forget a delivery whose lease is lost; False if a process has it."""
        if delivery in self.backlog:
            self.backlog.remove(delivery)
            self.part([delivery])
            return True
        acks, decided = len(self.acks), len(self.decided)
        self.acks = [each for each in self.acks if each is not delivery]
        self.decided = [pair for pair in self.decided if pair[0] is not delivery]
        return len(self.acks) < acks or len(self.decided) < decided

    def learn(self, count: int, seconds: float) -> None:
        """Adjust the estimate to `count` messages that took `seconds` in one process."""
        if count and not self.is_async:
            seen = seconds / count
            estimate = self.estimate_s * _MEMORY + seen * (1 - _MEMORY)
            self.estimate_s = max(_FLOOR_S, estimate, seen / 4)

    def wanted(self, slots: int, budget_s: float) -> int:
        """How many messages to lease now; 0 until enough are wanted to be worth a statement.

        slots: processes that can serve the queue; budget_s: handling time to keep in hand
        """
        if self.room < MOST_BYTES // 4:
            return 0
        most = min(self.settings.batch_size or MAX_BATCH, MAX_BATCH)
        if self.is_async:
            room = slots * ASYNC_LIMIT - self.in_hand
            return min(most, room) if room >= min(most, ASYNC_LIMIT // 8) else 0
        least = slots * (2 if self.estimate_s < SLOW_S else 1)
        goal = max(least, int(budget_s / self.estimate_s))
        # The next batch is asked for while one is still to be done: a statement takes as long.
        enough = most if self.settings.batch_size else MAX_BATCH * (slots + 1)
        if self.in_hand > min(goal, enough) // 2:
            return 0
        return min(most, goal - self.in_hand)


def by_service(intake: Intake) -> float:
    """Sorts first the queue that was leased from longest ago."""
    return intake.served_at
