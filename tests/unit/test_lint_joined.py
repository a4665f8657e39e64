"""Schemas that are joined: closed objects that refuse each other's names, references in a circle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.linting import find_diagnostics

_DRAFT_7 = "http://json-schema.org/draft-07/schema#"
_A = {"type": "object", "properties": {"a": {}}}
_CLOSED_B = {"type": "object", "properties": {"b": {}}, "additionalProperties": False}


_OWN = 'write "unevaluatedProperties": false instead'
_BRANCH = 'remove it there, and write "unevaluatedProperties": false beside the `allOf` or `$ref`'
_OLD = "repeat the names in the closed `properties`, with {} as their schemas"


@pytest.mark.parametrize(
    ("schema", "place", "names", "hint"),
    [
        ({**_CLOSED_B, "allOf": [_A]}, '"additionalProperties"', "`a`", _OWN),
        ({"$schema": _DRAFT_7, **_CLOSED_B, "allOf": [_A]}, '"additionalProperties"', "`a`", _OLD),
        ({**_CLOSED_B, "allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": _A}}, '"additionalProperties"', "`a`", _OWN),
        ({**_CLOSED_B, "$ref": "#/$defs/a", "$defs": {"a": _A}}, '"additionalProperties"', "`a`", _OWN),
        ({**_A, "allOf": [_CLOSED_B]}, '{"type": "object", "properties": {"b"', "`a`", _BRANCH),
        ({"$ref": "#/$defs/b", **_A, "$defs": {"b": _CLOSED_B}}, '"$ref"', "`a`", _BRANCH),
        ({**_CLOSED_B, "allOf": [{"properties": {name: {} for name in "acdefg"}}]}, '"additionalProperties"',
         "`a`, `c`, `d` and 3 more", _OWN),
    ],
)  # fmt: skip
def test_names_that_are_refused(
    tmp_path: Path, schema: Any, place: str, names: str, hint: str
) -> None:
    (found,) = find_diagnostics(tmp_path, q=schema)
    column = json.dumps(schema).index(place) + 1
    assert (found.code, found.column, found.hint) == ("PGQ118", column, hint)
    assert found.message == f'"additionalProperties": false refuses {names}, declared beside it'


@pytest.mark.parametrize(
    "schema",
    [
        {**_CLOSED_B, "allOf": [{"properties": {"b": {"type": "string"}}}]},
        {**_CLOSED_B, "patternProperties": {"^a": {}}, "allOf": [_A]},
        {**_CLOSED_B, "allOf": [{"properties": {"a": False}}]},
        {"type": "object", "unevaluatedProperties": False, "allOf": [_A]},
        {"type": "array", "items": {"$ref": "#/$defs/b"}, "$defs": {"b": _CLOSED_B}},
        {"$schema": _DRAFT_7, "$ref": "#/definitions/b", "definitions": {"b": _CLOSED_B}},
    ],
)
def test_closed_objects_that_are_all_right(tmp_path: Path, schema: Any) -> None:
    assert find_diagnostics(tmp_path, q=schema) == []


def _circle(keyword: str) -> Any:
    return {keyword: [{"$ref": "#/$defs/b"}]}


@pytest.mark.parametrize(
    ("schema", "chain"),
    [
        ({"$ref": "#"}, "`#`"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "`#/$defs/a`"),
        *(
            ({"$defs": {"a": _circle(keyword), "b": {"$ref": "#/$defs/a"}}}, "`#/$defs/b` -> `#/$defs/a`")
            for keyword in ("allOf", "anyOf", "oneOf")
        ),
    ],
)  # fmt: skip
def test_references_in_a_circle(tmp_path: Path, schema: Any, chain: str) -> None:
    (found,) = find_diagnostics(tmp_path, q=schema)
    assert (found.code, found.severity) == ("PGQ203", "error")
    assert found.message == f"the reference leads back to itself: {chain}"


def test_a_circle_through_files(tmp_path: Path) -> None:
    files = {"q": {"$ref": "shared/a.json"}, "shared__a": {"$ref": "b.json#/$defs/x"}}
    found = find_diagnostics(tmp_path, **files, shared__b={"$defs": {"x": {"$ref": "a.json"}}})
    assert [(each.path, each.message.partition(": ")[2]) for each in found] == [
        ("schemas/shared/a.json", "`b.json#/$defs/x` -> `#`"),
        ("schemas/shared/b.json", "`a.json` -> `#/$defs/x`"),
    ]


def test_a_reference_for_a_part_of_the_value_is_no_circle(tmp_path: Path) -> None:
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}
    assert find_diagnostics(tmp_path, q=node) == []


def test_long_chains_are_followed(tmp_path: Path) -> None:
    chain = {f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(5_000)}
    queue = {"type": "array", "items": {"$ref": "#/$defs/d0"}, "$defs": {**chain, "d5000": {}}}
    assert find_diagnostics(tmp_path, q=queue) == []
