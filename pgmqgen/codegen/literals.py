"""The literals that `const` and `enum` are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pgmqgen.codegen.shapes import ANY, NUMBER, Shape
from pgmqgen.codegen.unions import join


def literal(flat: Shape) -> Shape:
    """The shape of a schema with `const` or `enum`."""
    values = [flat["const"]] if "const" in flat else flat["enum"]
    kinds = {type(value) for value in values}
    said = (str, int) if int in kinds else (str, bool)
    literals = [value for value in values if type(value) in said and not _is_huge(value)]
    others = [value for value in values if type(value) not in said or _is_huge(value)]
    shapes: list[Shape] = [{"enum": list(dict.fromkeys(literals))}] if literals else []
    return join([*shapes, *map(_shape_of_value, others)]) if shapes or others else ANY


def _is_huge(value: Any) -> bool:
    """Whether pydantic's literals cannot hold a value."""
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def _shape_of_value(value: Any) -> Shape:
    match value:
        case None:
            return {"type": "null"}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float() | Decimal():
            return NUMBER
        case list():
            return {"type": "array", "items": ANY}
        case _:
            return {"type": "object", "additionalProperties": True}
