"""The fields of a schema as rows of a table."""

from __future__ import annotations

from typing import Any

import pytest

from pgmqgen.docs.fields import Shape, describe_shape

ROOT: dict[str, Any] = {
    "$defs": {
        "Pet": {
            "type": "object",
            "required": ["kind", "name"],
            "properties": {
                "kind": {"type": "string"},
                "name": {"type": "string", "description": "What it is called."},
                "mother": {"$ref": "#/$defs/Dog"},
            },
        },
        "Dog": {
            "allOf": [{"$ref": "#/$defs/Pet"}, {"required": ["size"]}],
            "properties": {"kind": {"const": "dog"}, "size": {"type": "integer"}},
        },
        "Cat": {"$ref": "#/$defs/Pet", "properties": {"kind": {"const": "cat"}}},
        "Animal": {"$ref": "#/$defs/Pet"},
        "Ring": {"allOf": [{"$ref": "#/$defs/Ring"}, {"$ref": "#/$defs/Nowhere"}]},
    }
}


def _describe(name: str) -> Shape:
    return describe_shape(ROOT, ROOT["$defs"][name], anchor="a", name=name)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Dog", {"kind": True, "name": True, "mother": False, "size": True}),
        ("Cat", {"kind": True, "name": True, "mother": False}),
        ("Animal", {}),  # a link to `Pet` is all that it is
        ("Ring", {}),
    ],
)
def test_inherited_fields(name: str, fields: dict[str, bool]) -> None:
    assert {row.name: row.required for row in _describe(name).fields} == fields


def test_an_inherited_field_keeps_what_it_says() -> None:
    kind, name, *_ = _describe("Dog").fields
    assert kind.values == ('"dog"',)
    assert name.description == "What it is called."


def test_what_two_parts_say_of_one_field_is_joined() -> None:
    const, base = {"properties": {"a": {"const": 1}}}, {"properties": {"a": {"type": "integer"}}}
    (field,) = describe_shape(True, {"allOf": [const, base]}, anchor="a", name="A").fields
    assert (field.values, field.type[0].text) == (("1",), "integer")


def test_inheritance_that_doubles_at_each_step_takes_no_time() -> None:
    steps = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2, "properties": {f"p{n}": {}}}
        for n in range(60)
    }
    shape = describe_shape({"$defs": steps}, steps["d0"], anchor="a", name="d0")
    assert len(shape.fields) == 60
