"""The schema resources of a file: what `$id` names, and the anchors inside of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urldefrag, urljoin

from pgmqgen.schema.drafts import Dialect
from pgmqgen.schema.keywords import children
from pgmqgen.schema.source import Source
from pgmqgen.schema.text import Pointer

_DEFINED = (("$defs",), ("definitions",))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource:
    """A schema with a base URI of its own: the root of a file, or what has an `$id` inside of it.

    uri: absolute, without fragment; pointer: where in the file it is
    anchors: pointers by name; dynamic: those of `$dynamicAnchor`, `""` of `$recursiveAnchor`
    repeated: anchors of `anchors` that stand elsewhere too, and where
    definitions: what stands in `$defs` or `definitions`, the outermost of each name
    """

    source: Source
    pointer: Pointer
    uri: str
    dialect: Dialect
    anchors: dict[str, Pointer] = field(default_factory=dict)
    repeated: list[tuple[str, Pointer]] = field(default_factory=list)
    dynamic: dict[str, Pointer] = field(default_factory=dict)
    definitions: dict[str, Pointer] = field(default_factory=dict)

    def add_anchor(self, name: str, pointer: Pointer) -> None:
        """Have an anchor lead to the first place that it stands at."""
        if self.anchors.setdefault(name, pointer) != pointer:
            self.repeated.append((name, pointer))


class Resources:
    """All resources of one file."""

    def __init__(
        self, source: Source, dialect: Dialect, find_dialect: Callable[[str], Dialect | None]
    ) -> None:
        """Find them; `dialect` is what the file is written in where it does not say so."""
        self._source, self._find_dialect = source, find_dialect
        self._by_pointer: dict[Pointer, Resource] = {}
        self._find(dialect)

    @property
    def root(self) -> Resource:
        """The resource that the whole file is."""
        return self._by_pointer[()]

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._by_pointer.values())

    def at(self, pointer: Pointer) -> Resource | None:
        """The resource whose root is at `pointer`."""
        return self._by_pointer.get(pointer)

    def around(self, pointer: Pointer) -> Resource:
        """The innermost resource that holds `pointer`."""
        while pointer not in self._by_pointer:
            pointer = pointer[:-1]
        return self._by_pointer[pointer]

    def _find(self, dialect: Dialect) -> None:
        root = self._add((), self._source.value, self._source.path.as_uri(), dialect)
        pending: list[tuple[Pointer, Any, Resource]] = [((), self._source.value, root)]
        while pending:
            pointer, schema, owner = pending.pop()
            if pointer[-2:-1] in _DEFINED:
                owner.definitions.setdefault(str(pointer[-1]), pointer)
            if isinstance(schema, dict):
                dialect = self._dialect_of(schema, owner.dialect)
                if pointer and _names_resource(schema, dialect):
                    owner = self._add(pointer, schema, owner.uri, dialect)
                _add_anchors(owner, pointer, schema)
            inner = [((*pointer, *steps), child, owner) for steps, child in children(schema)]
            pending += reversed(inner)

    def _add(self, pointer: Pointer, schema: Any, base: str, dialect: Dialect) -> Resource:
        uri = base
        if isinstance(schema, dict):
            dialect = self._dialect_of(schema, dialect)
            if _names_resource(schema, dialect):
                uri = urldefrag(join(base, schema[dialect.id_keyword]))[0]
        made = Resource(source=self._source, pointer=pointer, uri=uri, dialect=dialect)
        self._by_pointer[pointer] = made
        return made

    def _dialect_of(self, schema: Mapping[str, Any], inherited: Dialect) -> Dialect:
        declared = schema.get("$schema")
        found = self._find_dialect(declared.rstrip("#")) if isinstance(declared, str) else None
        return found or inherited


def join(base: str, reference: str) -> str:
    """Resolve a reference against a base URI of any scheme."""
    return base + reference if reference.startswith("#") else urljoin(base, reference)


def _names_resource(schema: Mapping[str, Any], dialect: Dialect) -> bool:
    name = schema.get(dialect.id_keyword)
    named = isinstance(name, str) and not name.startswith("#")
    return named and not dialect.is_ref_alone(schema)


def _add_anchors(owner: Resource, pointer: Pointer, schema: Mapping[str, Any]) -> None:
    if owner.dialect.is_ref_alone(schema):
        return
    name = schema.get(owner.dialect.id_keyword)
    if isinstance(name, str) and name.startswith("#") and len(name) > 1:
        owner.add_anchor(name[1:], pointer)
    for keyword in ("$anchor", "$dynamicAnchor"):
        if isinstance(anchor := schema.get(keyword), str):
            owner.add_anchor(anchor, pointer)
            if keyword == "$dynamicAnchor":
                owner.dynamic.setdefault(anchor, pointer)
    if schema.get("$recursiveAnchor") is True and pointer == owner.pointer:
        owner.dynamic.setdefault("", pointer)
