"""Numbers of things in words."""

from __future__ import annotations

_PLURALS = {"process": "processes"}


def counted(number: int, thing: str) -> str:
    """`1 queue`, `2,000 queues`."""
    return f"{number:,} {thing if number == 1 else _PLURALS.get(thing, thing + 's')}"
