"""A sound file, as the rules about meaning see it: its text, and its bundle to follow references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from pgmqgen.schema.drafts import Dialect
from pgmqgen.schema.keywords import children, walk
from pgmqgen.schema.refs import Origin
from pgmqgen.schema.source import Source
from pgmqgen.schema.text import Pointer


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One file with its bundle; what is the file's own stands at the same pointer in both.

    origins: where that stands which a reference of the bundle leads to, by the reference
    """

    source: Source
    dialect: Dialect
    bundle: dict[str, Any] | bool
    origins: Mapping[str, Origin]
    is_queue: bool

    @cached_property
    def written(self) -> list[tuple[Pointer, dict[str, Any]]]:
        """Every schema object as the file has it."""
        return [part for part in walk(self.source.value) if isinstance(part[1], dict)]

    @cached_property
    def bundled(self) -> list[tuple[Pointer, dict[str, Any]]]:
        """Every schema object of the file, with references that can be followed."""
        own = self.source.values
        return [part for part in walk(self.bundle) if isinstance(part[1], dict) and part[0] in own]

    def follow(self, ref: Any) -> Any:
        """What a reference of the bundle leads to, None if that is no part of it."""
        return follow(self.bundle, ref)

    def parts(self, schema: Any) -> list[dict[str, Any]]:
        """A schema and all that it is joined with by `$ref` and `allOf`."""
        found: dict[int, dict[str, Any]] = {}
        pending = [schema]
        while pending:
            part = pending.pop()
            if isinstance(part, dict) and id(part) not in found:
                found[id(part)] = part
                pending += [self.follow(part.get("$ref")), *items(part, "allOf")]
        return list(found.values())


def follow(bundle: Any, ref: Any) -> Any:
    """What a reference of a bundle leads to, None if that is no part of it."""
    if not isinstance(ref, str) or not ref.startswith("#"):
        return None
    value = bundle
    for step in unquote(ref).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


def measure(bundle: Any) -> tuple[int, int]:
    """How deep the schemas of a bundle nest if references are followed, and how many there are."""
    deepest = references = 0
    seen: set[int] = set()
    pending = [(bundle, 1)]
    while pending:
        schema, depth = pending.pop()
        if not isinstance(schema, dict) or id(schema) in seen:
            continue
        seen.add(id(schema))
        deepest = max(deepest, depth)
        references += "$ref" in schema
        pending += [(child, depth + 1) for _, child in children(schema)]
        pending.append((follow(bundle, schema.get("$ref")), depth + 1))
    return deepest, references


def is_recursive(bundle: Any) -> bool:
    """Whether a schema of a bundle leads back to itself."""
    path: set[int] = set()
    done: set[int] = set()
    pending = [(bundle, True)]
    while pending:
        schema, enters = pending.pop()
        if not isinstance(schema, dict) or id(schema) in done:
            continue
        if not enters:
            path.remove(id(schema))
            done.add(id(schema))
        elif id(schema) in path:
            return True
        else:
            path.add(id(schema))
            pending.append((schema, False))
            inner = [*(child for _, child in children(schema)), follow(bundle, schema.get("$ref"))]
            pending += [(each, True) for each in inner]
    return False


def items(schema: dict[str, Any], keyword: str) -> list[Any]:
    """The list under a keyword, empty if there is none."""
    value = schema.get(keyword)
    return value if isinstance(value, list) else []


def entries(schema: dict[str, Any], keyword: str) -> dict[str, Any]:
    """The object under a keyword, empty if there is none."""
    value = schema.get(keyword)
    return value if isinstance(value, dict) else {}


def types(schema: dict[str, Any]) -> frozenset[str]:
    """The types that a schema names, empty if it names none."""
    given = schema.get("type", ())
    return frozenset([given] if isinstance(given, str) else given)
