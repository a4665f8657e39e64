"""Types of generated models for numbers: none is ever rounded."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import GetPydanticSchema, SerializationInfo
from pydantic_core import PydanticSerializationUnexpectedValue, core_schema

from pgmqgen.numbers import ExactFloat, exact_decimal


def _to_float(number: Decimal) -> float:
    nearest = ExactFloat(number)
    nearest.exact = number
    return nearest


def _write_exact(number: object) -> Decimal:
    match number:
        case ExactFloat():
            return number.exact
        case Decimal():
            return number
    # Then it is of another branch of the union around this one.
    raise PydanticSerializationUnexpectedValue("expected a Decimal or an ExactFloat")


def _write_decimal(number: object, info: SerializationInfo) -> Decimal | str:
    if not isinstance(number, Decimal):
        raise PydanticSerializationUnexpectedValue("expected a Decimal")
    return str(number) if info.mode == "json" else number


_DECIMAL = core_schema.is_instance_schema(Decimal)
_FLOAT = core_schema.json_or_python_schema(
    json_schema=core_schema.float_schema(strict=True),
    python_schema=core_schema.is_instance_schema(float),  # keeps an ExactFloat what it is
    serialization=core_schema.simple_ser_schema("float"),
)
_INT = core_schema.int_schema(strict=True)
_ROUNDED = core_schema.no_info_after_validator_function(
    _to_float,
    _DECIMAL,
    serialization=core_schema.plain_serializer_function_ser_schema(_write_exact),
)


def _any_of(*kinds: core_schema.CoreSchema) -> core_schema.CoreSchema:
    return core_schema.union_schema(
        list(kinds),
        mode="left_to_right",
        custom_error_type="number_type",
        custom_error_message="Input should be an int, a float or a Decimal",
    )


# In JSON text a float would take the integers, too. Of Python's values most are floats: those first,
# as each kind that does not fit costs time.
_NUMBER = core_schema.json_or_python_schema(
    json_schema=_any_of(_INT, _FLOAT, _ROUNDED), python_schema=_any_of(_FLOAT, _INT, _ROUNDED)
)
_EXACT = core_schema.union_schema(
    [
        _DECIMAL,
        core_schema.no_info_after_validator_function(
            exact_decimal, core_schema.int_schema(strict=True)
        ),
        core_schema.no_info_after_validator_function(exact_decimal, _FLOAT),
    ],
    mode="left_to_right",
    custom_error_type="number_type",
    custom_error_message="Input should be a Decimal, an int or a float",
    serialization=core_schema.plain_serializer_function_ser_schema(_write_decimal, info_arg=True),
)

Number: TypeAlias = Annotated[int | float, GetPydanticSchema(lambda *_: _NUMBER)]
"""`number`: an int or a float. A Decimal is taken as well, and written as it is."""
DecimalNumber: TypeAlias = Annotated[Decimal, GetPydanticSchema(lambda *_: _EXACT)]
"""`number` of the format `decimal`: a Decimal."""
