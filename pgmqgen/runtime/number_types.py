"""Types of generated models for numbers: none is ever rounded."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from pgmqgen.runtime.numbers import ExactFloat


def _to_float(number: Decimal) -> float:
    nearest = ExactFloat(number)
    nearest.exact = number
    return nearest


def _to_decimal(number: float) -> Decimal:
    return number.exact if isinstance(number, ExactFloat) else Decimal(repr(number))


_DECIMAL = core_schema.is_instance_schema(Decimal)
_NUMBER = core_schema.union_schema(
    [
        core_schema.int_schema(strict=True),
        core_schema.is_instance_schema(float, serialization=core_schema.simple_ser_schema("float")),
        core_schema.no_info_after_validator_function(
            _to_float,
            _DECIMAL,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: getattr(value, "exact", value)
            ),
        ),
    ],
    mode="left_to_right",
)
_EXACT = core_schema.union_schema(
    [
        _DECIMAL,
        core_schema.no_info_after_validator_function(Decimal, core_schema.int_schema(strict=True)),
        core_schema.no_info_after_validator_function(
            _to_decimal, core_schema.is_instance_schema(float)
        ),
    ],
    mode="left_to_right",
    serialization=core_schema.to_string_ser_schema(when_used="json"),
)

Number: TypeAlias = Annotated[int | float, GetPydanticSchema(lambda *_: _NUMBER)]
"""`number`: an int or a float. A Decimal is taken as well, and written as it is."""
DecimalNumber: TypeAlias = Annotated[Decimal, GetPydanticSchema(lambda *_: _EXACT)]
"""`number` of the format `decimal`: a Decimal."""
