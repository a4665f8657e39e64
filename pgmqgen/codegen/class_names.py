"""Names of classes, made from what a schema says: titles, keys, tags, references."""

from __future__ import annotations

import unicodedata
from typing import Any

from pgmqgen.schema.names import pascal_case


def class_name(text: Any) -> str | None:
    """Text as the name of a class, None if it says nothing: a number, or no letter."""
    if not isinstance(text, str):
        return None
    text = unicodedata.normalize("NFKC", text)
    if text[:1].isdigit():
        return None if text.isdigit() else class_name(f"type {text}")
    name = text if text.isidentifier() and text[0].isupper() else pascal_case(text)
    return name or None


def branch_name(branch: Any) -> str | None:
    """The name that a tag gives its branch: `OrderPaid` for `type: order_paid`."""
    properties = branch.get("properties") if isinstance(branch, dict) else None
    for value in properties.values() if isinstance(properties, dict) else ():
        if isinstance(value, dict) and isinstance(value.get("const"), str):
            return class_name(value["const"])
    return None
