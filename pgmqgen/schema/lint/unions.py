"""Unions of objects whose branches cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice
from typing import Any

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.numbers import write_json
from pgmqgen.schema.lint.rule import warning
from pgmqgen.schema.lint.subject import Subject, entries, items, types

UNTAGGED = warning(
    "PGQ112",
    "a union whose branches cannot be told apart",
    "With no property that differs, a message may fit two branches (which `oneOf` refuses), an "
    "error cannot say which branch was meant, and a type checker cannot narrow the union.",
    bad='{\n  "oneOf": [\n'
    '    {"type": "object", "properties": {"id": {"type": "string"}}},\n'
    '    {"type": "object", "properties": {"id": {"type": "string"}, "at": {"type": "string"}}}\n'
    "  ]\n}",
    good='{\n  "oneOf": [\n'
    '    {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "a"}}},\n'
    '    {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "b"}}}\n'
    "  ]\n}",
)
RULES = (UNTAGGED,)
_MAX_PAIRS = 2000
_DEEPEST = 2
"""How many objects a property that tells branches apart may be in, below the branch itself."""

_Parts = list[dict[str, Any]]
"""A schema and all that it is joined with."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    """Check every union of a file; beside `properties` it only adds conditions to an object."""
    for pointer, schema in subject.bundled:
        for keyword in ("oneOf", "anyOf"):
            if "properties" in schema or (pair := _find_alike(subject, schema, keyword)) is None:
                continue
            place = subject.source.key_place((*pointer, keyword))
            first, second = pair
            message = f"branches {first + 1} and {second + 1} of `{keyword}` cannot be told apart"
            hint = 'give each branch a required property with its own value, such as {"const": "a"}'
            yield UNTAGGED.at(subject.source, place, message, hint=hint)


def _find_alike(subject: Subject, schema: dict[str, Any], keyword: str) -> tuple[int, int] | None:
    branches = [_Object(subject, subject.parts(branch)) for branch in items(schema, keyword)]
    objects = [(index, branch) for index, branch in enumerate(branches) if branch.properties]
    for (first, one), (second, other) in islice(combinations(objects, 2), _MAX_PAIRS):
        if not one.excludes(other):
            return first, second
    return None


class _Object:
    """What an object must have, by its own schema and what it refers to or joins.

    depth: how many objects it is in
    """

    def __init__(self, subject: Subject, parts: _Parts, depth: int = 0) -> None:
        self._subject = subject
        self._depth = depth
        self._objects: dict[str, _Object] = {}
        self.properties: dict[str, Any] = {}
        for part in parts:
            self.properties |= entries(part, "properties")
        self._required = {name for part in parts for name in items(part, "required")}
        self._closed = any(
            part.get(keyword) is False
            for part in parts
            for keyword in ("additionalProperties", "unevaluatedProperties")
        )
        self._patterns = any("patternProperties" in part for part in parts)
        self._shapes = {
            name: _Shape(
                [
                    joined
                    for part in parts
                    for joined in subject.parts(entries(part, "properties").get(name))
                ]
            )
            for name in self._required & self.properties.keys()
        }

    def excludes(self, other: _Object) -> bool:
        """Whether no object can be both."""
        shared = self._shapes.keys() & other._shapes.keys()
        return (
            any(self._shapes[name].differs(other._shapes[name]) for name in shared)
            or self._lacks(other)
            or other._lacks(self)
            or any(self._differs_within(other, name) for name in shared)
        )

    def _lacks(self, other: _Object) -> bool:
        open_ = not self._closed or self._patterns
        return not open_ and bool(other._required - self.properties.keys())

    def _differs_within(self, other: _Object, name: str) -> bool:
        """Whether a property, in one of the two surely an object, cannot be both objects."""
        one, another = self._shapes[name], other._shapes[name]
        is_same = list(map(id, one.parts)) == list(map(id, another.parts))
        is_object = {"object"} in (one.kinds, another.kinds)
        if self._depth == _DEEPEST or not is_object or is_same:
            return False
        return self._within(name).excludes(other._within(name))

    def _within(self, name: str) -> _Object:
        if name not in self._objects:
            self._objects[name] = _Object(self._subject, self._shapes[name].parts, self._depth + 1)
        return self._objects[name]


class _Shape:
    """What a property may be, by all that it is joined with.

    kinds: its types, empty if any; values: those that it may have, as JSON text, None if any
    excluded: the values that a `not` forbids, as JSON text
    """

    def __init__(self, parts: _Parts) -> None:
        self.parts = parts
        self.kinds = _kinds(parts)
        given = [values for part in parts if (values := _listed(part))]
        self.values = set.intersection(*given) if given else None
        opposites = (entries(part, "not") for part in parts)
        self.excluded = set[str]().union(*(_listed(each) for each in opposites if len(each) == 1))

    def differs(self, other: _Shape) -> bool:
        """Whether no value can be both."""
        if self.values is not None and other.values is not None:
            return self.values.isdisjoint(other.values)
        if self._is_excluded(other) or other._is_excluded(self):
            return True
        return bool(self.kinds and other.kinds) and self.kinds.isdisjoint(other.kinds)

    def _is_excluded(self, other: _Shape) -> bool:
        return self.values is not None and self.values <= other.excluded


def _listed(schema: dict[str, Any]) -> set[str]:
    values = [schema["const"]] if "const" in schema else items(schema, "enum")
    return {write_json(value, sort_keys=True) for value in values}


def _kinds(parts: _Parts) -> frozenset[str]:
    kinds = next((found for part in parts if (found := types(part))), frozenset())
    return kinds | {"integer"} if "number" in kinds else kinds
