"""Times as PostgreSQL sends them: cheap to pass on, and read only if somebody asks.

Eight bytes: signed microseconds since the start of 2000, most significant byte first.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_START = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = (2**63 - 1).to_bytes(8, "big")


def read_instant(data: bytes) -> datetime:
    """The time (aware, UTC). Raises OverflowError for one that Python's calendar lacks."""
    return _START + timedelta(microseconds=int.from_bytes(data, "big", signed=True))


def instant_of(text: bytes) -> bytes:
    """The same of a time that PostgreSQL has written as text, in ISO style with an offset.

    What Python's calendar lacks, such as `infinity`, becomes one that it lacks, too.
    """
    try:
        time = datetime.fromisoformat(text.decode())
    except ValueError:
        return _NEVER
    return ((time - _START) // _MICROSECOND).to_bytes(8, "big", signed=True)
