"""Numbers that stay what they were in JSON, however long: never rounded on the way through.

A number that neither 64 bits nor a double holds is an int or a Decimal in a JSON value. A double
holds a decimal when it is written as the same number.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

_DIGITS_BEFORE_POINT = 131_072
_DIGITS_AFTER_POINT = 16_383
_DIGITS_OF_INT = 4300
"""Python reads no longer text as an int."""
_WORD = 2**63


class ExactFloat(float):
    """The nearest float to a number that no float is; `exact` is the number itself."""

    exact: Decimal


def fits(number: int | Decimal) -> bool:
    """Whether PostgreSQL's jsonb can hold a number."""
    if isinstance(number, int):
        if number.bit_length() <= 64:
            return True
        if number.bit_length() > 4 * _DIGITS_BEFORE_POINT:  # do not ask for its digits
            return False
        number = Decimal(number)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):  # NaN, infinity
        return False
    return -exponent <= _DIGITS_AFTER_POINT and number.adjusted() < _DIGITS_BEFORE_POINT


def read_decimal(text: str) -> float | Decimal:
    """The number that a text with a point or an exponent is. Raises ValueError if it is too long."""
    number = float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"the exponent of `{text[:40]}` is out of range") from None
    if Decimal(repr(number)) == exact:
        return number
    if not fits(exact):
        raise ValueError("a number has more digits than PostgreSQL's jsonb can hold")
    return exact


def read_integer(text: str) -> int | Decimal:
    """The integer that a text is: a Decimal if Python has no int of that length."""
    if len(text) <= _DIGITS_OF_INT:
        return int(text)
    exact = Decimal(text)
    if not fits(exact):
        raise ValueError("a number has more digits than PostgreSQL's jsonb can hold")
    return exact


def plain(value: Any) -> Any:
    """The same JSON value, with each number as int of 64 bits, float, or Decimal."""
    match value:
        case bool():
            return value
        case int() if not -_WORD <= value < _WORD:
            return Decimal(value)
        case ExactFloat():
            return value.exact
        case float():
            return float(value)
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value


def without_fractions(value: Any) -> Any:
    """The same JSON value, with every number that has no fraction as an int."""
    match value:
        case float() | Decimal() if value.as_integer_ratio()[1] == 1:
            return int(value)
        case dict():
            return {key: without_fractions(item) for key, item in value.items()}
        case list():
            return [without_fractions(item) for item in value]
        case _:
            return value
