"""A schema with what its `allOf` and references say of the same value put inline."""

from __future__ import annotations

from typing import Any

from pgmqgen.docs.pointers import Schema, follow, is_reference, parse_pointer

CONDITIONAL = ("if", "then", "else", "dependentSchemas", "dependencies")
"""Keywords that say what is so in some cases only."""


def flatten(root: Schema, schema: Any, followed: set[str] | None = None) -> dict[str, Any]:
    """A schema of a bundle, `root`, with what its `allOf` says inline.

    followed: the references that are inline already; others are put inline too, unless None
    What depends on a condition cannot be: it is left as the `allOf` of the result.
    """
    if not isinstance(schema, dict):
        return {}
    merged: dict[str, Any] = {}
    parts = [flatten(root, part, followed) for part in schema.get("allOf", ())]
    if followed is not None and is_reference(schema):
        parts.insert(0, _inherited(root, schema["$ref"], followed))
    for part in (*parts, schema):
        for key, value in part.items():
            match key:
                case "properties" | "patternProperties":
                    merged[key] = _join(root, merged.get(key, {}), value)
                case "required":
                    merged[key] = [*merged.get(key, ()), *value]
                case "allOf" | "if" | "then" | "else" | "dependentSchemas" | "dependencies":
                    pass
                case "$ref" if followed is not None:
                    pass
                case _:
                    merged[key] = value
    own = {key: schema[key] for key in CONDITIONAL if key in schema}
    if conditional := [
        each for part in (*parts, {"allOf": [own]}) for each in part.get("allOf", ()) if each
    ]:
        merged["allOf"] = conditional
    return merged


def _inherited(root: Schema, ref: str, followed: set[str]) -> dict[str, Any]:
    if ref in followed:
        return {}
    followed.add(ref)
    try:
        return flatten(root, follow(root, parse_pointer(ref)), followed)
    except LookupError:
        return {}


def _join(root: Schema, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Properties of two parts; of one that is in both, what both say, unless one is a reference."""
    joined = {**first, **second}
    for name in first.keys() & second.keys():
        pair = first[name], second[name]
        if all(isinstance(each, dict) and not is_reference(each) for each in pair):
            joined[name] = flatten(root, {"allOf": list(pair)})
    return joined
