"""The vocabulary that the compiler and the runtime share: the settings of one queue."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

MAX_NAME_LENGTH = 47
"""What pgmq allows for the name of a queue."""

Kind = Literal["standard", "unlogged", "partitioned"]
Disposal = Literal["archive", "dead_letter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a failed message waits for its next attempt (all times in seconds).

    exponential: `initial * factor ** (attempt - 1)`, at most `max`; fixed: `initial` each time.
    `jitter` spreads each delay by up to that fraction, up or down.
    """

    kind: Literal["exponential", "fixed"] = "exponential"
    initial: float = 1.0
    factor: float = 2.0
    max: float = 3600.0
    jitter: float = 0.1

    def delay_s(self, attempt: int) -> float:
        """Seconds to wait after the failed attempt number `attempt` (the first is 1)."""
        delay = self.initial
        if self.kind == "exponential":
            try:
                delay = min(self.max, self.initial * self.factor ** (attempt - 1))
            except OverflowError:
                delay = self.max
        return max(0.0, delay * (1 + self.jitter * random.uniform(-1, 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """The contract of one queue, from `x-pgmq` and `[defaults]`; times are in seconds.

    name: the queue's name in pgmq
    kind: the kind of table that `migrate` creates
    visibility_timeout: the lease; extended while a handler runs
    timeout: the limit for one run of the handler
    max_attempts: failed attempts after which `on_failure` applies
    batch_size: most messages a lease; None adapts to the handler's speed
    notify: whether a statement-level trigger wakes the workers
    dead_letter_queue: name of the dead-letter queue; None means `<name>_dlq`
    """

    name: str
    kind: Kind = "standard"
    visibility_timeout: float = 30.0
    timeout: float = 300.0
    max_attempts: int = 5
    backoff: Backoff = field(default_factory=Backoff)
    on_failure: Disposal = "dead_letter"
    on_invalid: Disposal = "archive"
    on_success: Literal["delete", "archive"] = "delete"
    batch_size: int | None = None
    notify: bool = False
    dead_letter_queue: str | None = None

    @property
    def dlq(self) -> str:
        """Name of the dead-letter queue."""
        return self.dead_letter_queue or f"{self.name}_dlq"
