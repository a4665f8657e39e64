"""Keywords of other drafts, of OpenAPI and of the root, and what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.linting import find_diagnostics

_DRAFT_4 = "http://json-schema.org/draft-04/schema#"
_DRAFT_7 = "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize(
    ("schema", "hint"),
    [
        ({"additionalItems": False}, "beside `prefixItems`, this draft says it with `items`"),
        ({"id": "https://example.com/q"}, "this draft has `$id`"),
        ({"$schema": _DRAFT_7, "id": "https://example.com/q"}, "this draft has `$id`"),
        ({"$schema": _DRAFT_4, "$id": "https://example.com/q"}, "this draft has `id`"),
        ({"$schema": _DRAFT_4, "const": 3}, 'this draft has only `enum`: "enum": [VALUE]'),
        ({"$schema": _DRAFT_4, "if": {}}, f"name a newer draft with `$schema`, such as {_DRAFT_7[:-1]}"),
        ({"$schema": _DRAFT_7, "dependentRequired": {}}, "this draft has `dependencies`, with the same value"),
        ({"$schema": _DRAFT_7, "prefixItems": []}, "this draft has `items` with a list"),
    ],
)  # fmt: skip
def test_keywords_of_other_drafts(tmp_path: Path, schema: Any, hint: str) -> None:
    (found,) = find_diagnostics(tmp_path, q=schema)
    assert (found.code, found.severity, found.hint) == ("PGQ114", "warning", hint)


@pytest.mark.parametrize(
    ("schema", "hint"),
    [
        ({"type": "string", "nullable": True}, 'write "type": ["string", "null"]'),
        ({"type": ["string", "array"], "nullable": True}, 'write "type": ["string", "array", "null"]'),
        ({"type": "string", "enum": ["a"], "nullable": True},
         'write "type": ["string", "null"], and add null to `enum`'),
        ({"$ref": "#/$defs/a", "nullable": True},
         'write "anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]'),
        ({"enum": ["a"], "nullable": True}, 'write "anyOf": [{...}, {"type": "null"}]'),
        ({"type": "string", "example": "x"}, 'write "examples": ["x"]'),
    ],
)  # fmt: skip
def test_keywords_of_openapi(tmp_path: Path, schema: Any, hint: str) -> None:
    (found,) = find_diagnostics(
        tmp_path, q={"properties": {"p": schema}, "type": "object", "$defs": {"a": {}}}
    )
    assert (found.code, found.severity, found.hint) == ("PGQ117", "warning", hint)


def test_settings_that_nothing_reads(tmp_path: Path) -> None:
    queue = {"x-pgmq": {}, "properties": {"p": {"x-pgmq": {}}, "s": {"$ref": "shared/s.json"}}}
    found = find_diagnostics(
        tmp_path, q={"type": "object", **queue}, shared__s={"x-pgmq": {"queue": "s"}}
    )
    places = [(each.code, each.path, each.column) for each in found]
    assert places == [
        ("PGQ304", "schemas/q.json", 55),
        ("PGQ304", "schemas/shared/s.json", 2),
    ]


@pytest.mark.parametrize(
    "schema",
    [
        {"nullable": False, "type": "string"},
        {"nullable": True, "type": ["string", "null"]},
        {"type": "object", "properties": {"id": {}, "nullable": {}, "example": {}, "x-pgmq": {}}},
        {"type": "array", "items": {"id": "line"}},
        {"example": 1, "examples": [1]},
        {"xml": {"name": "q"}, "externalDocs": {"url": "https://example.com"}},
        {"$schema": _DRAFT_4, "id": "https://example.com/q", "$id": "https://example.com/q"},
    ],
)
def test_words_that_are_all_right(tmp_path: Path, schema: Any) -> None:
    assert find_diagnostics(tmp_path, q=schema) == []
