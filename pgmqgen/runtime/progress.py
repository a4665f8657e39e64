"""The progress record: memory that a child and its parent share, one entry a delivery.

The child notes what it starts and finishes; the parent reads it when the child is silent or
dead. The parent recalls deliveries by raising `recall`: every ticket below it that has not
started must not start. The child marks an entry as running before it looks at `recall`, the
parent raises `recall` before it looks at the entries, so at most one of them runs it.
"""

from __future__ import annotations

import mmap
import os

CAPACITY = 2048
"""Entries, and so the most deliveries that one child holds."""

WAITING, RUNNING, DONE, SETTLING, SETTLED = 0, 1, 2, 3, 4
"""SETTLING: the handler runs, and has acknowledged its message in a transaction of its own, which
will commit or roll back; SETTLED: that transaction has committed."""

_DOOMED = 8
_STARTS = _DOOMED + 8
_STATES = _STARTS + 8 * CAPACITY
_LOSSES = _STATES + CAPACITY
_SIZE = _LOSSES + CAPACITY


class Progress:
    """One child's record, mapped from the file descriptor `fd`.

    states: WAITING, RUNNING, DONE, SETTLING or SETTLED for each entry
    starts: monotonic clock in seconds when the entry began to run
    losses: 1 for each entry whose message is leased by another now
    recall: a one-item view; tickets below it must not start
    doomed: a one-item view: the ticket of the sync handler that is past its time limit
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, _SIZE)
        self._view = memoryview(self._map)
        self.recall = self._view[:_DOOMED].cast("Q")
        self.doomed = self._view[_DOOMED:_STARTS].cast("Q")
        self.starts = self._view[_STARTS:_STATES].cast("d")
        self.states = self._view[_STATES:_LOSSES]
        self.losses = self._view[_LOSSES:]

    @classmethod
    def create(cls) -> Progress:
        """Make a new record, all entries waiting."""
        fd = anonymous_file("pgmqgen-progress")
        os.ftruncate(fd, _SIZE)
        return cls(fd)

    def close(self) -> None:
        """Release the memory; the record must not be used afterwards."""
        for view in (self.recall, self.doomed, self.starts, self.states, self.losses, self._view):
            view.release()
        self._map.close()
        os.close(self.fd)


class Entry:
    """One delivery's entry, as its handler's context sees it."""

    __slots__ = ("_index", "_record")

    def __init__(self, record: Progress, index: int) -> None:
        self._record = record
        self._index = index

    @property
    def is_lost(self) -> bool:
        """Whether the parent has found that the lease is lost."""
        return bool(self._record.losses[self._index])

    def note(self, state: int) -> None:
        """Tell the parent what the handler does: RUNNING, SETTLING or SETTLED."""
        self._record.states[self._index] = state


def anonymous_file(name: str) -> int:
    """The descriptor of an empty file that no folder holds."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    import tempfile  # where there is no memfd, as on macOS

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
