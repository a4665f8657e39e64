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


def _is(**values: Any) -> Any:
    return {"properties": {name: {"const": value} for name, value in values.items()}}


_KIND = {"properties": {"kind": {}}, "required": ["kind"]}
_IBAN = {"properties": {"iban": {"type": "string"}, "kind": {"minLength": 1}}, "required": ["iban"]}
_CARD = {"properties": {"card": {"type": "string"}, "iban": False}}


@pytest.mark.parametrize(
    ("schema", "fields"),
    [
        ({"if": _is(kind="sepa"), "then": _IBAN, "else": _CARD},
         [("iban", True, 'where kind is "sepa"'), ("card", False, 'where kind is not "sepa"')]),
        ({"allOf": [{"if": _is(kind="a"), "then": _IBAN}, {"if": _is(kind="b"), "then": _CARD}]},
         [("iban", True, 'where kind is "a"'), ("card", False, 'where kind is "b"')]),
        ({"if": _is(kind="a"), "then": _IBAN, "else": {"if": _is(kind="b"), "then": _CARD}},
         [("iban", True, 'where kind is "a"'), ("card", False, 'where kind is not "a" and kind is "b"')]),
        ({"if": {"properties": {"kind": {"enum": [1, 2]}}}, "then": _CARD}, [("card", False, "where kind is 1 or 2")]),
        ({"if": _is(size=3), "then": _CARD}, [("card", False, "where size is 3 or not given")]),
        ({"if": {**_is(size=3), "required": ["size"]}, "then": _CARD}, [("card", False, "where size is 3")]),
        ({"if": {"required": ["size"]}, "then": _IBAN, "else": _CARD},
         [("iban", True, "where size is given"), ("card", False, "where size is not given")]),
        ({"if": {"not": {}}, "then": _CARD}, [("card", False, "in some messages")]),
        ({"if": {"properties": {"kind": {"pattern": "x"}}}, "else": _CARD}, [("card", False, "in some messages")]),
        ({"dependentSchemas": {"size": _CARD}}, [("card", False, "where size is given")]),
        ({"dependencies": {"size": _CARD, "kind": ["size"]}}, [("card", False, "where size is given")]),
        ({"if": _is(kind="a"), "then": {"$ref": "#/$defs/Pet"}},
         [("name", True, 'where kind is "a"'), ("mother", False, 'where kind is "a"')]),
        ({"if": True, "then": _KIND}, []),
    ],
)  # fmt: skip
def test_fields_of_some_messages(schema: Any, fields: list[tuple[str, bool, str]]) -> None:
    shape = describe_shape(ROOT, {**_KIND, **schema}, anchor="a", name="A")
    assert shape.fields[0].name == "kind"
    assert [(row.name, row.required, row.constraints[0]) for row in shape.fields[1:]] == fields
    assert any("see the schema" in text for text in shape.constraints)


def test_conditions_that_lead_back_or_double_take_no_time() -> None:
    steps = {
        f"d{n}": {
            "allOf": [{"if": {}, "then": {"$ref": f"#/$defs/d{(n + 1) % 60}"}}] * 2,
            "properties": {f"p{n}": {}},
        }
        for n in range(60)
    }
    shape = describe_shape({"$defs": steps}, steps["d0"], anchor="a", name="d0")
    assert [row.name for row in shape.fields] == ["p0", "p1"]
