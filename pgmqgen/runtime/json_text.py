"""JSON text in and out: strict, and exact for numbers of any size that PostgreSQL's jsonb holds."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

import orjson

from pgmqgen.errors import InvalidMessage, Violation
from pgmqgen.numbers import ExactFloat, fits, is_common, plain, read_number

T = TypeVar("T")

WIRE = "wire"
"""Mode of pydantic: JSON, but Decimals stay numbers."""

_JSON_ONLY = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_OUTLINE = bytes.maketrans(b"0123456789.eE+-", b"0" * 11 + b"ee--")
"""Shows where numbers stand: digits and points as 0, exponents as e, signs as -."""
_LONG = b"0" * 17
"""A number this long may not fit a double or 64 bits: 16 digits and a point, or more."""
_MISSED = object()
_NINE = b"0" * 9 + b"e"
_TINY = b"0e-000"
_DOUBTFUL = re.compile(rb"0{9}(?=e)|0(?=e-000)")
"""Other numbers with an exponent are in the range of a double, and exact where it is an integer."""


def parse_json(raw: bytes | str) -> Any:
    """Parse JSON text. Integers stay exact; a decimal that a double cannot hold is a Decimal.

    Raises InvalidMessage (keyword `json`) if `raw` is not JSON, or has a number that PostgreSQL's
    jsonb cannot hold.
    """
    return read_json(raw)[0]


def read_json(raw: bytes | str) -> tuple[Any, bool]:
    """Parse like `parse_json`; also tell whether there are uncommon numbers."""
    try:
        data = raw.encode() if isinstance(raw, str) else raw
        value = _MISSED if may_be_rounded(data) else _parse_fast(data)
        return _parse_exact(data) if value is _MISSED else (value, False)
    except (ValueError, RecursionError) as error:
        raise InvalidMessage([Violation("", "json", f"not JSON: {error}")]) from error


def read_leniently(raw: bytes | str) -> Any:
    """The JSON value; the text itself if it is not JSON, or nested too deeply to be read."""
    try:
        return parse_json(raw)
    except InvalidMessage:
        return raw if isinstance(raw, str) else raw.decode(errors="replace")


def may_be_rounded(data: bytes) -> bool:
    """Whether orjson could round a number in some text."""
    outline = data.translate(_OUTLINE)
    if _LONG in outline:
        return True
    # No number that jsonb writes has an exponent; but a text may look like one.
    if b"0e" not in outline or not (_NINE in outline or _TINY in outline):
        return False
    return any(
        _starts_number(data[max(0, match.end() - 18) : match.end()])
        for match in _DOUBTFUL.finditer(outline)
    )


def _starts_number(before: bytes) -> bool:
    """Whether digits are a number, and not a part of a text such as a UUID."""
    return before.rstrip(b"0123456789.-")[-1:] in (b"", b":", b",", b"[", b" ", b"\t", b"\r", b"\n")


def _parse_fast(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if "infinity" not in str(error):
            raise
        return _MISSED  # a number above the range of a double


def _parse_exact(data: bytes) -> tuple[Any, bool]:
    is_long = False

    def read(text: str) -> int | float | Decimal:
        nonlocal is_long
        number = read_number(text)
        is_long = is_long or not is_common(number)
        return number

    value = json.loads(data.decode(), parse_constant=_refuse, parse_float=read, parse_int=read)
    return value, is_long


def dump_json(value: Any) -> bytes:
    """Write a JSON value, whose numbers may be Decimals, as compact UTF-8 text.

    Raises InvalidMessage (keyword `json`) for what JSON or PostgreSQL's jsonb cannot hold:
    other Python objects, NaN and infinity, numbers that are too long, lone surrogates and the NUL
    character.
    """
    try:
        data = orjson.dumps(value, _write_number, _JSON_ONLY)
    except TypeError:
        return _dump_exact(value)
    _refuse_doubtful(data, value)
    return data


def dump_lines(values: list[Any]) -> bytes:
    """Write JSON values like `dump_json`, a line each.

    Raises InvalidMessage or TypeError if there may be one among them that `dump_json` refuses, or
    writes in another way.
    """
    data = b"\n".join([orjson.dumps(value, _write_number, _JSON_ONLY) for value in values])
    _refuse_doubtful(data, values)
    return data


def encode_each(
    encode: Callable[[T], bytes], payloads: Iterable[T], *, queue: str | None = None
) -> bytes:
    """The JSON texts of payloads, encoded one by one, a line each.

    Raises InvalidMessage with the violations of all of them, each pointer led by the payload's
    index.
    """
    encoded: list[bytes] = []
    violations: list[Violation] = []
    for index, payload in enumerate(payloads):
        try:
            encoded.append(encode(payload).replace(b"\n", b" "))  # only between tokens
        except InvalidMessage as error:
            violations += (
                Violation(f"/{index}{each.pointer}", each.keyword, each.message)
                for each in error.errors
            )
    if violations:
        raise InvalidMessage(violations, queue=queue)
    return b"\n".join(encoded)


def escape(step: str | int) -> str:
    """A step of a JSON pointer."""
    return str(step).replace("~", "~0").replace("/", "~1")


def _refuse_doubtful(data: bytes, value: Any) -> None:
    """Raise InvalidMessage if what was written as `data` holds what JSON or jsonb cannot."""
    # The backslash alone is found at once, if there is none. orjson writes NaN as null.
    if (b"\\" in data and b"\\u0000" in data) or (b"null" in data and _holds_infinity(value)):
        _refuse_flaws(value)


def _dump_exact(value: Any) -> bytes:
    _refuse_flaws(value)
    try:
        return orjson.dumps(plain(value), _write_number, _JSON_ONLY)
    except (TypeError, RecursionError) as error:
        raise InvalidMessage([Violation("", "json", f"not a JSON value: {error}")]) from error


def _write_number(value: Any) -> Any:
    """Write what orjson cannot: a Decimal, and a float that is of a class of its own."""
    match value:
        case ExactFloat():
            return _write_number(value.exact)
        case Decimal() if fits(value):
            return orjson.Fragment(str(value))
        case float():
            return float(value)
    raise TypeError(f"`{type(value).__name__}` is not a type of JSON")


def _refuse(name: str) -> Any:
    raise ValueError(f"`{name}` is not JSON")


def _holds_infinity(value: Any) -> bool:
    """Whether there is a NaN or an infinity in `value`: quick, as it is asked often."""
    pending = [value]
    while pending:
        item = pending.pop()
        kind = type(item)
        if kind is dict:
            pending += item.values()
        elif kind is list or kind is tuple:
            pending += item
        elif isinstance(item, float) and not math.isfinite(item):
            return True
    return False


def _refuse_flaws(value: Any) -> None:
    try:
        flaws = [Violation(pointer, "json", message) for pointer, message in _flaws(value, "")]
    except RecursionError as error:
        raise InvalidMessage([Violation("", "json", "nested too deeply")]) from error
    if flaws:
        raise InvalidMessage(flaws)


def _flaws(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield from ((pointer, flaw) for flaw in _text_flaws(value))
        case ExactFloat():
            yield from _flaws(value.exact, pointer)
        case float() if not math.isfinite(value):
            yield pointer, f"`{value}` is not a JSON number"
        case int() | Decimal() if not fits(value):
            yield pointer, "a number that PostgreSQL's jsonb cannot hold"
        case dict():
            for key, item in value.items():
                if not isinstance(key, str):
                    yield pointer, f"the key `{key!r}` is not a string"
                    continue
                yield from ((pointer, f"a key {flaw}") for flaw in _text_flaws(key))
                yield from _flaws(item, f"{pointer}/{escape(key)}")
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _flaws(item, f"{pointer}/{index}")
        case None | int() | float() | Decimal():
            pass
        case _ if not _is_written(value):
            yield pointer, f"a Python `{type(value).__name__}` is not a JSON value"


def _is_written(value: Any) -> bool:
    """Whether orjson writes what is of no type of JSON, such as a UUID."""
    try:
        orjson.dumps(value, option=_JSON_ONLY)
    except TypeError:
        return False
    return True


def _text_flaws(text: str) -> Iterator[str]:
    if "\0" in text:
        yield "contains the NUL character, which PostgreSQL's jsonb cannot store"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield "contains a lone surrogate, which is no Unicode text"
