"""The literals that `const` and `enum` are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pgmqgen.codegen.shapes import ANY, NUMBER, Shape, literal_of
from pgmqgen.codegen.unions import join


def literal(flat: Shape) -> Shape:
    """The shape of a schema with `const` or `enum`."""
    given = [flat["const"]] if "const" in flat else flat["enum"]
    values = [_whole(value) for value in given]
    literals = [value for value in values if _is_said(value)]
    others = [value for value in values if not _is_said(value)]
    shapes = [literal_of(literals)] if literals else []
    return join([*shapes, *map(_shape_of_value, others)]) if values else ANY


def _whole(value: Any) -> Any:
    """1 for 1.0, which JSON Schema takes for the same."""
    return int(value) if isinstance(value, float | Decimal) and value == int(value) else value


def _is_said(value: Any) -> bool:
    """Whether Python's literals say a value, and pydantic's hold it."""
    match value:
        case bool() | str():
            return True
        case int():
            return -(2**63) <= value < 2**63
        case _:
            return False


def _shape_of_value(value: Any) -> Shape:
    match value:
        case None:
            return {"type": "null"}
        case int():
            return {"type": "integer"}
        case float() | Decimal():
            return NUMBER
        case list():
            return {"type": "array", "items": ANY}
        case _:
            return {"type": "object", "additionalProperties": True}
