"""Where a look for due messages begins in the index on `vt`.

Every lease and every end of a message leaves a dead entry in that index, below all that are alive.
While somebody's old snapshot keeps them from being vacuumed, each look from the bottom would walk
over all of them. So a look begins where the one before came to, and only now and then at the bottom.
"""

from __future__ import annotations

BOTTOM = "-infinity"

SHARE = 10
"""Looks from the bottom take at most so small a part of the time: one in ten."""
LONGEST_S = 5.0


class Floor:
    """The floor of one queue, or of several that are looked at together.

    A message that becomes due below it, as one that was committed late, is found by the next look
    from the bottom: after ten times as long as such a look takes, and within 5 s.
    """

    def __init__(self) -> None:
        self._reached = BOTTOM
        self._bottom_at = 0.0

    def choose(self, now: float) -> str:
        """The timestamp to begin at; now: monotonic."""
        return self._reached if now < self._bottom_at else BOTTOM

    def note(self, chosen: str, reached: bytes, began: float, ended: float) -> None:
        """A look from `chosen` took from `began` to `ended`, and has come to `reached`."""
        self._reached = reached.decode()
        if chosen == BOTTOM:
            self._bottom_at = ended + min(LONGEST_S, SHARE * (ended - began))
