"""Schemas that nothing satisfies, as a whole or in a part."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import jsonschema_rs
from jsonschema_rs.canonical import Satisfiability

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.keywords import walk
from pgmqgen.schema.lint.rule import Rule, warning
from pgmqgen.schema.lint.subject import Subject, entries, is_recursive, items, measure
from pgmqgen.schema.text import Pointer

EMPTY_ENUM = Rule(
    code="PGQ107",
    summary="an empty `enum`",
    why="Nothing is one of no values.",
    bad='{\n  "type": "object",\n  "properties": {"size": {"enum": []}}\n}',
    good='{\n  "type": "object",\n  "properties": {"size": {"enum": ["S", "M"]}}\n}',
    ignorable=True,
)
UNSATISFIABLE = Rule(
    code="PGQ108",
    summary="a queue that no message can be valid for",
    why="Two demands of the schema exclude each other, so every message would be refused.",
    bad='{\n  "type": "object",\n  "required": ["total"],\n'
    '  "allOf": [\n    {"properties": {"total": {"type": "number"}}},\n'
    '    {"properties": {"total": {"type": "string"}}}\n  ]\n}',
    good='{\n  "type": "object",\n  "required": ["total"],\n'
    '  "properties": {"total": {"type": ["number", "string"]}}\n}',
    ignorable=True,
)
PART = warning(
    "PGQ109",
    "a part that no value satisfies",
    "Two keywords exclude each other. Where the part is optional, messages without it are still "
    "valid.",
    bad='{\n  "type": "object",\n  "properties": {\n'
    '    "size": {"type": "integer", "minimum": 9, "maximum": 3}\n  }\n}',
    good='{\n  "type": "object",\n  "properties": {\n'
    '    "size": {"type": "integer", "minimum": 3, "maximum": 9}\n  }\n}',
)
RULES = (EMPTY_ENUM, UNSATISFIABLE, PART)

_MANY_VALUES, _MANY_REFERENCES, _DEEP = 50_000, 1000, 1000
"""Beyond these, whether a schema can be satisfied at all takes the library too long, or its stack."""
_REST = frozenset({"unevaluatedItems", "unevaluatedProperties"})
"""Where recursion meets these, a few lines can end the process."""
_PAIRS = (
    ("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"),
    ("minProperties", "maxProperties"), ("minContains", "maxContains"),
)  # fmt: skip
_PLAIN = frozenset({
    "const", "enum", "exclusiveMaximum", "exclusiveMinimum", "maxItems", "maxLength",
    "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf",
    "required", "type",
})  # fmt: skip
"""Keywords without schemas inside."""
_NUMBERS = (int, float, Decimal)


def check(subject: Subject) -> Iterator[Diagnostic]:
    """Check a file as a whole, then its parts."""
    if subject.is_queue and not _is_too_much(subject) and _is_unsatisfiable(subject.bundle):
        message = "no message can be valid for this queue"
        hint = "two demands of the schema exclude each other: look for them from here on"
        yield UNSATISFIABLE.at(subject.source, (), message, hint=hint)
    for pointer, schema in subject.bundled:
        if schema.get("enum") == []:
            message = "`enum` lists no values, so nothing is valid"
            yield EMPTY_ENUM.at(subject.source, (*pointer, "enum"), message, hint="list the values")
        else:
            yield from _check_part(subject, pointer, schema)


def _is_too_much(subject: Subject) -> bool:
    """Whether to satisfy a schema takes the library too long, too much memory, or its stack."""
    depth, references = measure(subject.bundle)
    large = len(subject.source.values) >= _MANY_VALUES or references >= _MANY_REFERENCES
    return large or depth >= _DEEP or (_has_rest(subject.bundle) and is_recursive(subject.bundle))


def _has_rest(bundle: Any) -> bool:
    """Whether some schema speaks of what others leave over."""
    return any(
        isinstance(schema, dict) and not _REST.isdisjoint(schema) for _, schema in walk(bundle)
    )


def _check_part(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    for low, high in _PAIRS:
        if _is_above(schema.get(low), schema.get(high)):
            place = subject.source.key_place((*at, low))
            message = f"`{low}` is `{schema[low]}` and `{high}` is `{schema[high]}`"
            yield PART.at(subject.source, place, message, hint=f"make `{low}` the smaller one")
            return
    for name in items(schema, "required"):
        if isinstance(name, str) and entries(schema, "properties").get(name) is False:
            place = subject.source.place((*at, "properties", name))
            message = f"`{name}` is required, and its schema is false"
            yield PART.at(subject.source, place, message, hint="remove one of the two")
            return
    plain = {keyword: value for keyword, value in schema.items() if keyword in _PLAIN}
    if _may_contradict(plain) and _is_unsatisfiable(plain):
        shown = ", ".join(f"`{keyword}`" for keyword in plain)
        message = f"no value satisfies {shown} together"
        yield PART.at(subject.source, at, message, hint="remove one of them")


def _may_contradict(plain: dict[str, Any]) -> bool:
    """Beside a type, one keyword alone excludes all only if it lists values."""
    least = 1 if plain.keys() & {"const", "enum"} else 2
    return len(plain.keys() - {"type"}) >= least and len(plain) > 1


def _is_above(low: Any, high: Any) -> bool:
    return isinstance(low, _NUMBERS) and isinstance(high, _NUMBERS) and low > high


def _is_unsatisfiable(schema: Any) -> bool:
    try:
        canonical = jsonschema_rs.canonicalize(schema, validate_formats=True, offline=True)
        return canonical.satisfiability() == Satisfiability.NO
    except ValueError:  # more than the library can say
        return False
