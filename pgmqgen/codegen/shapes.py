"""Shapes: schemas of the few keywords that normalised schemas have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Shape = dict[str, Any]
"""A schema of the few keywords that normalised schemas have."""

_CLASSES = "#/$defs/"
ANY: Shape = {}
EXTRA = "pgmqgen_extra"
"""Property of a class that stands for all which have no name: a map."""
NUMBER: Shape = {"type": "number", "customTypePath": "pgmqgen.runtime.number_types.Number"}
DECIMAL: Shape = {"type": "number", "customTypePath": "pgmqgen.runtime.number_types.DecimalNumber"}


def iterate(shapes: Iterable[Shape]) -> Iterator[Shape]:
    """Yield some shapes and all shapes inside of them; classes are referred to, not inside."""
    pending = [*shapes][::-1]
    while pending:
        shape = pending.pop()
        yield shape
        pending += reversed(parts(shape))


def parts(shape: Shape) -> list[Shape]:
    """The shapes directly inside of a shape."""
    inside = [*shape.get("anyOf", ()), *shape.get("properties", {}).values()]
    inside += shape.get("prefixItems", ())
    inside += (shape.get(key) for key in ("items", "additionalProperties"))
    return [child for child in inside if isinstance(child, dict)]


def reach(shapes: Iterable[Shape], classes: Mapping[str, Shape]) -> dict[str, Shape]:
    """The classes that some shapes lead to."""
    pending = [*shapes]
    seen: set[str] = set()
    while pending:
        for part in iterate([pending.pop()]):
            if (name := class_of(part)) and name not in seen:
                seen.add(name)
                pending.append(classes[name])
    return {name: shape for name, shape in classes.items() if name in seen}


def tuple_of(shapes: list[Shape]) -> Shape:
    """An array of exactly these items."""
    length = len(shapes)
    bounds = {"items": False, "minItems": length, "maxItems": length}
    return {"type": "array", "prefixItems": shapes, **bounds}


def literal_of(values: Iterable[Any]) -> Shape:
    """The literal of some texts, integers and truth values, each once: `true` is not 1."""
    return {"enum": [*{(type(value), value): value for value in values}.values()]}


def class_shape(properties: Shape, required: list[str], *, closed: bool, loose: bool) -> Shape:
    """The shape of a class; loose: it takes also what is no object."""
    base = "LooseModel" if loose else "ClosedModel" if closed else "OpenModel"
    shape = {
        "type": "object",
        "properties": properties,
        "required": required,
        "customBasePath": f"pgmqgen.runtime.models.{base}",
    }
    return {**shape, "additionalProperties": False} if closed and loose else shape


def is_loose(shape: Shape) -> bool:
    """Whether a class takes also what is no object."""
    return str(shape.get("customBasePath")).endswith(".LooseModel")


def class_of(shape: Shape) -> str:
    """Name of the class that a shape is, `""` if it is none."""
    ref = shape.get("$ref")
    return ref.removeprefix(_CLASSES) if isinstance(ref, str) else ""


def class_ref(name: str) -> Shape:
    """The shape that is a class."""
    return {"$ref": f"{_CLASSES}{name}"}
