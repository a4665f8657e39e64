"""What parent and child say to each other: length-prefixed frames of plain values.

Marshal carries only plain values, so nothing that a handler raises or returns can fail to
cross, and both ends run the same interpreter.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import struct
from collections import deque
from socket import MSG_DONTWAIT, socket
from typing import Any, NoReturn, cast

from pgmqgen.errors import Violation
from pgmqgen.runtime.outcome import Completed, Failed, Failure, Invalid, Result, Settled, Vetoed

_LENGTH = struct.Struct("!Q")
HEADER_SIZE = _LENGTH.size

GROUP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that reach a whole process group: a child leaves them to its parent."""

DUMP_SIGNAL = signal.SIGUSR2
"""Makes a child write where its threads are to a file that its parent reads."""

Frame = tuple[Any, ...]

# Parent to child
START = 0  # (START, options)
RUN = 1  # (RUN, queue number, [job, ...])
STOP = 2  # (STOP,)
LOST = 7  # (LOST, ticket): on the async socket, of a delivery whose lease is lost
# Child to parent
READY = 3  # (READY, [whether the handler is async, for each queue])
BROKEN = 4  # (BROKEN, message, hint)
DONE = 5  # (DONE, queue number, [ticket that completed, ...], [packed result, ...], seconds)
# Child to parent and back, on the control socket
CONTROL = 6  # (CONTROL, verb, ticket, seconds) -> (CONTROL, whether it was applied)

Row = tuple[int, int, bytes, bytes, bytes | None, bytes | None, bytes | None]
"""What a lease returns: msg_id, read_ct, enqueued_at and vt as `read_instant` reads them, what earlier
leases recorded, headers, message; without the last two if it is large"""

Job = tuple[int, int, int, Row]
"""ticket, progress index, attempt, what was leased"""


def pack_frame(frame: Frame) -> bytes:
    """Encode one frame with its length in front."""
    body = marshal.dumps(frame)
    return _LENGTH.pack(len(body)) + body


class FrameBuffer:
    """Collects received bytes and gives whole frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Add received bytes; return the frames that are complete now."""
        self._data += data
        frames: list[Frame] = []
        start = 0
        while len(self._data) - start >= HEADER_SIZE:
            (length,) = _LENGTH.unpack_from(self._data, start)
            end = start + HEADER_SIZE + length
            if len(self._data) < end:
                break
            with memoryview(self._data) as view:
                frames.append(cast(Frame, marshal.loads(view[start + HEADER_SIZE : end])))
            start = end
        del self._data[:start]
        return frames


RECEIVE_SIZE = 1 << 18
_ORPHANED = 70


class FrameReader:
    """In a child: blocks for the parent's next frame; ends the process if the parent is gone."""

    def __init__(self, sock: socket) -> None:
        self._sock = sock
        self._buffer = FrameBuffer()
        self._frames: deque[Frame] = deque()

    def read(self) -> Frame:
        """The next frame."""
        while not self._frames:
            data = self._sock.recv(RECEIVE_SIZE) or end_orphaned()
            self._frames.extend(self._buffer.feed(data))
        return self._frames.popleft()

    def waiting(self) -> int:
        """How many jobs have arrived, and are not read yet. Does not block."""
        with contextlib.suppress(BlockingIOError):
            data = self._sock.recv(RECEIVE_SIZE, MSG_DONTWAIT) or end_orphaned()
            self._frames.extend(self._buffer.feed(data))
        return sum(len(frame[2]) for frame in self._frames if frame[0] == RUN)


def end_orphaned() -> NoReturn:
    """In a child: end at once, for whoever could use a result is gone."""
    os._exit(_ORPHANED)


def pack_result(ticket: int, result: Result) -> tuple[Any, ...]:
    """A result as plain values. `unpack_result` is its inverse."""
    match result:
        case Completed():
            return (ticket, "completed")
        case Settled():
            return (ticket, "settled")
        case Vetoed(delay_s):
            return (ticket, "vetoed", delay_s)
        case Failed(failure, verdict, delay_s):
            return (ticket, "failed", _pack_failure(failure), verdict, delay_s)
        case Invalid(failure, verdict, delay_s):
            return (ticket, "invalid", _pack_failure(failure), verdict, delay_s)


def unpack_result(packed: tuple[Any, ...]) -> tuple[int, Result]:
    """Ticket and result of a packed result."""
    match packed:
        case (ticket, "completed"):
            return ticket, Completed()
        case (ticket, "settled"):
            return ticket, Settled()
        case (ticket, "vetoed", delay_s):
            return ticket, Vetoed(delay_s)
        case (ticket, "failed", failure, verdict, delay_s):
            return ticket, Failed(_unpack_failure(failure), verdict, delay_s)
        case (ticket, "invalid", failure, verdict, delay_s):
            return ticket, Invalid(_unpack_failure(failure), verdict, delay_s)
    raise AssertionError(f"not a packed result: {packed!r}")


def _pack_failure(failure: Failure) -> tuple[Any, ...]:
    errors = [(error.pointer, error.keyword, error.message) for error in failure.errors]
    return (failure.reason, failure.error, failure.traceback, errors)


def _unpack_failure(packed: tuple[Any, ...]) -> Failure:
    reason, error, traceback, errors = packed
    return Failure(reason, error, traceback, tuple(Violation(*error) for error in errors))
