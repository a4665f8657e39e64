"""Names of types that JSON Schema does not have, and what it says instead."""

from __future__ import annotations

import json
from typing import Any

from pgmqgen.queue import suggest
from pgmqgen.schema.lint.subject import entries

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_OTHERWISE_CALLED = {
    "array": ("list", "sequence", "set", "tuple"),
    "boolean": ("bool",),
    "integer": ("bigint", "int", "int32", "int64", "long", "short", "smallint", "uint"),
    "null": ("nil", "none", "undefined", "void"),
    "number": ("decimal", "double", "float", "numeric", "real"),
    "object": ("dict", "dictionary", "hash", "json", "map", "record", "struct"),
    "string": ("char", "str", "text", "varchar"),
}
_BY_NAME = {name: known for known, names in _OTHERWISE_CALLED.items() for name in names}
"""Types by what other languages call them."""
_FORMATS = {
    "date": "date", "date-time": "date-time", "datetime": "date-time", "duration": "duration",
    "email": "email", "guid": "uuid", "hostname": "hostname", "ipv4": "ipv4", "ipv6": "ipv6",
    "time": "time", "timestamp": "date-time", "uri": "uri", "url": "uri", "uuid": "uuid",
}  # fmt: skip
"""Formats by what is taken for a type."""


def known_type(name: str) -> str | None:
    """The type that a name stands for here or in another language, None if for none."""
    plain = name.lower()
    return plain if plain in TYPES else _BY_NAME.get(plain)


def as_schema(name: str) -> str | None:
    """What to write for what a name stands for, without braces; None if it stands for nothing."""
    if known := known_type(name):
        return f'"type": "{known}"'
    found = _FORMATS.get(name.lower().replace("_", "-"))
    return found and f'"type": "string", "format": "{found}"'


def instead_of_type(root: Any, value: Any) -> str | None:
    """What to do about a `type` that is none."""
    match value:
        case None:
            return 'null as a type stands in quotes: "type": "null"'
        case dict():
            return "if it is a property that is called `type`, it belongs under `properties`"
        case str():
            return _instead_of_name(root, value)
        case _:
            return None


def _instead_of_name(root: Any, name: str) -> str | None:
    for keyword in ("$defs", "definitions"):
        if isinstance(root, dict) and name in entries(root, keyword):
            return f'a definition is referred to: "$ref": {json.dumps(f"#/{keyword}/{name}")}'
    if name.lower() in ("any", "mixed", "unknown"):
        return "remove `type`: any value is valid then"
    if written := as_schema(name):
        return f"write {written}"
    return suggest(name.lower(), TYPES)
