"""The keywords that compare numbers, in exact arithmetic.

jsonschema-rs compares most numbers exactly, but a long decimal and a whole number as doubles.
These classes take over where a message holds a long number.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any, TypeGuard

from pgmqgen.numbers import exact_decimal

_UNROUNDED = Context(prec=200_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Holds the quotient of any two numbers that PostgreSQL's jsonb can hold."""


def _keyword(holds: Callable[[Decimal, Decimal], bool], message: str, *, beside: str = "") -> type:
    """A keyword's class for jsonschema-rs; in draft 4, `true` stands for the bound `beside` it."""

    class Keyword:
        def __init__(self, schema: dict[str, Any], bound: Any, path: list[str | int]) -> None:
            self._bound = schema.get(beside) if bound is True else bound

        def validate(self, instance: Any) -> None:
            if not (_is_number(instance) and _is_number(self._bound)):
                return
            if not holds(exact_decimal(instance), exact_decimal(self._bound)):
                raise ValueError(f"{instance} {message} {self._bound}")

    return Keyword


def _is_number(value: Any) -> TypeGuard[int | float | Decimal]:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_multiple(number: Decimal, unit: Decimal) -> bool:
    return not _UNROUNDED.remainder(number, unit)


EXACT_KEYWORDS = {
    "minimum": _keyword(operator.ge, "is less than the minimum of"),
    "maximum": _keyword(operator.le, "is greater than the maximum of"),
    "exclusiveMinimum": _keyword(
        operator.gt, "is less than or equal to the minimum of", beside="minimum"
    ),
    "exclusiveMaximum": _keyword(
        operator.lt, "is greater than or equal to the maximum of", beside="maximum"
    ),
    "multipleOf": _keyword(_is_multiple, "is not a multiple of"),
}
