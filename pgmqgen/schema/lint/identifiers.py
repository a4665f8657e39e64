"""Identifiers that stand for several schemas: a reference would get the one that is read first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.keywords import REF_STANDS_ALONE
from pgmqgen.schema.lint.rule import ORDER, Rule
from pgmqgen.schema.pointers import get
from pgmqgen.schema.resources import Resource
from pgmqgen.schema.text import Pointer

AMBIGUOUS = Rule(
    code="PGQ204",
    summary="an `$id` or anchor that two schemas have",
    why="What refers to an `$id` that two schemas have, or to an anchor that stands twice, gets the "
    "one that is read first, whichever was meant. Equal copies of one schema may share theirs.",
    bad={
        ORDER: '{\n  "$id": "https://example.com/order",\n  "type": "object"\n}',
        "schemas/paid.json": '{\n  "$id": "https://example.com/order",\n  "type": "array"\n}',
    },
    good={
        ORDER: '{\n  "$id": "https://example.com/order",\n  "type": "object"\n}',
        "schemas/paid.json": '{\n  "$id": "https://example.com/paid",\n  "type": "array"\n}',
    },
    ignorable=True,
)
RULES = (AMBIGUOUS,)


def check(resources: Iterable[Resource], schemas: Path) -> Iterator[Diagnostic]:
    """Report each `$id` and anchor that another schema has, in the project's own file if one is."""
    claims: dict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        yield from _check_anchors(resource)
        if not urldefrag(_written(resource) or "")[1]:  # else it is an old way to name an anchor
            claims[resource.uri].append(resource)
    for first, *others in claims.values():
        if others:
            yield from _check_claims([first, *others], schemas)


def _check_claims(claims: list[Resource], schemas: Path) -> Iterator[Diagnostic]:
    """A file without an `$id` has its path for one, and a vendored copy is not ours to mend."""

    def rank(resource: Resource) -> tuple[bool, bool, str, tuple[str, ...]]:
        own = schemas in resource.source.path.parents
        named = _written(resource) is not None
        return named, own, resource.source.label, tuple(map(str, resource.pointer))

    first, *others = sorted(claims, key=rank)
    for other in others:
        if other.dialect != first.dialect or _content(other) != _content(first):
            keyword = other.dialect.id_keyword
            named = f"the `{keyword}` `{_written(other)}`"
            yield _report(other, (*other.pointer, keyword), named, first, _id_pointer(first))


def _check_anchors(resource: Resource) -> Iterator[Diagnostic]:
    for name, pointer in resource.repeated:
        first = resource.anchors[name]
        value, known = (get(resource.source.value, at) for at in (pointer, first))
        if value != known and (keyword := _anchor_keyword(resource, value, name)):
            named = f"the anchor `{name}`"
            yield _report(resource, (*pointer, keyword), named, resource, first)


def _anchor_keyword(resource: Resource, schema: dict[str, Any], name: str) -> str | None:
    """The keyword that gives a schema this anchor, None if its draft does not know it."""
    if resource.dialect.draft in REF_STANDS_ALONE:
        keyword = resource.dialect.id_keyword
        return keyword if schema.get(keyword) == f"#{name}" else None
    return next(each for each in ("$anchor", "$dynamicAnchor") if schema.get(each) == name)


def _report(
    resource: Resource, pointer: Pointer, named: str, other: Resource, elsewhere: Pointer
) -> Diagnostic:
    at = other.source.place(elsewhere)
    place = f"{other.source.label}:{at.line}:{at.column}"
    message = f"{named} also names another schema, at `{place}`"
    return AMBIGUOUS.at(resource.source, pointer, message, hint="rename one of them")


def _id_pointer(resource: Resource) -> Pointer:
    return (*resource.pointer, resource.dialect.id_keyword)


def _written(resource: Resource) -> str | None:
    """The `$id` as the file has it."""
    schema = get(resource.source.value, resource.pointer)
    found = schema.get(resource.dialect.id_keyword) if isinstance(schema, dict) else None
    return found if isinstance(found, str) else None


def _content(resource: Resource) -> Any:
    """What a resource says; a copy inside of another file may spell its name and draft otherwise."""
    schema = get(resource.source.value, resource.pointer)
    if not isinstance(schema, dict):
        return schema
    naming = ("$schema", resource.dialect.id_keyword)
    return {keyword: value for keyword, value in schema.items() if keyword not in naming}
