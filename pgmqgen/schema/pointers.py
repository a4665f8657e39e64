"""JSON pointers: what stands there, and how a URI has them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pgmqgen.schema.text import Pointer


def get(value: Any, pointer: Pointer) -> Any:
    """What stands at a pointer."""
    for step in pointer:
        value = value[step]
    return value


def encode(pointer: Pointer) -> str:
    """A pointer as the fragment of a URI."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in pointer)
    return "".join("/" + quote(step, safe="$~!'()*+,;:@-._") for step in steps)
