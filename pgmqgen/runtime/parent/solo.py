"""The gate that lets a suspect message run with nothing else in the worker's hands.

A message whose leases ended unexplained several times may be what kills the host. It runs
alone, so that it takes no neighbour along.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable


class SoloGate:
    """Shared by the lanes of one worker, each of which calls `note` once a turn."""

    def __init__(self, lanes: int) -> None:
        self._lock = threading.Lock()
        self._lanes = lanes
        self._suspects: deque[tuple[int, int]] = deque()
        self._quiet: set[Hashable] = set()
        self._running = False

    @property
    def closed(self) -> bool:
        """Whether suspects wait or run; no lane may lease meanwhile."""
        return bool(self._suspects) or self._running

    def add(self, number: int, msg_id: int) -> None:
        """Close the gate for a message of queue `number` that is to run alone."""
        with self._lock:
            if (number, msg_id) not in self._suspects:
                self._suspects.append((number, msg_id))
            self._quiet.clear()

    def note(self, lane: Hashable, quiet: bool) -> None:
        """A lane says whether it holds anything."""
        if not self.closed:
            return
        with self._lock:
            if quiet:
                self._quiet.add(lane)
            else:
                self._quiet.discard(lane)

    def take(self) -> tuple[int, int] | None:
        """The next suspect to lease alone, once all lanes are quiet; then call `done`."""
        with self._lock:
            if self._running or not self._suspects or len(self._quiet) < self._lanes:
                return None
            self._running = True
            return self._suspects.popleft()

    def done(self) -> None:
        """The suspect was settled, or was not to be had."""
        with self._lock:
            self._running = False
            self._quiet.clear()
