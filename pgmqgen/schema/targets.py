"""Where in a file a reference leads, and why to nothing."""

from __future__ import annotations

from functools import partial

from pgmqgen.schema.nearest import DeadEnd, suggest_definition
from pgmqgen.schema.pointers import get
from pgmqgen.schema.resources import Resource
from pgmqgen.schema.text import Pointer


def resolve(resource: Resource, address: str, fragment: str) -> Pointer:
    """The pointer that a fragment stands for; `address` is what precedes it in the reference.

    Raises LookupError if it stands for no schema.
    """
    source = resource.source
    suggest = partial(suggest_definition, resource, address, fragment)
    if fragment and not fragment.startswith("/"):
        if fragment not in resource.anchors:
            raise DeadEnd(f"`{source.label}` has no anchor `{fragment}`", suggest)
        return resource.anchors[fragment]
    pointer, value = resource.pointer, get(source.value, resource.pointer)
    for step in fragment.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            pointer, value = (*pointer, key), value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            pointer, value = (*pointer, int(key)), value[int(key)]
        else:
            raise DeadEnd(f"`{source.label}` has nothing at `#{fragment}`", suggest)
    if not isinstance(value, dict | bool):
        raise LookupError(f"what `{source.label}` has at `#{fragment}` is not a schema")
    return pointer
