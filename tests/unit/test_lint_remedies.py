"""What lint says to write instead of what the rules of JSON Schema refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pgmqgen.config import load_config
from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.load import load

_DRAFT_4 = "http://json-schema.org/draft-04/schema#"


def _find(folder: Path, schema: Any) -> tuple[Diagnostic, ...]:
    (folder / "pgmqgen.toml").touch()
    (folder / "schemas").mkdir()
    (folder / "schemas" / "q.json").write_text(json.dumps(schema))
    return load(load_config(folder)).diagnostics


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("strng", "did you mean `string`?"),
        ("String", 'write "type": "string"'),
        ("int", 'write "type": "integer"'),
        ("float", 'write "type": "number"'),
        ("bool", 'write "type": "boolean"'),
        ("dict", 'write "type": "object"'),
        ("list", 'write "type": "array"'),
        ("None", 'write "type": "null"'),
        ("date", 'write "type": "string", "format": "date"'),
        ("datetime", 'write "type": "string", "format": "date-time"'),
        ("date_time", 'write "type": "string", "format": "date-time"'),
        ("any", "remove `type`: any value is valid then"),
        ("Money", 'a definition is referred to: "$ref": "#/$defs/Money"'),
        ("zzz", None),
        (None, 'null as a type stands in quotes: "type": "null"'),
        ({"type": "string"}, "if it is a property that is called `type`, it belongs under `properties`"),
    ],
)  # fmt: skip
def test_types(tmp_path: Path, name: Any, hint: str | None) -> None:
    schema = {"properties": {"a": {"type": name}}, "$defs": {"Money": {"type": "number"}}}
    (found,) = _find(tmp_path, schema)
    names = "array, boolean, integer, null, number, object or string"
    assert found.message == f"`type`: expected {names}, got `{json.dumps(name)}`"
    assert (found.code, found.line, found.column) == ("PGQ004", 1, 31)
    assert found.hint == hint


def test_one_type_of_a_list(tmp_path: Path) -> None:
    (found,) = _find(tmp_path, {"type": ["null", "str"]})
    assert (found.column, found.hint) == (19, 'write "type": "string"')


def test_a_type_twice(tmp_path: Path) -> None:
    (found,) = _find(tmp_path, {"type": ["null", "null"]})
    assert (found.message, found.hint) == ('`type`: got `["null", "null"]`', "name each type once")


@pytest.mark.parametrize(
    ("schema", "message", "hint"),
    [
        ({"properties": {"a": {"required": True}}},
         "`properties.a.required`: expected a list, got `true`",
         'remove it, and list the name in the object that has it: "required": ["a"]'),
        ({"properties": {"a": {"required": False}}},
         "`properties.a.required`: expected a list, got `false`",
         "remove it: a property is optional unless its object lists it in `required`"),
        ({"required": "a"}, '`required`: expected a list, got `"a"`', 'write a list: "required": ["a"]'),
        ({"items": [{"type": "string"}]},
         '`items`: expected a schema, got `[{"type": "string"}]`',
         "this draft lists the schemas of the first items in `prefixItems`"),
        ({"minimum": 3, "exclusiveMinimum": True},
         "`exclusiveMinimum`: expected a number, got `true`",
         'write "exclusiveMinimum": 3, and remove `minimum`'),
        ({"exclusiveMaximum": True},
         "`exclusiveMaximum`: expected a number, got `true`",
         "write the number itself"),
        ({"minimum": 3, "exclusiveMinimum": False},
         "`exclusiveMinimum`: expected a number, got `false`",
         "remove it: `minimum` includes its number"),
        ({"$schema": _DRAFT_4, "exclusiveMinimum": 0},
         "`exclusiveMinimum`: expected true or false, got `0`",
         'in this draft: "minimum": 0, "exclusiveMinimum": true'),
        ({"$schema": _DRAFT_4, "properties": {"a": False}},
         "`properties.a`: expected a schema, got `false`",
         'in this draft: {"not": {}}'),
        ({"properties": {"type": "string"}},
         '`properties.type`: expected a schema, got `"string"`',
         'the name of the property is missing: "properties": {"NAME": {"type": ...}}'),
        ({"properties": {"a": {}, "required": ["a"]}},
         '`properties.required`: expected a schema, got `["a"]`',
         "move `required` out of `properties`, to stand beside it"),
        ({"properties": {"a": "integer"}},
         '`properties.a`: expected a schema, got `"integer"`',
         'write {"type": "integer"}'),
        ({"additionalProperties": "false"},
         '`additionalProperties`: expected a schema, got `"false"`',
         "remove the quotes: false"),
        ({"minimum": "5"}, '`minimum`: expected a number, got `"5"`', "remove the quotes: 5"),
        ({"maxLength": "5"}, '`maxLength`: expected an integer, got `"5"`', "remove the quotes: 5"),
        ({"maxLength": "5.5"}, '`maxLength`: expected an integer, got `"5.5"`', None),
        ({"uniqueItems": "true"}, '`uniqueItems`: expected true or false, got `"true"`', "remove the quotes: true"),
        ({"properties": ["a"]}, '`properties`: expected an object, got `["a"]`', 'write an object: "properties": {"NAME": ...}'),
        ({"oneOf": {"type": "null"}}, '`oneOf`: expected a list, got `{"type": "null"}`', 'write a list: "oneOf": [...]'),
        ({"title": 7}, "`title`: expected a string, got `7`", None),
        ({"title": ["x" * 100]}, f'`title`: expected a string, got `["{"x" * 58}...`', None),
    ],
)  # fmt: skip
def test_values(tmp_path: Path, schema: Any, message: str, hint: str | None) -> None:
    (found,) = _find(tmp_path, schema)
    assert (found.code, found.message, found.hint) == ("PGQ004", message, hint)
