"""Takes `$ref` and `allOf` out of a bundled schema, one level at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from pgmqgen.codegen.merge import merge
from pgmqgen.codegen.shapes import ANY, Shape
from pgmqgen.schema.keywords import DEFAULT_DRAFT, ITEMS_ARE_LISTED, REF_STANDS_ALONE, draft_of

SHAPING = frozenset({
    "$ref", "additionalProperties", "allOf", "anyOf", "const", "enum", "items", "oneOf",
    "prefixItems", "properties", "type",
})  # fmt: skip
"""Keywords that say what type a value has; the others only narrow it."""

ANNOTATIONS = ("title", "description", "deprecated")
"""Keywords that tell of the schema that they stand in, not of one that refers to it."""


_MOST_NESTED = 20
"""Unions with but one branch beside null may hold another such, and at last themselves."""


class Flattener:
    """Reads the parts of a bundled schema."""

    def __init__(self, schema: dict[str, Any] | bool) -> None:
        self._schema = schema
        draft = draft_of(schema) or DEFAULT_DRAFT
        self._ref_stands_alone = draft in REF_STANDS_ALONE
        self._items_are_listed = draft in ITEMS_ARE_LISTED
        self._inlined: list[str] = []  # references that `flatten` has followed

    def trace(self, schema: Any) -> tuple[Shape, list[str]]:
        """Flatten a schema and return also the references that went into it."""
        self._inlined = []
        flat = self.flatten(schema)
        return flat, list(self._inlined)

    def flatten(self, schema: Any, seen: tuple[str, ...] = ()) -> Shape:
        """One schema without `$ref` and `allOf` that admits what `schema` does, or more."""
        if not isinstance(schema, dict):
            return ANY
        ref = schema.get("$ref")
        if isinstance(ref, str) and self._ref_stands_alone:
            schema = {"$ref": ref}
        own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        parts = [*([{"$ref": ref}] if isinstance(ref, str) and len(schema) > 1 else [])]
        if isinstance(ref, str) and len(schema) == 1:
            self._inlined.append(ref)
            return ANY if ref in seen else self.flatten(self.resolve(ref), (*seen, ref))
        parts += schema.get("allOf", [])
        result: Shape = {}
        for part in parts:
            result = merge(result, self.flatten(part, seen))
        for annotation in ANNOTATIONS:
            result.pop(annotation, None)
        return merge(result, own) if parts else own

    def plain_ref(self, schema: Shape) -> str | None:
        """The reference that is all that a schema says of a value's type."""
        shaping = schema.keys() & SHAPING
        if shaping == {"allOf"} and len(schema["allOf"]) == 1:
            only = schema["allOf"][0]
            return self.plain_ref(only) if isinstance(only, dict) else None
        ref = schema.get("$ref")
        if not isinstance(ref, str):
            return None
        if self._ref_stands_alone or shaping == {"$ref"}:
            return ref
        same = shaping == {"$ref", "type"} and types_of(schema) == types_of(
            self.flatten({"$ref": ref})
        )
        return ref if same else None

    def resolve(self, ref: str) -> Any:
        """What a reference refers to."""
        if not ref.startswith("#"):
            return True  # the metaschema of a draft
        value: Any = self._schema
        for step in unquote(ref.removeprefix("#")).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            value = value[int(key)] if isinstance(value, list) else value[key]
        return value

    def items_of(self, flat: Shape) -> tuple[list[Any], Any]:
        """The schemas of the first items of an array, each its own, and that of all after them."""
        items = flat.get("items", True)
        if not self._items_are_listed:
            return flat.get("prefixItems", []), items
        return (
            (items, flat.get("additionalItems", True)) if isinstance(items, list) else ([], items)
        )

    def is_class(self, flat: Shape) -> bool:
        """Whether the objects that a flat schema describes have a class."""
        if flat.keys() & {"oneOf", "anyOf"}:
            branches = flat.get("oneOf", flat.get("anyOf"))
            if any(is_shaping(branch) for branch in branches or ()):
                return False
        return (
            bool(flat.get("properties"))
            and not flat.keys() & {"enum", "const"}
            and types_of(flat) in (["object"], [])
        )

    def is_union(self, flat: Shape) -> bool:
        """Whether a flat schema has several branches that are not null."""
        for _ in range(_MOST_NESTED):
            branches = flat.get("oneOf", flat.get("anyOf")) or ()
            shapes = [self.flatten(branch) for branch in branches if is_shaping(branch)]
            others = [shape for shape in shapes if types_of(shape) != ["null"]]
            if len(others) != 1:
                return bool(others)
            flat = others[0]
        return False


def is_shaping(branch: Any) -> bool:
    """Whether a schema says what type a value has."""
    return isinstance(branch, dict) and bool(branch.keys() & SHAPING)


def types_of(flat: Mapping[str, Any]) -> list[str]:
    """The types that a schema names, none if it accepts every type."""
    given = flat.get("type")
    if isinstance(given, list):
        return ["number" if kind == "integer" and "number" in given else kind for kind in given]
    return [given] if isinstance(given, str) else []


def last_step(ref: str) -> str:
    """The name at the end of a reference."""
    return unquote(ref.rpartition("/")[2]).replace("~1", "/").replace("~0", "~")
