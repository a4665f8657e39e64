"""Which columns the tables of a queue have: older releases of pgmq have fewer.

`headers` came with pgmq 1.5, `last_read_at` with 1.10.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

_KEPT = ("msg_id", "read_ct", "enqueued_at", "last_read_at", "vt", "message")
"""What goes from a queue to its archive, headers apart."""


class Layout(NamedTuple):
    """Whether the tables of a queue have each of the columns that not all releases have."""

    headers: bool = True
    last_read_at: bool = True

    @classmethod
    def of(cls, columns: Collection[str]) -> Layout:
        """The layout of tables that have `columns`."""
        return cls(*(name in columns for name in cls._fields))

    def fill(self, template: str, **tables: str) -> str:
        """A statement of `sql` on `tables`, which have this layout."""
        kept = ", ".join(name for name in _KEPT if self.last_read_at or name != "last_read_at")
        return template.format(
            **tables,
            kept=kept,
            archived=f"{kept}, headers" if self.headers else kept,
            headers="q.headers" if self.headers else "NULL::jsonb",
            noted=", last_read_at = clock_timestamp()" if self.last_read_at else "",
        )


CURRENT = Layout()
