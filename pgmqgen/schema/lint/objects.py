"""Objects: names that `required` asks for and no one declares, and names that meet in Python."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import jsonschema_rs

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.queue import suggest
from pgmqgen.schema.keywords import children
from pgmqgen.schema.lint.rule import warning
from pgmqgen.schema.lint.subject import Subject, entries, items
from pgmqgen.schema.names import module_name, pascal_case
from pgmqgen.schema.text import Pointer

UNDECLARED = warning(
    "PGQ103",
    "`required` names a property that is not declared",
    "Often the name is misspelt. A property that is required and not declared may be anything. In "
    "definitions and shared files, where others may declare it, only names count that are close to "
    "a declared one, or that `additionalProperties: false` refuses.",
    bad='{\n  "type": "object",\n  "required": ["totl"],\n'
    '  "properties": {"total": {"type": "number"}}\n}',
    good='{\n  "type": "object",\n  "required": ["total"],\n'
    '  "properties": {"total": {"type": "number"}}\n}',
)
FIELDS = warning(
    "PGQ406",
    "two properties with one Python name",
    "Characters that Python does not allow in a name become `_`. One of the two fields gets another "
    "name, and which is easily mistaken.",
    bad='{\n  "type": "object",\n  "properties": {"order-id": {}, "order_id": {}}\n}',
    good='{\n  "type": "object",\n  "properties": {"order-id": {}, "old_order_id": {}}\n}',
)
CLASSES = warning(
    "PGQ407",
    "two definitions with one class name",
    "Definitions become classes in PascalCase. One of the two gets a number after its name.",
    bad='{\n  "type": "object",\n  "$defs": {\n    "line_item": {"type": "object"},\n'
    '    "LineItem": {"type": "object"}\n  }\n}',
    good='{\n  "type": "object",\n  "$defs": {\n    "line_item": {"type": "object"},\n'
    '    "order_item": {"type": "object"}\n  }\n}',
)
RULES = (UNDECLARED, FIELDS, CLASSES)
_CLOSE = 0.75
"""From so much likeness on, names are taken for the same: `nmae` and `name`, not `start` and `end`."""
_MANY = 500
"""So many schemas joined to one are not looked through."""
_IN_PLACE = frozenset({"allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "then"})
"""Keywords whose schemas speak of the value itself, not of a part of it."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    """Check the objects of a file."""
    yield from _check_required(subject, (), subject.bundle, (), mixin=not subject.is_queue)
    for pointer, schema in subject.written:
        fields = _meeting(entries(schema, "properties"), module_name)
        for first, second, name in fields:
            place = subject.source.key_place((*pointer, "properties", second))
            message = f"properties `{first}` and `{second}` both become `{name}`"
            hint = "rename one, if nobody sends it yet"
            yield FIELDS.at(subject.source, place, message, hint=hint)
    for keyword in ("$defs", "definitions"):
        root = subject.source.value if isinstance(subject.source.value, dict) else {}
        for first, second, name in _meeting(entries(root, keyword), pascal_case):
            place = subject.source.key_place((keyword, second))
            message = f"definitions `{first}` and `{second}` both become `{name}`"
            yield CLASSES.at(subject.source, place, message, hint="rename one")


def _meeting(names: Any, rename: Any) -> Iterator[tuple[str, str, str]]:
    known: dict[str, str] = {}
    for name in names:
        first = known.setdefault(rename(name), name)
        if first != name and rename(name):
            yield first, name, rename(name)


def _check_required(
    subject: Subject, at: Pointer, schema: Any, around: tuple[Any, ...], *, mixin: bool
) -> Iterator[Diagnostic]:
    """`around`: the schemas that this one adds to; `mixin`: others may add to what it declares."""
    if not isinstance(schema, dict) or (at and at not in subject.source.values):
        return
    around = (*around, schema)
    if "properties" in schema and items(schema, "required"):
        declared = _declared(subject, around)
        for index, name in enumerate(schema["required"]):
            if isinstance(name, str) and not _declares(declared, name):
                if mixin and not _is_wrong(schema, name):
                    continue
                message = f"`required` names `{name}`, which is not declared"
                hint = suggest(name, declared) or f"add `{name}` to `properties`"
                yield UNDECLARED.at(subject.source, (*at, "required", index), message, hint=hint)
    for steps, child in children(schema):
        in_place = steps[0] in _IN_PLACE
        yield from _check_required(
            subject,
            (*at, *steps),
            child,
            around if in_place else (),
            mixin=mixin if in_place else steps[0] in ("$defs", "definitions"),
        )


def _is_wrong(schema: dict[str, Any], name: str) -> bool:
    """Whether no other schema can have been meant to declare a name: it is misspelt, or refused."""
    others = entries(schema, "properties").keys() - {*schema["required"]}
    misspelt = get_close_matches(name, others, n=1, cutoff=_CLOSE)
    return bool(misspelt) or schema.get("additionalProperties") is False


def _declared(subject: Subject, schemas: tuple[Any, ...]) -> frozenset[str]:
    """Names that schemas declare, themselves or through others; `/` marks patterns, `*` is all."""
    found: set[str] = set()
    seen: set[int] = set()
    pending = list(schemas)
    while pending:
        part = pending.pop()
        if not isinstance(part, dict) or id(part) in seen:
            continue
        if len(seen) > _MANY:
            return frozenset("*")
        seen.add(id(part))
        found.update(entries(part, "properties"))
        found.update(f"/{pattern}" for pattern in entries(part, "patternProperties"))
        if any(part.get(k) for k in ("additionalProperties", "unevaluatedProperties")):
            found.add("*")
        if any(keyword in part for keyword in ("$dynamicRef", "$recursiveRef")):
            found.add("*")
        pending.append(subject.follow(part.get("$ref")))
        pending += [child for steps, child in children(part) if steps[0] in _IN_PLACE]
    return frozenset(found)


def _declares(declared: frozenset[str], name: str) -> bool:
    return bool({name, "*"} & declared) or any(
        jsonschema_rs.is_valid({"pattern": each[1:]}, name)
        for each in declared
        if each.startswith("/")
    )
