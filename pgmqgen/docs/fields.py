"""A schema as rows of a table: every field with its type, constraints and description.

Objects inside an object follow it, a level deeper; a definition is linked, and has a table of its
own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pgmqgen.docs.conditions import conditional_parts
from pgmqgen.docs.inline import flatten
from pgmqgen.docs.messages import text_of
from pgmqgen.docs.pointers import Schema, follow, is_reference, parse_pointer, safe_key
from pgmqgen.numbers import write_json
from pgmqgen.schema.text import Pointer

_DEEPEST = 6
_BOUNDS = {
    "minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}",
    "multipleOf": "multiple of {}", "minLength": "at least {} characters",
    "maxLength": "at most {} characters", "pattern": "matches {}", "format": "format {}",
    "minItems": "at least {} items", "maxItems": "at most {} items",
    "minProperties": "at least {} properties", "maxProperties": "at most {} properties",
    "minContains": "contains at least {}", "maxContains": "contains at most {}",
    "contentEncoding": "encoded as {}", "contentMediaType": "holds {}",
}  # fmt: skip
_RULES = {
    "not": "not everything: see the schema", "if": "depends on other values: see the schema",
    "propertyNames": "names are constrained: see the schema",
    "contains": "items are constrained: see the schema",
    "dependentRequired": "some properties need others: see the schema",
    "dependentSchemas": "some properties constrain others: see the schema",
    "dependencies": "some properties need others: see the schema",
}  # fmt: skip
_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class TypePart:
    """A piece of a type as it is written; `anchor` is of the definition that it names."""

    text: str
    anchor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One row. `name` is its path from the object of the table, such as `lines[].sku`."""

    name: str
    depth: int
    type: tuple[TypePart, ...]
    required: bool
    constraints: tuple[str, ...]
    values: tuple[str, ...]
    description: str
    default: str | None
    deprecated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A schema that has a section of its own: a message type or a shared definition."""

    anchor: str
    name: str
    description: str
    type: tuple[TypePart, ...]
    constraints: tuple[str, ...]
    values: tuple[str, ...]
    fields: tuple[Field, ...]


def describe_shape(root: Schema, schema: Schema, *, anchor: str, name: str) -> Shape:
    """A schema of a bundle, as a section."""
    view = _View(root)
    is_alias = isinstance(schema, dict) and schema.keys() == {"$ref"}
    flat = flatten(root, schema, None if is_alias else set())
    return Shape(
        anchor=anchor,
        name=name,
        description=text_of(schema, "description"),
        type=view.type_of(schema),
        constraints=_constraints(flat),
        values=_values(flat),
        fields=tuple(view.rows(flat)),
    )


def describe_definitions(root: Schema) -> tuple[Shape, ...]:
    """The definitions of a bundle, by name."""
    found = []
    for keyword in ("$defs", "definitions"):
        defined = root.get(keyword, {}) if isinstance(root, dict) else {}
        for name, schema in defined.items():
            title = text_of(schema, "title") or name
            anchor = anchor_of((keyword, name))
            found.append(describe_shape(root, schema, anchor=anchor, name=title))
    return tuple(sorted(found, key=lambda shape: shape.name.lower()))


def anchor_of(pointer: Pointer) -> str:
    """Where a definition is described on the page of its queue."""
    return f"def-{safe_key(str(pointer[1]))}"


class _View:
    def __init__(self, root: Schema) -> None:
        self._root = root

    def rows(self, schema: Any, prefix: str = "", depth: int = 0) -> Iterator[Field]:
        """The fields of a schema that is not a reference, and of what is inside of it."""
        if depth >= _DEEPEST:
            return
        flat = flatten(self._root, schema)
        required = flat.get("required", ())
        for name, child in flat.get("properties", {}).items():
            yield from self._row(child, f"{prefix}{name}", depth, required=name in required)
        for pattern, child in flat.get("patternProperties", {}).items():
            yield from self._row(child, f"{prefix}/{pattern}/", depth)
        if isinstance(flat.get("additionalProperties"), dict) and flat["additionalProperties"]:
            yield from self._row(flat["additionalProperties"], f"{prefix}*", depth)
        yield from self._items(flat, prefix.removesuffix("."), depth)
        for keyword in ("oneOf", "anyOf"):
            for number, branch in enumerate(flat.get(keyword, ()), 1):
                if not is_reference(branch):
                    where = f"in {text_of(branch, 'title') or f'option {number}'}"
                    yield from self._where(where, branch, prefix, depth)
        conditional = (
            row
            for where, part in conditional_parts(self._root, flat)
            for row in self._where(where, part, prefix, depth)
        )
        yield from dict.fromkeys(conditional)

    def _where(self, where: str, schema: Any, prefix: str, depth: int) -> Iterator[Field]:
        """The fields that only some values have."""
        for row in self.rows(schema, prefix, depth):
            yield replace(row, constraints=(where, *row.constraints))

    def _row(
        self, schema: Any, name: str, depth: int, *, required: bool = False
    ) -> Iterator[Field]:
        flat = flatten(self._root, schema)
        default = flat.get("default")
        yield Field(
            name=name,
            depth=depth,
            type=self.type_of(schema),
            required=required,
            constraints=_constraints(flat),
            values=_values(flat),
            description=text_of(flat, "description") or self._borrowed(schema),
            default=_show(default) if "default" in flat else None,
            deprecated=flat.get("deprecated") is True,
        )
        if not is_reference(schema):
            yield from self.rows(schema, f"{name}.", depth + 1)

    def _borrowed(self, schema: Any) -> str:
        """The description of the definition that a field refers to."""
        if not is_reference(schema):
            return ""
        try:
            return text_of(follow(self._root, parse_pointer(schema["$ref"])), "description")
        except LookupError:
            return ""

    def _items(self, flat: dict[str, Any], name: str, depth: int) -> Iterator[Field]:
        """The fields of a list's items, where these are objects that are written out here."""
        listed = flat.get("prefixItems", flat.get("items"))
        for index, item in enumerate(listed if isinstance(listed, list) else ()):
            yield from self._row(item, f"{name}[{index}]", depth)
        item = flat.get("items")
        if isinstance(item, dict) and not is_reference(item):
            yield from self.rows(item, f"{name}[].", depth)

    def type_of(self, schema: Any) -> tuple[TypePart, ...]:
        """The type as it is written, such as `array of OrderLine`."""
        if schema is False:
            return (TypePart("nothing"),)
        if not isinstance(schema, dict):
            return (TypePart("any"),)
        if is_reference(schema):
            return (self._reference(schema["$ref"]),)
        for keyword, glue in (("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")):
            if schema.get(keyword) and "type" not in schema:
                parts = dict.fromkeys(map(self.type_of, schema[keyword]))
                return _join(list(parts), glue)
        return self._plain_type(schema)

    def _plain_type(self, schema: dict[str, Any]) -> tuple[TypePart, ...]:
        declared = schema.get("type")
        kinds = declared if isinstance(declared, list) else [declared] if declared else []
        if not kinds and ("enum" in schema or "const" in schema):
            return (TypePart("constant" if "const" in schema else "enum"),)
        if not kinds and "properties" in schema:
            kinds = ["object"]
        parts = [
            (TypePart("array of "), *self.type_of(schema["items"]))
            if kind == "array" and isinstance(schema.get("items"), dict)
            else (TypePart(kind),)
            for kind in kinds
        ]
        return _join(parts, " or ") if parts else (TypePart("any"),)

    def _reference(self, ref: str) -> TypePart:
        pointer = parse_pointer(ref)
        if not pointer:
            return TypePart(text_of(self._root, "title") or "the whole message", "payload")
        name = str(pointer[-1])
        try:
            name = text_of(follow(self._root, pointer), "title") or name
        except LookupError:
            return TypePart(name)
        linked = len(pointer) == 2 and pointer[0] in ("$defs", "definitions")
        return TypePart(name, anchor_of(pointer) if linked else None)


def _join(types: list[tuple[TypePart, ...]], glue: str) -> tuple[TypePart, ...]:
    parts: list[TypePart] = []
    for each in types:
        parts += [TypePart(glue), *each] if parts else each
    return tuple(parts)


def _constraints(flat: dict[str, Any]) -> tuple[str, ...]:
    found = []
    for keyword, words in _BOUNDS.items():
        value = flat.get(keyword)
        if value is not None and not isinstance(value, bool):
            text = words.format(value if isinstance(value, str) else _show(value))
            found.append(_singular(text) if value == 1 else text)
    if flat.get("uniqueItems") is True:
        found.append("no item twice")
    if flat.get("additionalProperties") is False or flat.get("unevaluatedProperties") is False:
        found.append("no other properties")
    said = set().union(flat, *flat.get("allOf", ()))
    found += [words for keyword, words in _RULES.items() if keyword in said]
    found += ["read only"] if flat.get("readOnly") is True else []
    found += ["write only"] if flat.get("writeOnly") is True else []
    return tuple(dict.fromkeys(found))


def _singular(text: str) -> str:
    return text.removesuffix("s").replace("propertie", "property")


def _values(flat: dict[str, Any]) -> tuple[str, ...]:
    listed = [flat["const"]] if "const" in flat else flat.get("enum", [])
    return tuple(map(_show, listed))


def _show(value: Any) -> str:
    text = write_json(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
