"""Shapes: schemas of the few keywords that normalised schemas have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Shape = dict[str, Any]
"""A schema of the few keywords that normalised schemas have."""

_CLASSES = "#/$defs/"
ANY: Shape = {}
NUMBER: Shape = {"type": "number", "customTypePath": "pgmqgen.runtime.number_types.Number"}
DECIMAL: Shape = {"type": "number", "customTypePath": "pgmqgen.runtime.number_types.DecimalNumber"}


def iterate(shapes: Iterable[Shape]) -> Iterator[Shape]:
    """Yield some shapes and all shapes inside of them; classes are referred to, not inside."""
    pending = [*shapes][::-1]
    while pending:
        shape = pending.pop()
        yield shape
        inside = [*shape.get("anyOf", ()), *shape.get("properties", {}).values()]
        inside += (shape.get(key) for key in ("items", "additionalProperties"))
        pending += reversed([child for child in inside if isinstance(child, dict)])


def class_of(shape: Shape) -> str:
    """Name of the class that a shape is, `""` if it is none."""
    ref = shape.get("$ref")
    return ref.removeprefix(_CLASSES) if isinstance(ref, str) else ""


def class_ref(name: str) -> Shape:
    """The shape that is a class."""
    return {"$ref": f"{_CLASSES}{name}"}
