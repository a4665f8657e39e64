"""Replaces processes that have served long enough: the next one is ready before one leaves."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from pgmqgen.runtime.parent.shift import Shift
from pgmqgen.runtime.parent.slots import Slot

log = logging.getLogger("pgmqgen.worker")

_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
_LOOK_S = 0.25
_WEIGH_S = 2.0
_AGAIN_S = 60.0
"""How long the old processes go on when a new one could not load its handlers."""


class Succession:
    """Renews the processes of `slots`, one at a time.

    start: starts a process with the number of another
    retire: takes away what has not begun in a process, which then ends when the rest has
    """

    def __init__(
        self,
        shift: Shift,
        slots: Sequence[Slot],
        start: Callable[[Slot], Slot | None],
        retire: Callable[[Slot, Slot], None],
    ) -> None:
        self._shift = shift
        self._limits = shift.plan.limits
        self._slots = slots
        self._start = start
        self._retire = retire
        self._pair: tuple[Slot, Slot] | None = None
        self._generation = shift.generation
        self._look_at = 0.0
        self._weigh_at = 0.0

    def run(self, now: float) -> None:
        """Begin a replacement that is due, or end one whose new process is ready."""
        if self._generation != self._shift.generation:  # what failed before may not now
            self._generation, self._look_at = self._shift.generation, now
        if now < self._look_at or self._shift.stopping.is_set():
            return
        self._look_at = now + _LOOK_S
        if self._pair is None or self._pair[1] not in self._slots:
            self._pair = None
            self._begin(now)
        elif self._pair[1].state == "ready":
            old, new = self._pair
            self._pair = None
            if old in self._slots:
                log.info("process %d takes the place of %d", new.pid, old.pid)
                self._retire(old, new)

    def gives_up(self, slot: Slot, now: float) -> bool:
        """Whether a process that ended or cannot load its handlers was to replace another one.

        That other one goes on.
        """
        if self._pair is None or self._pair[1] is not slot or self._pair[0] not in self._slots:
            return False
        old, _ = self._pair
        self._pair = None
        self._look_at = now + _AGAIN_S
        reason = slot.complaint[0] or slot.epitaph()
        log.error("process %d goes on, as the next one failed: %s", old.pid, reason)
        return True

    def _begin(self, now: float) -> None:
        weighs = now >= self._weigh_at
        if weighs:
            self._weigh_at = now + _WEIGH_S
        for slot in self._slots:
            if slot.takes_work and not slot.reserved and self._is_due(slot, now, weighs):
                new = self._start(slot)
                if new is not None:
                    self._pair = slot, new
                return

    def _is_due(self, slot: Slot, now: float, weighs: bool) -> bool:
        limits = self._limits
        if slot.generation < self._shift.generation:
            return True
        if limits.max_messages and slot.completed >= limits.max_messages:
            return True
        if limits.max_age and now - slot.started_at >= limits.max_age:
            return True
        return bool(
            limits.max_memory_mb and weighs and resident_mb(slot.pid) > limits.max_memory_mb
        )


def resident_mb(pid: int) -> float:
    """Resident memory of a process in megabytes; 0 if it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * _PAGE_MB
    except FileNotFoundError:
        return _ask_ps(pid)


def _ask_ps(pid: int) -> float:
    """Where there is no /proc, as on macOS."""
    command = ["ps", "-o", "rss=", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(done.stdout.strip() or 0) / 1024
