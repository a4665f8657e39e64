"""What bounds a worker and its processes, as its user sets it."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields

from pgmqgen.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a worker; None is none.

    max_messages: a process is replaced after this many
    max_memory_mb: and when its resident memory is above this many megabytes
    max_age: and when it is this many seconds old
    grace: seconds from the first signal until what still runs is killed
    fail_after: seconds without a database until the worker fails
    """

    max_messages: int | None = None
    max_memory_mb: float | None = None
    max_age: float | None = None
    grace: float | None = None
    fail_after: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and value <= 0 and field.name != "grace":
                raise ConfigError(f"`{field.name}` must be above 0, got {value}")
            if value is not None and value < 0:
                raise ConfigError(f"`{field.name}` must not be below 0, got {value}")


class Absence:
    """How long one part of a worker has been without the database.

    most_s: how long is borne, None for ever
    """

    def __init__(self, most_s: float | None) -> None:
        self._most_s = most_s
        self._since: float | None = None

    def end(self) -> None:
        """The database is there."""
        self._since = None

    def is_too_long(self) -> bool:
        """The database is away: whether it has been for too long."""
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        return self._most_s is not None and now - self._since >= self._most_s
