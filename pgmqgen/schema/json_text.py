"""A strict JSON parser (RFC 8259) that keeps the place of every key and value."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, NoReturn

from pgmqgen.numbers import read_number
from pgmqgen.schema.text import MAX_DEPTH, Lines, Place, Pointer, Problem, check_size, duplicate_key

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[^\s,:\[\]{}\"]+")
_WORDS = {"true": True, "false": False, "null": None}


class JsonParser:
    """Parses one text; `keys` and `values` are filled in with places."""

    def __init__(self, text: str, keys: dict[Pointer, Place], values: dict[Pointer, Place]) -> None:
        self._text = text
        self._lines = Lines(text)
        self._keys, self._values = keys, values
        self._problems: list[Problem] = []

    def parse(self) -> tuple[Any, list[Problem]]:
        """Return the value and its doubtful places. Raises Problem at a syntax error."""
        value, end = self._value(self._skip(0), ())
        end = self._skip(end)
        if end < len(self._text):
            self._fail(end, f"expected the end of the file, got {self._show(end)}")
        return value, self._problems

    def _value(self, start: int, pointer: Pointer) -> tuple[Any, int]:
        self._values[pointer] = self._lines.place(start)
        check_size(len(self._values), self._values[pointer])
        if len(pointer) > MAX_DEPTH:
            self._fail(start, f"nested deeper than {MAX_DEPTH} levels")
        match self._text[start : start + 1]:
            case "{":
                return self._object(start + 1, pointer)
            case "[":
                return self._array(start + 1, pointer)
            case '"':
                return self._string(start)
            case _:
                return self._scalar(start)

    def _object(self, at: int, pointer: Pointer) -> tuple[dict[str, Any], int]:
        result: dict[str, Any] = {}
        at = self._skip(at)
        if self._text.startswith("}", at):
            return result, at + 1
        while True:
            at = self._member(at, pointer, result)
            if self._text.startswith("}", at):
                return result, at + 1
            at = self._comma(at, "}")

    def _member(self, at: int, pointer: Pointer, result: dict[str, Any]) -> int:
        if not self._text.startswith('"', at):
            message = f'expected a key in `"`, got {self._show(at)}'
            self._fail(at, message, self._word_hint(at))
        key, end = self._string(at)
        place = self._lines.place(at)
        if key in result:
            self._problems.append(duplicate_key(key, place, self._keys[(*pointer, key)]))
        self._keys[(*pointer, key)] = place
        end = self._skip(end)
        if not self._text.startswith(":", end):
            self._fail(end, f"expected `:` after the key `{key}`, got {self._show(end)}")
        result[key], end = self._value(self._skip(end + 1), (*pointer, key))
        return self._skip(end)

    def _array(self, at: int, pointer: Pointer) -> tuple[list[Any], int]:
        result: list[Any] = []
        at = self._skip(at)
        if self._text.startswith("]", at):
            return result, at + 1
        while True:
            item, at = self._value(at, (*pointer, len(result)))
            result.append(item)
            at = self._skip(at)
            if self._text.startswith("]", at):
                return result, at + 1
            at = self._comma(at, "]")

    def _comma(self, at: int, closing: str) -> int:
        if not self._text.startswith(",", at):
            self._fail(at, f"expected `,` or `{closing}`, got {self._show(at)}")
        following = self._skip(at + 1)
        if self._text.startswith(closing, following):
            self._fail(at, f"trailing comma before `{closing}`", "remove the comma")
        return following

    def _string(self, start: int) -> tuple[str, int]:
        try:
            value, end = scanstring(self._text, start + 1, True)
        except json.JSONDecodeError as error:
            self._fail(error.pos, f"in a string: {error.msg[0].lower()}{error.msg[1:]}")
        try:
            value.encode()
        except UnicodeEncodeError:
            self._fail(start, "the string holds a lone surrogate, which UTF-8 cannot write")
        return value, end

    def _scalar(self, start: int) -> tuple[Any, int]:
        if number := _NUMBER.match(self._text, start):
            return self._number(start, number), number.end()
        word = _WORD.match(self._text, start)
        if word is None or word[0] not in _WORDS:
            self._fail(start, f"expected a value, got {self._show(start)}", self._word_hint(start))
        return _WORDS[word[0]], word.end()

    def _word_hint(self, start: int) -> str | None:
        if self._text.startswith(("//", "/*", "#"), start):
            return "JSON has no comments: remove it, or write YAML"
        return 'put text in `"`' if _WORD.match(self._text, start) else None

    def _number(self, start: int, number: re.Match[str]) -> int | float | Decimal:
        try:
            return read_number(number[0])
        except ValueError as error:
            self._fail(start, str(error))

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return found.end() if found else at

    def _show(self, at: int) -> str:
        word = _WORD.match(self._text, at)
        return f"`{word[0] if word else self._text[at]}`" if at < len(self._text) else "the end"

    def _fail(self, at: int, message: str, hint: str | None = None) -> NoReturn:
        raise Problem("PGQ001", self._lines.place(at), message, hint)
