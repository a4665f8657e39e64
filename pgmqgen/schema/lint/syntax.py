"""Files that hold no schema: broken syntax, duplicate keys, an unknown draft.

The parsers report the first two, where they see them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.drafts import Dialect
from pgmqgen.schema.keywords import DEFAULT_DRAFT
from pgmqgen.schema.lint.rule import Rule
from pgmqgen.schema.source import Source

SYNTAX = Rule(
    code="PGQ001",
    summary="a file that is not well-formed JSON or YAML",
    why="The file cannot be read. JSON is what RFC 8259 says: no comments, no trailing commas. "
    "YAML is read as JSON: no tags; aliases and merge keys within limits.",
    bad='{\n  "type": "object",\n}',
    good='{\n  "type": "object"\n}',
)
DUPLICATE_KEY = Rule(
    code="PGQ002",
    summary="a key that stands twice in an object",
    why="JSON readers keep the last of the two without a word, so one of them has no effect.",
    bad='{\n  "type": "object",\n  "type": "string"\n}',
    good='{\n  "type": "object"\n}',
    ignorable=True,
)
NO_SCHEMA = Rule(
    code="PGQ003",
    summary="a schema that is not an object, `true` or `false`",
    why="A file of the schemas folder is one JSON Schema.",
    bad='["type", "object"]',
    good='{"type": "object"}',
)
UNKNOWN_DRAFT = Rule(
    code="PGQ005",
    summary="a `$schema` that pgmqgen does not know",
    why="pgmqgen reads drafts 4, 6, 7, 2019-09 and 2020-12, and dialects that a metaschema in a "
    "[vendored] folder describes.",
    bad='{"$schema": "https://example.com/my-dialect"}',
    good='{"$schema": "https://json-schema.org/draft/2020-12/schema"}',
)
RULES = (SYNTAX, DUPLICATE_KEY, NO_SCHEMA, UNKNOWN_DRAFT)


def check(source: Source, dialect: Dialect | None) -> Iterator[Diagnostic]:
    """Yield what the parser found, and whether the file is a schema at all."""
    yield from source.diagnostics
    if not source.parsed:
        return
    value = source.value
    if not isinstance(value, dict | bool):
        message = f"expected a schema, got {_json_kind(value)}"
        yield NO_SCHEMA.at(source, (), message, hint="a schema is an object, true or false")
    elif isinstance(value, dict) and dialect is None:
        message = f"unknown draft `{value['$schema']}`"
        hint = f'write "$schema": "{DEFAULT_DRAFT}", or keep a copy of the metaschema in [vendored]'
        yield UNKNOWN_DRAFT.at(source, ("$schema",), message, hint=hint)


def _json_kind(value: Any) -> str:
    names = {"str": "a string", "list": "an array", "NoneType": "null"}
    return names.get(type(value).__name__, "a number")
