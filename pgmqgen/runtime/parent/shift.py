"""What the threads of one worker share: its plan, whether to stop, its counts and events."""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pgmqgen.errors import PgmqgenError
from pgmqgen.runtime.database.layout import Layout
from pgmqgen.runtime.hooks import Hooks, overrides
from pgmqgen.runtime.parent.plan import Plan
from pgmqgen.runtime.parent.solo import SoloGate

log = logging.getLogger("pgmqgen.worker")

Event = Callable[[], None]
_EVENTS_BEHIND = 10_000


class Flag:
    """Once raised, it stays so. A signal handler may raise it, unlike a threading.Event: that takes
    a lock, which the thread that is interrupted may hold itself."""

    __slots__ = ("_is_set",)

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Raise it."""
        self._is_set = True

    def is_set(self) -> bool:
        """Whether it is raised."""
        return self._is_set


@dataclass(slots=True, eq=False)
class Shift:
    """The shared state of one run of a worker.

    open: every process is ready, leasing may begin
    stopping: lease no more, finish what runs; aborting: stop at once and give leases back
    events: what the main thread has to call: hooks, mostly
    counts: by (queue, what)
    layouts: of the tables of each queue, once the database was looked at
    generation: processes that were started in an earlier one are to be replaced
    retry_at: monotonic time by which the last retry that this worker scheduled is due
    missing: numbers of the queues that were dropped meanwhile
    """

    plan: Plan
    hooks: Hooks
    gate: SoloGate
    open: threading.Event = field(default_factory=threading.Event)
    stopping: Flag = field(default_factory=Flag)
    aborting: Flag = field(default_factory=Flag)
    events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    layouts: dict[str, Layout] = field(default_factory=dict)
    failure: PgmqgenError | None = None
    generation: int = 0
    retry_at: float = 0.0
    missing: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def child_options(self) -> dict[str, Any]:
        """What every child is told, in plain values."""
        layouts = [tuple(self.layouts[settings.name]) for settings in self.plan.settings]
        return {**self.plan.options, "layouts": layouts}

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

    def note_missing(self, number: int) -> None:
        """Say once that a queue was dropped."""
        with self._lock:
            if number not in self.missing:
                self.missing.add(number)
                name = self.plan.settings[number].name
                log.error("queue `%s` does not exist any more; the other queues go on", name)

    def note_found(self, numbers: Iterable[int]) -> None:
        """These queues are there, perhaps again."""
        with self._lock:
            self.missing.difference_update(numbers)

    def fail(self, error: PgmqgenError) -> None:
        """End the worker because of an error that no retry can mend."""
        with self._lock:
            self.failure = self.failure or error
        self.aborting.set()
        self.stopping.set()
        self.events.put(lambda: None)
