"""Numbers that stay what they were in JSON, however long: never rounded on the way through.

A number that neither 64 bits nor a double holds is an int or a Decimal in a JSON value. A double
holds a decimal when it is written as the same number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Context, Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

_DIGITS_BEFORE_POINT = 131_072
_DIGITS_AFTER_POINT = 16_383
_DIGITS_OF_INT = 4300
"""Python reads and writes no longer text as an int."""
_QUICK_DIGITS = 600
"""The time that Python needs to read or write an int grows with the square of its digits."""
_QUICK_BITS = 2000
_UNROUNDED = Context(prec=_DIGITS_BEFORE_POINT + 1, traps=[])
"""Rounds only what jsonb cannot hold anyway."""
_WORD = 2**63
_WHOLE = 2**53
"""From here on, floats are whole numbers, and not the ones that they are written as."""
_UNFIT = "a number that PostgreSQL's jsonb cannot hold"


class ExactFloat(float):
    """The nearest float to a number that no float is; `exact` is the number itself."""

    exact: Decimal


def fits(number: int | Decimal) -> bool:
    """Whether PostgreSQL's jsonb can hold a number."""
    if isinstance(number, int):
        if number.bit_length() <= 64:
            return True
        if number.bit_length() > 3.33 * _DIGITS_BEFORE_POINT:  # do not ask for its digits
            return False
        number = exact_decimal(number)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):  # NaN, infinity
        return False
    return -exponent <= _DIGITS_AFTER_POINT and number.adjusted() < _DIGITS_BEFORE_POINT


def is_common(number: int | float | Decimal) -> bool:
    """Whether jsonschema-rs compares a number exactly, whatever with."""
    match number:
        case int():
            return -_WORD <= number < _WORD
        case float():
            return abs(number) < _WHOLE
        case _:
            return False


def exact_decimal(number: int | float | Decimal) -> Decimal:
    """The Decimal that is the same number of JSON."""
    match number:
        case ExactFloat():
            return number.exact
        case float():
            return Decimal(repr(float(number)))
        case int():
            return _to_decimal(abs(number)).copy_sign(Decimal(-1 if number < 0 else 1))
        case _:
            return number


def read_decimal(text: str) -> float | Decimal:
    """The number that a text with a point or an exponent is. Raises ValueError if it is too long."""
    number = float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"the exponent of `{text[:40]}` is out of range") from None
    if Decimal(repr(number)) == exact:
        return number
    return _fitting(_pointless(exact))


def read_integer(text: str) -> int | Decimal:
    """The integer that a text is: a Decimal if Python writes no int of that length."""
    return int(text) if len(text) <= _DIGITS_OF_INT else _fitting(Decimal(text))


def read_number(text: str) -> int | float | Decimal:
    """The number that a text is. Raises ValueError if it is too long."""
    return read_integer(text) if text.lstrip("+-").isdigit() else read_decimal(text)


def plain(value: Any) -> Any:
    """The same JSON value, with each number as int of 64 bits, float, or Decimal.

    Raises ValueError for a number that PostgreSQL's jsonb cannot hold.
    """
    return _replace_numbers(value, _plain)


def pointed(value: Any) -> Any:
    """The same JSON value, with a point in every integer that Python writes no int for."""
    return _replace_numbers(value, _pointed)


def spelt_out(value: Any) -> Any:
    """The same JSON value, with no exponents, and no point in an integer that Python can write."""
    return _replace_numbers(value, _spelt_out)


def without_fractions(value: Any) -> Any:
    """The same JSON value, with every number that has no fraction as an int."""
    return _replace_numbers(value, _whole)


def with_exact_ints(value: Any) -> Any:
    """The same JSON value, with an int for every integer of which pydantic makes none, or another.

    It needs a second for those that Python writes no int for, and rounds floats.
    """
    return _replace_numbers(value, _whole_if_inexact)


def holds_decimals(value: Any) -> bool:
    """Whether a JSON value has a number that neither 64 bits nor a double holds."""
    match value:
        case dict():
            return any(map(holds_decimals, value.values()))
        case list():
            return any(map(holds_decimals, value))
        case _:
            return isinstance(value, Decimal)


def is_common_throughout(value: Any) -> bool:
    """Whether a JSON value is of what `json.loads` makes, and all of its numbers are common."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int or kind is float:
        return is_common(value)
    if kind is dict:
        return all(map(is_common_throughout, value.values()))
    return kind is list and all(map(is_common_throughout, value))


def write_json(value: Any, **options: Any) -> str:
    """JSON text as `json.dumps` writes it, with each Decimal as the number that it is."""
    mark = uuid4().hex
    text = json.dumps(value, default=lambda number: f"{mark}{number}{mark}", **options)
    return text.replace(f'"{mark}', "").replace(f'{mark}"', "")


def _replace_numbers(value: Any, replace: Callable[[Any], Any]) -> Any:
    match value:
        case bool():
            return value
        case int() | float() | Decimal():
            return replace(value)
        case dict():
            return {key: _replace_numbers(item, replace) for key, item in value.items()}
        case list() | tuple():
            return [_replace_numbers(item, replace) for item in value]
        case _:
            return value


def _plain(number: int | float | Decimal) -> int | float | Decimal:
    match number:
        case ExactFloat():
            return number.exact
        case float() if math.isfinite(number):
            return float(number)
        case int() if -_WORD <= number < _WORD:
            return int(number)
        case int() | Decimal() if fits(number):
            return _pointless(exact_decimal(number))
        case _:
            raise ValueError(_UNFIT)


def _pointed(number: int | float | Decimal) -> int | float | Decimal:
    text = str(number) if _is_long(number) else "."
    return number if "." in text or "E" in text else Decimal(f"{text}.0")


def _spelt_out(number: int | float | Decimal) -> int | float | Decimal:
    exact = exact_decimal(number)
    if _is_whole(exact):
        return _pointed(read_integer(f"{exact:.0f}"))
    return number if isinstance(number, float) else Decimal(f"{exact:f}")


def _whole(number: int | float | Decimal) -> int | float | Decimal:
    exact = exact_decimal(number)
    return _to_int(exact) if _is_whole(exact) else number


def _whole_if_inexact(number: int | float | Decimal) -> int | float | Decimal:
    is_rounded = isinstance(number, float) and _WHOLE <= abs(number) < _WORD
    return _whole(number) if is_rounded or _is_long(number) else number


def _is_long(number: int | float | Decimal) -> bool:
    """Whether a number could be an integer that Python writes no int for."""
    return isinstance(number, Decimal) and number.adjusted() >= _DIGITS_OF_INT


def _to_decimal(number: int) -> Decimal:
    if number.bit_length() <= _QUICK_BITS:
        return Decimal(number)
    half = number.bit_length() // 2
    upper = _UNROUNDED.multiply(_to_decimal(number >> half), _UNROUNDED.power(2, half))
    return _UNROUNDED.add(upper, _to_decimal(number & ((1 << half) - 1)))


def _to_int(number: Decimal) -> int:
    digits = _read_digits(f"{number.copy_abs():.0f}")
    return -digits if number < 0 else digits


def _is_whole(number: Decimal) -> bool:
    return number == number.to_integral_value()


def _read_digits(digits: str) -> int:
    if len(digits) <= _QUICK_DIGITS:
        return int(digits)
    half = len(digits) // 2
    return _read_digits(digits[:-half]) * int(10**half) + _read_digits(digits[-half:])


def _pointless(number: Decimal) -> Decimal:
    """The same number, without a point if it has no fraction: else it may be compared as a double."""
    whole = number.to_integral_value()
    return whole if whole == number else number


def _fitting(number: Decimal) -> Decimal:
    if not fits(number):
        raise ValueError(_UNFIT)
    return number
