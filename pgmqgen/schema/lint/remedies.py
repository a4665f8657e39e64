"""What to write instead of a value that the rules of JSON Schema refuse."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from pgmqgen.numbers import write_json
from pgmqgen.schema.lint.keywords import KNOWN
from pgmqgen.schema.lint.type_names import as_schema
from pgmqgen.schema.text import Pointer

_LONG = 60
"""Characters of a value that are shown."""
LIMITS = {"exclusiveMaximum": "maximum", "exclusiveMinimum": "minimum"}
_TYPES = {
    bool: frozenset({"boolean"}),
    int: frozenset({"integer", "number"}),
    float: frozenset({"number"}),
}


def show(value: Any) -> str:
    """A value as JSON, cut if it is long."""
    text = write_json(value, ensure_ascii=False)
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def instead_of_schema(pointer: Pointer, value: Any, parent: Any) -> str | None:
    """What to do about a value where a schema belongs, which stands in `parent`."""
    name = pointer[-1] if pointer else None
    written = as_schema(value) if isinstance(value, str) else None
    if pointer[-2:-1] == ("properties",) and name in KNOWN and (name == "type" or not written):
        return _instead_of_property(str(name), parent)
    if written:
        return f"write {{{written}}}"
    if value in ("true", "false"):
        return f"remove the quotes: {value}"
    if name == "items" and isinstance(value, list):
        return "this draft lists the schemas of the first items in `prefixItems`"
    if isinstance(value, bool):
        return "in this draft: {}" if value else 'in this draft: {"not": {}}'
    return None


def instead_of_value(
    pointer: Pointer, value: Any, owner: dict[str, Any], expected: Collection[str]
) -> str | None:
    """What to do about the value of a keyword of `owner`; `expected` are the types for it."""
    keyword = str(pointer[-1])
    if keyword == "required" and isinstance(value, bool):
        return _instead_of_flag(pointer, needed=value)
    if keyword in LIMITS and (isinstance(value, bool) or "boolean" in expected):
        return _instead_of_limit(keyword, value, owner.get(LIMITS[keyword]))
    if isinstance(value, str) and _quoted_types(value) & {*expected}:
        return f"remove the quotes: {value}"
    if "array" in expected and not isinstance(value, dict):
        return f'write a list: "{keyword}": [{show(value)}]'
    if "array" in expected:
        return f'write a list: "{keyword}": [...]'
    if "object" in expected and isinstance(value, list):
        return f'write an object: "{keyword}": {{"NAME": ...}}'
    return None


def _instead_of_property(name: str, properties: dict[str, Any]) -> str:
    if any(isinstance(child, dict) for child in properties.values()):
        return f"move `{name}` out of `properties`, to stand beside it"
    return f'the name of the property is missing: "properties": {{"NAME": {{"{name}": ...}}}}'


def _instead_of_flag(pointer: Pointer, *, needed: bool) -> str:
    if not needed:
        return "remove it: a property is optional unless its object lists it in `required`"
    name = show(pointer[-2]) if pointer[-3:-2] == ("properties",) else '"NAME"'
    return f'remove it, and list the name in the object that has it: "required": [{name}]'


def _instead_of_limit(keyword: str, value: Any, limit: Any) -> str:
    plain = LIMITS[keyword]
    if not isinstance(value, bool):
        return f'in this draft: "{plain}": {show(value)}, "{keyword}": true'
    if not value:
        return f"remove it: `{plain}` includes its number"
    if limit is None:
        return "write the number itself"
    return f'write "{keyword}": {show(limit)}, and remove `{plain}`'


def _quoted_types(text: str) -> frozenset[str]:
    """The types of what a text would be without quotes."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return frozenset()
    return _TYPES.get(type(value), frozenset())
