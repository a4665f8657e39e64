"""Two flat schemas that both hold -> one that admits at least what both admit."""

from __future__ import annotations

from typing import Any

from pgmqgen.codegen.shapes import Shape

_REST = {
    "additionalProperties": {"properties", "patternProperties", "additionalProperties"},
    "additionalItems": {"items", "additionalItems"},
}
"""Keywords about the rest, and those that say what the rest is of."""


def merge(first: Shape, second: Shape) -> Shape:
    """Merge two schemas of one value; where they cannot both be said, `second` wins."""
    if not first or not second:
        return first or second
    result = {**first, **second}
    for keyword, named in _REST.items():
        both = keyword in first and second.keys() & named
        if both or (keyword in second and first.keys() & named):
            del result[keyword]  # it is of what its own schema does not name, not the other's
    if "properties" in first and "properties" in second:
        result["properties"] = _merge_properties(first["properties"], second["properties"])
    if "required" in first and "required" in second:
        result["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    if "prefixItems" in first and "prefixItems" in second:
        result["prefixItems"] = max(first["prefixItems"], second["prefixItems"], key=len)
    if "items" in first and "items" in second:
        result["items"] = {"allOf": [first["items"], second["items"]]}
    if "type" in first and "type" in second:
        _merge_types(result, _listed(first["type"]), _listed(second["type"]))
    return result


def _merge_properties(first: Shape, second: Shape) -> Shape:
    both = {key: {"allOf": [first[key], second[key]]} for key in first if key in second}
    return {**first, **second, **both}


def _merge_types(result: Shape, first: list[str], second: list[str]) -> None:
    shared = [kind for kind in second if kind in first or (kind == "integer" and "number" in first)]
    shared += [kind for kind in first if kind == "integer" and "number" in second]
    result["type"] = list(dict.fromkeys(shared))
    if not shared:
        del result["type"]  # nothing can be both: the schema refuses every value


def _listed(types: Any) -> list[str]:
    return types if isinstance(types, list) else [types]
