"""Places in a text, and what a parser found wrong there."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

Pointer = tuple[str | int, ...]
"""A JSON pointer as its steps: keys of objects and indexes of arrays."""

MAX_DEPTH = 100
"""How deep schemas may nest; parsers and walkers recurse."""


MAX_VALUES = 500_000
"""How many values a file may hold, counting those behind a YAML alias each time."""


class Place(NamedTuple):
    """A line and a column, both counted from 1."""

    line: int
    column: int


class Problem(Exception):
    """Why a text cannot be parsed, or what is doubtful in it."""

    def __init__(self, code: str, place: Place, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.place, self.message, self.hint = code, place, message, hint


class Lines:
    """Turns offsets in a text into places."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def place(self, offset: int) -> Place:
        """Place of the character at `offset`."""
        line = bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)


def check_size(count: int, place: Place) -> None:
    """Raise Problem where a file holds more values than are read."""
    if count > MAX_VALUES:
        message = f"more than {MAX_VALUES} values"
        raise Problem("PGQ001", place, message, "move large enumerations out of the schema")


def duplicate_key(key: str, place: Place, first: Place) -> Problem:
    """Say that an object has a key twice."""
    message = f"duplicate key `{key}`"
    return Problem("PGQ002", place, message, f"it is already set in line {first.line}: keep one")
