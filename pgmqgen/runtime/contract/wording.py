"""How values, lists and expectations are worded in messages about payloads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from pgmqgen.runtime.contract.tags import unique

_WORD = re.compile(r"(?!(true|false|null)$)[A-Za-z_][\w.:/-]*")
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_LONGEST_VALUE = 60
_LONGEST_MESSAGE = 400
_MOST_VALUES = 10
_MOST_COMPARED = 300


def expected(options: Sequence[Any], *got: Any) -> str:
    """What is expected of a value, what it was, and which option was perhaps meant."""
    shown = [show(option) for option in unique(options[:_MOST_COMPARED])]
    more = len(options[_MOST_COMPARED:])
    message = f"expected {'one of ' if len(shown) > 1 else ''}{listed(shown, more)}"
    others = shown if len(shown) > 1 else []
    for value in got:
        message += f"; got `{show(value)}`"
        if isinstance(value, str) and (close := get_close_matches(show(value), others, n=1)):
            message += f"; did you mean `{close[0]}`?"
    return message


class Suggestions:
    """Which names were perhaps meant: of one payload no more than so many are compared."""

    def __init__(self) -> None:
        self._left = _MOST_COMPARED

    def word(self, unexpected: Sequence[str], missing: Sequence[str]) -> str:
        """Which missing names some unexpected ones were perhaps meant to be; empty if none."""
        shown = [shorten(name, _LONGEST_VALUE) for name in missing[:_MOST_COMPARED]]
        close: list[str] = []
        for name in unexpected[:_MOST_VALUES]:
            self._left -= len(shown)
            if self._left < 0:
                break
            close += get_close_matches(shorten(name, _LONGEST_VALUE), shown, n=1)
        return f"; did you mean {listed(unique(close))}?" if close else ""


def listed(names: Sequence[str], more: int = 0) -> str:
    """Names in backticks; of very many the first few, and how many more there are."""
    text = ", ".join(f"`{shorten(name, _LONGEST_VALUE)}`" for name in names[:_MOST_VALUES])
    more += len(names[_MOST_VALUES:])
    return f"{text} and {more} more" if more > 0 else text


def either(types: Iterable[str]) -> str:
    """`object, string or null`: types of JSON, each once and in a fixed order."""
    *first, last = sorted(set(types), key=_TYPES.index)
    return f"{', '.join(first)} or {last}" if first else last


def counted(number: int, noun: str) -> str:
    """`1 item`, `2 items`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def show(value: Any) -> str:
    """A value as JSON, without quotes if it is a word, and not too long."""
    if isinstance(value, str) and _WORD.fullmatch(value):
        return shorten(value, _LONGEST_VALUE)
    match value:
        case dict() | list():
            return "{...}" if isinstance(value, dict) else "[...]"
        case str():
            text = json.dumps(value[: 2 * _LONGEST_VALUE], ensure_ascii=False)
        case Decimal():
            text = str(value)
        case _:
            text = json.dumps(value)
    return shorten(text, _LONGEST_VALUE)


def shorten(text: str, length: int = _LONGEST_MESSAGE) -> str:
    """Leave out the middle of a long text: what is wrong stands at the end of a message."""
    half = (length - 3) // 2
    return text if len(text) <= length else f"{text[:half]}...{text[-half:]}"


def type_name(value: Any) -> str:
    """What JSON Schema calls the type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case dict():
            return "object"
        case list():
            return "array"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case _:  # a Decimal, too long to make an int of it
            return "integer" if value == value.to_integral_value() else "number"
