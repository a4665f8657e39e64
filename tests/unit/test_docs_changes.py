"""What a commit did to a schema, in the words of the table of fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pgmqgen.docs.changes import list_changes
from pgmqgen.docs.history import Commit, Revision


def _compare(old: Any, new: Any) -> list[str]:
    before, after = (json.dumps(schema).encode() for schema in (old, new))
    revision = Revision(label="schemas/q.json", old=before, new=after)
    commit = Commit(id="1", date="2026-01-01", subject="s", revisions=(revision,))
    return [
        " ".join(filter(None, (change.verb, f"`{change.subject}`", change.where, change.detail)))
        for change_set in list_changes((commit,))
        for file in change_set.files
        for change in file.changes
    ]


_SIZE = {"properties": {"size": {"type": "integer"}}}
_INLINE = [{"title": "Email", **_SIZE}, _SIZE]


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({}, _SIZE, ["added `size` integer"]),
        ({"$defs": {"Dog": {"allOf": [{}]}}}, {"$defs": {"Dog": {"allOf": [{}, _SIZE]}}}, ["added `Dog: size` integer"]),
        ({"$defs": {"Dog": {}}}, {"$defs": {"Dog": _SIZE}}, ["added `Dog: size` integer"]),
        ({"$defs": {"Dog": {}}}, {"$defs": {"Dog": {"minProperties": 1}}}, ["changed `Dog` minProperties 1 set"]),
        ({"properties": {"a": {"items": {}}}}, {"properties": {"a": {"items": _SIZE}}}, ["added `a[].size` integer"]),
        ({}, {"prefixItems": [_SIZE]}, ["added `[0]`", "added `[0].size` integer"]),
        ({}, {"patternProperties": {"^x": {"type": "null"}}}, ["added `/^x/` null"]),
        ({"additionalProperties": {}}, {"additionalProperties": _SIZE}, ["added `*.size` integer"]),
        ({"oneOf": [{"title": "Email"}, {}]}, {"oneOf": _INLINE},
         ["added `size` in Email integer", "added `size` in option 2 integer"]),
        ({"oneOf": [{"$ref": "#/$defs/Cat"}]}, {"oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]},
         ["changed `the message` type Cat → Cat or Dog"]),
        ({"allOf": [{"$ref": "#/$defs/Cat"}]}, {"allOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "pet.json"}]},
         ["changed `the message` type Cat → Cat and pet.json"]),
        ({"then": {}, "if": {}}, {"then": _SIZE, "if": {}}, ["added `size` where a condition holds integer"]),
        ({"dependentSchemas": {"a": {}}}, {"dependentSchemas": {"a": _SIZE}}, ["added `size` where a is given integer"]),
        ({"required": ["a"]}, {"required": ["a"], "allOf": [{"required": ["b"]}]},
         ['changed `the message` required ["a"] → ["a"] and ["b"]']),
        ({"additionalProperties": True}, {"additionalProperties": False},
         ["changed `the message` additionalProperties true → false"]),
        ({"x-pgmq": {"timeout": 3}}, {"x-pgmq": {"timeout": 4}}, ["changed `x-pgmq.timeout` 3 → 4"]),
    ],
)  # fmt: skip
def test_words(old: Any, new: Any, changes: list[str]) -> None:
    assert _compare(old, new) == changes
