"""References inside a bundle: what they lead to, and names that are safe in links and keys."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from pgmqgen.schema.text import Pointer

Schema = dict[str, Any] | bool


def parse_pointer(ref: str) -> Pointer:
    """The steps of a reference of the form `#/a/b`."""
    steps = unquote(ref.removeprefix("#")).split("/")[1:]
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def follow(root: Schema, pointer: Pointer) -> Any:
    """The value at a pointer. Raises LookupError if there is none."""
    value: Any = root
    for step in pointer:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def safe_key(text: str) -> str:
    """Text with letters, digits, `_` and `-` only; different texts stay different."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda match: f".{ord(match[0]):x}.", text)


def is_reference(schema: Any) -> bool:
    """Whether a schema is a reference, perhaps with keywords beside it."""
    return isinstance(schema, dict) and isinstance(schema.get("$ref"), str)
