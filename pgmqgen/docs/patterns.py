"""A short text that matches a regular expression, for the expressions that schemas mostly have."""

from __future__ import annotations

import string

_CLASSES = {
    "d": string.digits,
    "w": "a" + string.ascii_lowercase + string.ascii_uppercase + string.digits + "_",
    "s": " ",
}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_SPECIAL = "()|[{*+?\\.^$"
_MOST_REPEATS = 64
_PREFERRED = "aA0" + string.ascii_lowercase + string.ascii_uppercase + string.digits


class NoSample(Exception):
    """The expression has a part for which no text can be made up here."""


def sample(pattern: str) -> str:
    """A text that is meant to match `pattern`: check it. Raises NoSample."""
    reader = _Reader(pattern)
    text = reader.alternatives()
    if not reader.ended:
        raise NoSample(pattern)
    return text


class _Reader:
    """Reads an expression from the left and makes up text for each part."""

    def __init__(self, pattern: str) -> None:
        self._pattern, self._at = pattern, 0

    @property
    def ended(self) -> bool:
        return self._at >= len(self._pattern)

    def alternatives(self) -> str:
        first = self._sequence()
        while self._skip("|"):
            other = self._sequence()
            first = first or other
        return first

    def _sequence(self) -> str:
        parts: list[str] = []
        while not self.ended and self._peek() not in "|)":
            parts.append(self._repeated(self._atom()))
        return "".join(parts)

    def _repeated(self, text: str) -> str:
        count = 1
        if self._peek() in ("*", "+", "?"):
            self._next()
        elif self._skip("{"):
            low, comma, high = self._until("}").partition(",")
            if not low.isdecimal() or int(low) > _MOST_REPEATS:
                raise NoSample(self._pattern)
            count = int(low) or (1 if comma and high != "0" else 0)
        self._skip("?")  # lazy or greedy, the text is the same
        return text * count

    def _atom(self) -> str:
        char = self._next()
        match char:
            case "^" | "$":
                return ""
            case ".":
                return "a"
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escape()[0]
            case _ if char in _SPECIAL:
                raise NoSample(self._pattern)
        return char

    def _group(self) -> str:
        if self._skip("?"):
            if self._skip("<"):
                if self._peek() in "=!":
                    raise NoSample(self._pattern)
                self._until(">")
            elif not self._skip(":"):
                raise NoSample(self._pattern)
        text = self.alternatives()
        if not self._skip(")"):
            raise NoSample(self._pattern)
        return text

    def _class(self) -> str:
        negated = self._skip("^")
        chars: set[str] = set()
        while not self._skip("]"):
            first = self._member()
            if len(first) == 1 and self._skip("-"):
                if self._peek() == "]":
                    chars |= {first, "-"}
                    continue
                last = self._member()
                chars |= {chr(code) for code in range(ord(first), min(ord(last), 0x17F) + 1)}
            else:
                chars |= set(first)
        fitting = [char for char in _PREFERRED if (char in chars) != negated]
        others = sorted(string.printable if negated else chars)
        found = next(iter([*fitting, *(char for char in others if (char in chars) != negated)]), "")
        if not found:
            raise NoSample(self._pattern)
        return found

    def _member(self) -> str:
        char = self._next()
        return self._escape() if char == "\\" else char

    def _escape(self) -> str:
        char = self._next()
        if char in _CLASSES:
            return _CLASSES[char]
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char.isalnum():
            raise NoSample(self._pattern)
        return char

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _next(self) -> str:
        if self.ended:
            raise NoSample(self._pattern)
        self._at += 1
        return self._pattern[self._at - 1]

    def _skip(self, char: str) -> bool:
        found = self._peek() == char
        self._at += found
        return found

    def _until(self, char: str) -> str:
        end = self._pattern.find(char, self._at)
        if end < 0:
            raise NoSample(self._pattern)
        text, self._at = self._pattern[self._at : end], end + 1
        return text
