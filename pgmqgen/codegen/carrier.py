"""Shapes -> the schema that datamodel-code-generator gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pgmqgen.codegen.shapes import Shape, class_ref

ROOT = "PgmqgenRoot"
"""Class that has the shapes as its fields, and is taken out of the result again."""
_UNION = "PgmqgenUnion"


def carry(classes: Mapping[str, Shape], shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """Make the schema of some classes, and of a root with some shapes as its fields."""
    unions = _Unions()
    root = {"type": "object", "properties": shapes, "required": [*shapes]}
    lifted = {name: unions.lift(shape) for name, shape in {ROOT: root, **classes}.items()}
    return {**lifted.pop(ROOT), "$defs": {**lifted, **unions.by_name}}


class _Unions:
    """by_name: unions as definitions, where datamodel-code-generator would lose their tags."""

    def __init__(self) -> None:
        self.by_name: dict[str, Shape] = {}
        self._names: dict[str, str] = {}

    def lift(self, shape: Shape, *, inside: bool = False) -> Shape:
        """A shape that refers to its unions with a tag, if they are `inside` of more than a list."""
        lifted = dict(shape)
        if isinstance(values := shape.get("additionalProperties"), dict):
            lifted["additionalProperties"] = self.lift(values, inside=True)
        if isinstance(items := shape.get("items"), dict):
            lifted["items"] = self.lift(items)
        if "properties" in shape:
            fields = shape["properties"].items()
            lifted["properties"] = {name: self.lift(field) for name, field in fields}
        for keyword in shape.keys() & {"anyOf", "prefixItems"}:
            lifted[keyword] = [self.lift(part, inside=True) for part in shape[keyword]]
        return self._refer(lifted) if inside and "discriminator" in shape else lifted

    def _refer(self, union: Shape) -> Shape:
        key = json.dumps(union)
        name = self._names.setdefault(key, f"{_UNION}{len(self._names)}")
        self.by_name[name] = union
        return class_ref(name)
