"""Unions of shapes, and the literals that are unions of values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Shape = dict[str, Any]
"""A schema of the few keywords that normalised schemas have."""

ANY: Shape = {}
_BOOLEAN: Shape = {"type": "boolean"}


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
        case float():
            return {"anyOf": [{"type": "integer"}, {"type": "number"}]}
        case list():
            return {"type": "array", "items": ANY}
        case _:
            return {"type": "object", "additionalProperties": True}


def join(shapes: list[Shape]) -> Shape:
    """The union of shapes, without nesting and duplicates."""
    branches = [branch for shape in shapes for branch in shape.get("anyOf", [shape])]
    plain = [{key: branch[key] for key in branch if key != "description"} for branch in branches]
    if ANY in plain:
        return ANY
    flat: list[Shape] = []
    for branch in _widen_literals(plain):
        if branch not in flat:
            flat.append(branch)
    flat.sort(key=_BOOLEAN.__eq__)  # last, for pydantic takes 1.0 for true where it may
    return flat[0] if len(flat) == 1 else {"anyOf": flat}


def _widen_literals(branches: list[Shape]) -> Iterator[Shape]:
    """Python takes True for 1: a literal of the one kind must not meet the other kind."""
    kinds = {kind for branch in branches for kind in _scalar_kinds(branch)}
    if not {bool, int} <= kinds:
        yield from branches
        return
    for branch in branches:
        values = branch.get("enum", [])
        if texts := [value for value in values if isinstance(value, str)]:
            yield {"enum": texts}
        if any(type(value) is int for value in values):
            yield {"type": "integer"}
        if any(type(value) is bool for value in values):
            yield {"type": "boolean"}
        if "enum" not in branch:
            yield branch


def _scalar_kinds(branch: Shape) -> Iterator[type]:
    yield from map(type, branch.get("enum", ()))
    if branch.get("type") in ("integer", "number"):
        yield int
    if branch.get("type") == "boolean":
        yield bool


def discriminate(shapes: Any, classes: Mapping[str, Shape]) -> None:
    """Name the tag of every union whose branches are classes that share one."""
    for shape in iterate(shapes):
        branches = shape.get("anyOf", ())
        if branches and all(_is_class_ref(branch) for branch in branches):
            members = [classes[branch["$ref"].rpartition("/")[2]] for branch in branches]
            if tag := next(_shared_tags(members), None):
                shape["discriminator"] = {"propertyName": tag}


def iterate(shapes: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in some shapes."""
    if isinstance(shapes, dict):
        yield shapes
    if isinstance(shapes, dict | list):
        for child in shapes.values() if isinstance(shapes, dict) else shapes:
            yield from iterate(child)


def stub(shape: Shape) -> Shape:
    """What a union must know of a class: its tags."""
    tags = {key: value for key, value in shape["properties"].items() if "enum" in value}
    required = [key for key in shape["required"] if key in tags]
    return {"type": "object", "properties": tags, "required": required}


def _is_class_ref(branch: Any) -> bool:
    return isinstance(branch, dict) and str(branch.get("$ref")).startswith("#/$defs/")


def _shared_tags(members: list[Shape]) -> Iterator[str]:
    for tag in members[0]["required"]:
        values = [member["properties"].get(tag, ANY).get("enum", ()) for member in members]
        known = [value for enum in values for value in enum]
        required = all(tag in member["required"] for member in members)
        texts = all(values) and all(isinstance(value, str) for value in known)
        if required and texts and len(known) == len(set(known)) and tag.isidentifier():
            yield tag
