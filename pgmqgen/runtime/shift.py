"""What the threads of one worker share: its plan, whether to stop, its counts and events."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pgmqgen.errors import PgmqgenError
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.connector import Connector
from pgmqgen.runtime.hooks import Hooks, overrides
from pgmqgen.runtime.registry import Registry
from pgmqgen.runtime.solo import SoloGate

Event = Callable[[], None]
_EVENTS_BEHIND = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a worker was asked to do.

    registry: of the project
    settings: of each queue served, in order; a queue's number is its place here
    options: what every child is told
    """

    registry: Registry
    settings: tuple[QueueSettings, ...]
    processes: int
    connector: Connector
    options: dict[str, Any]

    @property
    def lock_timeout_s(self) -> float:
        """How long a statement waits for what somebody has locked.

        Well under the shortest lease, since leases must be extended meanwhile.
        """
        shortest = min(settings.visibility_timeout for settings in self.settings)
        return max(0.05, min(1.0, shortest / 5))

    @property
    def lanes(self) -> int:
        """How many lanes lease: two keep the database and the slots busy at the same time."""
        return min(2, self.processes)


@dataclass(slots=True, eq=False)
class Shift:
    """The shared state of one run of a worker.

    open: every process is ready, leasing may begin
    stopping: lease no more, finish what runs; aborting: stop at once and give leases back
    events: what the main thread has to call: hooks, mostly
    counts: by (queue, what)
    retry_at: monotonic time by which the last retry that this worker scheduled is due
    """

    plan: Plan
    hooks: Hooks
    gate: SoloGate
    open: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    aborting: threading.Event = field(default_factory=threading.Event)
    events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    failure: PgmqgenError | None = None
    retry_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, hook: str, event: Event, *, droppable: bool = False) -> None:
        """Have the main thread run `event` if `hook` is overridden.

        droppable: leave it out when the hooks have fallen far behind
        """
        if overrides(self.hooks, hook) and not (droppable and self.events.qsize() > _EVENTS_BEHIND):
            self.events.put(event)

    def count(self, name: str, what: str, number: int = 1) -> None:
        """Add to a queue's count."""
        with self._lock:
            self.counts[name, what] += number

    def expect_retry(self, due: float) -> None:
        """Note that a message of this worker is due again at the monotonic time `due`."""
        with self._lock:
            self.retry_at = max(self.retry_at, due)

    def fail(self, error: PgmqgenError) -> None:
        """End the worker because of an error that no retry can mend."""
        with self._lock:
            self.failure = self.failure or error
        self.aborting.set()
        self.stopping.set()
        self.events.put(lambda: None)
