"""Where in a JSON Schema its subschemas are, and which draft it is written in.

A walker that does not know this would take a property called `$ref`, or an example that
holds one, for a reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgmqgen.schema.text import Pointer

ONE = frozenset({
    "additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items",
    "not", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
"""Keywords that hold a schema."""
LISTED = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
"""Keywords that hold a list of schemas."""
NAMED = frozenset({
    "$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties",
})  # fmt: skip
"""Keywords that hold schemas by name."""

DEFAULT_DRAFT = "https://json-schema.org/draft/2020-12/schema"
DRAFTS = (
    DEFAULT_DRAFT,
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
)
ITEMS_ARE_LISTED = DRAFTS[1:]
"""Drafts in which `items` may be a list, of the first items each; later that is `prefixItems`."""
REF_STANDS_ALONE = DRAFTS[2:]
"""Drafts in which `$ref` hides the keywords beside it."""


def draft_of(schema: Any) -> str | None:
    """The draft that a file declares with `$schema`, None if it declares none."""
    declared = schema.get("$schema") if isinstance(schema, dict) else None
    return declared.rstrip("#") if isinstance(declared, str) else None


def children(schema: Any) -> Iterator[tuple[Pointer, Any]]:
    """Yield the direct subschemas of a schema with the steps that lead to them."""
    if not isinstance(schema, dict):
        return
    for keyword, value in schema.items():
        if keyword in NAMED and isinstance(value, dict):
            for name, item in value.items():
                if not isinstance(item, list):
                    yield (keyword, name), item
        elif keyword in LISTED and isinstance(value, list):
            for index, item in enumerate(value):
                yield (keyword, index), item
        elif keyword in ONE:
            yield (keyword,), value


def walk(schema: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, Any]]:
    """Yield a schema and all schemas inside it, each with its pointer."""
    yield pointer, schema
    for steps, child in children(schema):
        yield from walk(child, (*pointer, *steps))


def is_schema(pointer: Pointer) -> bool:
    """Whether a schema belongs at a pointer, by the keywords that lead there."""
    while pointer:
        match pointer:
            case (keyword, str(), *_) if keyword in NAMED:
                pointer = pointer[2:]
            case (keyword, int(), *_) if keyword in LISTED:
                pointer = pointer[2:]
            case (keyword, *_) if keyword in ONE:
                pointer = pointer[1:]
            case _:
                return False
    return True
