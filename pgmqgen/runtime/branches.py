"""What tells the branches of a union (`oneOf`, `anyOf`) apart: their names, and a tag.

A tag is a property that every branch of objects requires and gives values of its own. It is read
from the schema alone; what cannot be read, such as a reference elsewhere, tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pgmqgen.runtime.json_text import escape

UNIONS = ("oneOf", "anyOf")
_MOST_STEPS = 16
"""How far references and unions within unions are followed."""

Choices = dict[str, tuple[Any, ...]]
"""The values of each required property that has a fixed set of them."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A property that tells branches apart, and its values in each branch."""

    name: str
    values: tuple[tuple[Any, ...], ...]

    @property
    def all_values(self) -> list[Any]:
        return unique(value for values in self.values for value in values)

    def branches(self, value: Any) -> list[int]:
        """The indices of the branches that have some value."""
        return [at for at, values in enumerate(self.values) if is_among(value, values)]


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


def find_tag(root: Any, branches: Sequence[Any], required: Iterable[str]) -> Tag | None:
    """The property with the most different values, of those that tell branches apart.

    required: what the schema around the union requires
    """
    tables = [_choices(root, branch, frozenset(required), 0) for branch in branches]
    of_objects = [table for table in tables if table is not None]
    tags = [
        Tag(name, tuple(table[name] if table else () for table in tables))
        for name in _common(of_objects)
    ]
    tags = [tag for tag in tags if len(set(map(repr, filter(None, tag.values)))) > 1]
    return max(tags, key=lambda tag: len(tag.all_values), default=None)


def name_branches(root: Any, branches: Sequence[Any], tag: Tag | None) -> tuple[str, ...]:
    """What to call each branch: its title, its definition, its tag, its type, or its place.

    What several branches would be called names none of them.
    """
    chains = [list(_chain(root, branch)) for branch in branches]
    values = tag.values if tag else ()
    columns = (
        [_first_text(chain, "title") for chain in chains],
        [_definition(chain) for chain in chains],
        [f"{tag.name}: {each[0]}" if tag and each else None for each in values],
        [_first_text(chain, "type") for chain in chains],
    )
    names = [f"branch {at + 1}" for at in range(len(branches))]
    for column in reversed(columns):
        for at, name in enumerate(column):
            if name and column.count(name) == 1:
                names[at] = name
    return tuple(names)


def is_among(value: Any, options: Iterable[Any]) -> bool:
    """Whether a value is one of some scalars, as JSON compares them: `true` is not 1."""
    return any(
        value == option and isinstance(value, bool) == isinstance(option, bool)
        for option in options
    )


def unique(values: Iterable[Any]) -> list[Any]:
    """Values in order, each once."""
    return list({(isinstance(value, bool), _key(value)): value for value in values}.values())


def _key(value: Any) -> Any:
    return repr(value) if isinstance(value, (dict, list)) else value


def _resolve(root: Any, reference: str) -> Any:
    """What a reference within a schema, such as `#/$defs/line`, is about; None if nothing."""
    found = root
    for step in _steps(reference):
        match found:
            case dict():
                found = found.get(step)
            case list() if step.isdecimal() and int(step) < len(found):
                found = found[int(step)]
            case _:
                return None
    return found if reference.startswith("#") else None


def _first_text(chain: Iterable[dict[str, Any]], keyword: str) -> str | None:
    texts = (part.get(keyword) for part in chain)
    return next((text for text in texts if isinstance(text, str)), None)


def _definition(chain: Iterable[dict[str, Any]]) -> str | None:
    reference = _first_text(chain, "$ref")
    return _steps(reference)[-1] if reference and "#/" in reference else None


def _choices(root: Any, schema: Any, required: frozenset[str], depth: int) -> Choices | None:
    """The choices of a branch; None if it admits no objects."""
    parts = list(_parts(root, schema))
    if not all(map(_admits_objects, parts)):
        return None
    required = required.union(*(part.get("required", ()) for part in parts))
    found: Choices = {}
    for part in parts:
        for name, property_ in part.get("properties", {}).items():
            if name in required and name not in found and (values := _values(root, property_)):
                found[name] = values
    for part in parts:
        for keyword in UNIONS:
            if depth < _MOST_STEPS and (branches := part.get(keyword)):
                found = _choices_of_union(root, branches, required, depth) | found
    return found


def _choices_of_union(
    root: Any, branches: Sequence[Any], required: frozenset[str], depth: int
) -> Choices:
    tables = [_choices(root, branch, required, depth + 1) for branch in branches]
    of_objects = [table for table in tables if table is not None]
    return {
        name: tuple(unique(value for table in of_objects for value in table[name]))
        for name in _common(of_objects)
    }


def _common(tables: Sequence[Choices]) -> list[str]:
    return [name for name in tables[0] if all(name in table for table in tables)] if tables else []


def _values(root: Any, schema: Any) -> tuple[Any, ...]:
    for part in _parts(root, schema):
        values = (part["const"],) if "const" in part else tuple(part.get("enum", ()))
        if values and not any(isinstance(value, (dict, list)) for value in values):
            return values
    return ()


def _admits_objects(part: dict[str, Any]) -> bool:
    types = part.get("type", "object")
    if "const" in part or "enum" in part:
        return any(isinstance(value, dict) for value in [part.get("const"), *part.get("enum", ())])
    return "object" in ([types] if isinstance(types, str) else types)


def _parts(root: Any, schema: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """A schema and all that it applies to the same value for certain."""
    if depth > _MOST_STEPS:
        return
    for part in _chain(root, schema):
        yield part
        for inner in part.get("allOf", ()):
            yield from _parts(root, inner, depth + 1)


def _chain(root: Any, schema: Any) -> Iterator[dict[str, Any]]:
    """A schema, what it refers to, what that refers to, and so on."""
    for _ in range(_MOST_STEPS):
        if not isinstance(schema, dict):
            return
        yield schema
        reference = schema.get("$ref")
        schema = _resolve(root, reference) if isinstance(reference, str) else None


def _steps(reference: str) -> list[str]:
    pointer = unquote(reference.partition("#")[2])
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
