"""What of a schema applies to the same value for certain, and where a schema has unions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from pgmqgen.runtime.json_text import escape

UNIONS = ("oneOf", "anyOf")
MOST_STEPS = 16
"""How far references and unions within unions are followed."""


def find_unions(schema: Any) -> Iterator[tuple[str, list[Any]]]:
    """The unions of a schema: the pointer and the branches of each."""
    pending = [("", schema)]
    while pending:
        pointer, value = pending.pop()
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for step, item in inner:
            if isinstance(item, (dict, list)):
                pending.append((f"{pointer}/{escape(step)}", item))
            if step in UNIONS and isinstance(item, list):
                yield pending[-1][0], item


def parts(root: Any, schema: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """A schema, what it refers to, and what it joins by `allOf`."""
    if depth > MOST_STEPS:
        return
    for part in chain(root, schema):
        yield part
        for inner in part.get("allOf", ()):
            yield from parts(root, inner, depth + 1)


def chain(root: Any, schema: Any) -> Iterator[dict[str, Any]]:
    """A schema, what it refers to, what that refers to, and so on."""
    for _ in range(MOST_STEPS):
        if not isinstance(schema, dict):
            return
        yield schema
        reference = schema.get("$ref")
        schema = _resolve(root, reference) if isinstance(reference, str) else None


def steps_of(reference: str) -> list[str]:
    """The steps of a reference within a schema: `["$defs", "line"]` of `#/$defs/line`."""
    pointer = unquote(reference.partition("#")[2])
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def find(root: Any, steps: Sequence[str | int]) -> Any:
    """What is in a schema at the end of some steps; None if nothing."""
    found = root
    for step in steps:
        match found:
            case dict():
                found = found.get(step)
            case list() if str(step).isdecimal() and int(step) < len(found):
                found = found[int(step)]
            case _:
                return None
    return found


def _resolve(root: Any, reference: str) -> Any:
    return find(root, steps_of(reference)) if reference.startswith("#") else None
