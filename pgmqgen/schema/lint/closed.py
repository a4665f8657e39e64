"""Closed objects that refuse what is declared beside them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import jsonschema_rs

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.keywords import REF_STANDS_ALONE
from pgmqgen.schema.lint.rule import warning
from pgmqgen.schema.lint.subject import Subject, entries, items
from pgmqgen.schema.text import Pointer

REFUSED = warning(
    "PGQ118",
    "`additionalProperties: false` that refuses properties declared beside it",
    "`additionalProperties` knows the `properties` that stand beside it, and none that `allOf` or "
    "`$ref` add. `unevaluatedProperties` knows them all.",
    bad='{\n  "type": "object",\n  "properties": {"id": {}},\n  "additionalProperties": false,\n'
    '  "allOf": [{"properties": {"at": {}}}]\n}',
    good='{\n  "type": "object",\n  "properties": {"id": {}},\n  "unevaluatedProperties": false,\n'
    '  "allOf": [{"properties": {"at": {}}}]\n}',
)
RULES = (REFUSED,)
_MOST = 100_000
"""So many schemas that are joined to others are looked at in one file."""
_SHOWN = 3
Member = tuple[Pointer, list[dict[str, Any]]]
"""What an object is made of, by the place that joins it: itself, a `$ref`, a branch of `allOf`."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    """Check every object of a file that is made of several schemas."""
    left = _MOST
    for pointer, schema in subject.bundled:
        members = list(_members(subject, pointer, schema))
        left -= sum(len(parts) for _, parts in members)
        if left < 0:
            return
        for member in members if len(members) > 1 else ():
            yield from _check_member(subject, pointer, member, members)


def _members(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Member]:
    yield at, [schema]
    if "$ref" in schema:
        yield (*at, "$ref"), subject.parts(subject.follow(schema["$ref"]))
    for index, branch in enumerate(islice(items(schema, "allOf"), 100)):
        yield (*at, "allOf", index), subject.parts(branch)


def _check_member(
    subject: Subject, at: Pointer, member: Member, members: list[Member]
) -> Iterator[Diagnostic]:
    place, parts = member
    closed = [part for part in parts if part.get("additionalProperties") is False]
    names = _declared(parts for other, parts in members if other != place) if closed else []
    refused = [name for name in names if not all(_knows(part, name) for part in closed)]
    if not refused:
        return
    shown = ", ".join(f"`{name}`" for name in refused[:_SHOWN])
    more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
    where = subject.source.key_place((*at, "additionalProperties") if place == at else place)
    message = f'"additionalProperties": false refuses {shown}{more}, declared beside it'
    yield REFUSED.at(subject.source, where, message, hint=_hint(subject, own=place == at))


def _hint(subject: Subject, *, own: bool) -> str:
    if subject.dialect.draft in REF_STANDS_ALONE:
        return "repeat the names in the closed `properties`, with {} as their schemas"
    if own:
        return 'write "unevaluatedProperties": false instead'
    return 'remove it there, and write "unevaluatedProperties": false beside the `allOf` or `$ref`'


def _declared(groups: Iterator[list[dict[str, Any]]]) -> list[str]:
    return sorted(
        {
            name
            for parts in groups
            for part in parts
            for name, schema in entries(part, "properties").items()
            if schema is not False
        }
    )


def _knows(part: dict[str, Any], name: str) -> bool:
    patterns = entries(part, "patternProperties")
    return name in entries(part, "properties") or any(
        jsonschema_rs.is_valid({"pattern": pattern}, name) for pattern in patterns
    )
