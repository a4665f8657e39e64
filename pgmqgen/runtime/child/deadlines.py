"""The time limits of the handlers on an event loop: one timer for all, set for the earliest.

Handlers of one queue have one limit, so a later one is hardly ever due sooner: a timer of its own for
each would be made and cancelled once a message, and fire for almost none.
"""

from __future__ import annotations

import asyncio


class Deadlines:
    """When the tasks of a loop are cancelled; all calls but `move_from_thread` on the loop's thread.

    loop: set once it runs
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by ticket
        self._due: dict[int, float] = {}  # in the time of the loop; of those not cancelled by it
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, ticket: int) -> bool:
        """Whether it has begun and not ended."""
        return ticket in self._tasks

    def begin(self, ticket: int, task: asyncio.Task[None], seconds: float) -> None:
        """Cancel `task` in so many seconds, unless it ends before."""
        assert self.loop is not None
        self._tasks[ticket] = task
        self._set(ticket, self.loop.time() + seconds)

    def end(self, ticket: int) -> bool:
        """It has ended; whether it was cancelled because its time was up."""
        del self._tasks[ticket]
        return self._due.pop(ticket, None) is None

    def cancel(self, ticket: int, reason: str) -> None:
        """Cancel it now, for another reason."""
        self._tasks[ticket].cancel(reason)

    def move_from_thread(self, ticket: int, seconds: float) -> None:
        """It is due so many seconds from now, unless its time is up already. From any thread."""
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self._move, ticket, self.loop.time() + seconds)

    def _move(self, ticket: int, due: float) -> None:
        if ticket in self._due:
            self._set(ticket, due)

    def _set(self, ticket: int, due: float) -> None:
        self._due[ticket] = due
        if self._timer is None or due < self._timer.when():
            self._wait_until(due)

    def _wait_until(self, due: float) -> None:
        assert self.loop is not None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(due, self._look)

    def _look(self) -> None:
        assert self.loop is not None
        self._timer, now = None, self.loop.time()
        for ticket in [ticket for ticket, due in self._due.items() if due <= now]:
            del self._due[ticket]
            self._tasks[ticket].cancel()
        if self._due:
            self._wait_until(min(self._due.values()))
