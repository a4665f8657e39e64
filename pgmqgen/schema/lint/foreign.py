"""Keywords without effect since they belong elsewhere: to another draft, to OpenAPI, to the root."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.drafts import MEANINGLESS
from pgmqgen.schema.keywords import DRAFTS
from pgmqgen.schema.lint.remedies import show
from pgmqgen.schema.lint.rule import warning
from pgmqgen.schema.lint.subject import Subject, types
from pgmqgen.schema.settings import KEYWORD
from pgmqgen.schema.text import Pointer

OTHER_DRAFT = warning(
    "PGQ114",
    "a keyword that its draft does not have",
    "A schema is read as the draft that `$schema` names, which ignores keywords of others.",
    bad='{\n  "$schema": "http://json-schema.org/draft-07/schema#",\n  "type": "array",\n'
    '  "prefixItems": [{"type": "string"}]\n}',
    good='{\n  "$schema": "http://json-schema.org/draft-07/schema#",\n  "type": "array",\n'
    '  "items": [{"type": "string"}]\n}',
)
OPENAPI = warning(
    "PGQ117",
    "a keyword of OpenAPI that JSON Schema does not know",
    "To JSON Schema, `nullable` and `example` are words without a meaning: null stays invalid, and the "
    "example is neither checked nor shown.",
    bad='{\n  "type": "object",\n  "properties": {"note": {"type": "string", "nullable": true}}\n}',
    good='{\n  "type": "object",\n  "properties": {"note": {"type": ["string", "null"]}}\n}',
)
SETTINGS = warning(
    "PGQ304",
    "`x-pgmq` where it has no effect",
    "The settings of a queue stand at the root of its file. Elsewhere nothing reads them: not in a "
    "part of a schema, and not in a file that is no queue.",
    bad='{\n  "type": "object",\n  "properties": {"id": {"x-pgmq": {"max_attempts": 3}}}\n}',
    good='{\n  "type": "object",\n  "properties": {"id": {}},\n  "x-pgmq": {"max_attempts": 3}\n}',
)
RULES = (OTHER_DRAFT, OPENAPI, SETTINGS)
_NEWER = "name a newer draft with `$schema`, such as"
_INSTEAD = {
    "$dynamicRef": f"{_NEWER} {DRAFTS[0]}",
    "$recursiveRef": "this draft has `$dynamicRef`",
    "additionalItems": "beside `prefixItems`, this draft says it with `items`",
    "const": 'this draft has only `enum`: "enum": [VALUE]',
    "contains": f"{_NEWER} {DRAFTS[2]}",
    "dependentRequired": "this draft has `dependencies`, with the same value",
    "dependentSchemas": "this draft has `dependencies`, with the same value",
    "else": f"{_NEWER} {DRAFTS[2]}",
    "if": f"{_NEWER} {DRAFTS[2]}",
    "maxContains": f"{_NEWER} {DRAFTS[0]}",
    "minContains": f"{_NEWER} {DRAFTS[0]}",
    "prefixItems": "this draft has `items` with a list",
    "propertyNames": f"{_NEWER} {DRAFTS[2]}",
    "then": f"{_NEWER} {DRAFTS[2]}",
    "unevaluatedItems": f"{_NEWER} {DRAFTS[0]}",
    "unevaluatedProperties": f"{_NEWER} {DRAFTS[0]}",
}
"""What to do about a keyword of another draft."""


def check(subject: Subject) -> Iterator[Diagnostic]:
    """Check the keywords of every schema of a file."""
    for pointer, schema in subject.written:
        for rule in (_draft, _id, _nullable, _example, _settings):
            yield from rule(subject, pointer, schema)


def _draft(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    draft = subject.dialect.draft
    for keyword in MEANINGLESS[draft]:
        if keyword in schema:
            place = subject.source.key_place((*at, keyword))
            message = f"`{keyword}` has no effect in `{draft}`"
            hint = _INSTEAD.get(keyword)
            yield OTHER_DRAFT.at(subject.source, place, message, hint=hint)


def _id(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    """At the root only, for `id` is also what people call a property, or a note."""
    known = subject.dialect.id_keyword
    other = "id" if known == "$id" else "$id"
    if not at and isinstance(schema.get(other), str) and known not in schema:
        place = subject.source.key_place((other,))
        message = f"`{other}` has no effect in `{subject.dialect.draft}`"
        hint = f"this draft has `{known}`"
        yield OTHER_DRAFT.at(subject.source, place, message, hint=hint)


def _nullable(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    if schema.get("nullable") is True and "null" not in types(schema):
        place = subject.source.key_place((*at, "nullable"))
        message = "`nullable` has no effect: null stays invalid"
        yield OPENAPI.at(subject.source, place, message, hint=_with_null(schema))


def _with_null(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f'write "anyOf": [{{"$ref": {show(schema["$ref"])}}}, {{"type": "null"}}]'
    if not types(schema):
        return 'write "anyOf": [{...}, {"type": "null"}]'
    given = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    also = ", and add null to `enum`" if None not in schema.get("enum", [None]) else ""
    return f'write "type": {show([*given, "null"])}{also}'


def _example(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    if "example" in schema and "examples" not in schema:
        place = subject.source.key_place((*at, "example"))
        message = "`example` has no effect: JSON Schema has `examples`, a list"
        hint = f'write "examples": [{show(schema["example"])}]'
        yield OPENAPI.at(subject.source, place, message, hint=hint)


def _settings(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    if KEYWORD in schema and (at or not subject.is_queue):
        place = subject.source.key_place((*at, KEYWORD))
        message = f"`{KEYWORD}` has no effect here"
        hint = "move it to the root of a queue's file"
        yield SETTINGS.at(subject.source, place, message, hint=hint)
