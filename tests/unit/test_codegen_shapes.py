"""Shapes that schemas are reduced to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pgmqgen.codegen.normalise import Normal, normalise
from pgmqgen.codegen.shapes import tuple_of

TEXT, COUNT = {"type": "string"}, {"type": "integer"}
_PAIR = [TEXT, COUNT]
_EITHER = {"anyOf": [TEXT, COUNT]}
_ANY_OF_THREE = {"anyOf": [TEXT, COUNT, {"type": "null"}]}
_OLD = {"$schema": "http://json-schema.org/draft-07/schema#"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _normalise(schema: dict[str, Any]) -> Normal:
    return normalise(schema, {"#": "Payload"})


def _step(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def test_a_union_that_is_referred_to_has_its_classes_once_and_in_its_name() -> None:
    step = {"anyOf": [TEXT, _object(a=TEXT), _object(b=TEXT)]}
    schema = _object(first=_step("step"), then=_step("step")) | {"$defs": {"step": step}}
    normal = _normalise(schema)
    assert [*normal.classes] == ["Payload", "Step", "Step2"]
    properties = normal.classes["Payload"]["properties"]
    assert properties["first"] == properties["then"]


def test_definitions_that_lead_to_each_other_are_shaped_once() -> None:
    schema = _ladder(lambda below: {"anyOf": [below, {"allOf": [below]}]})
    assert _normalise(schema).classes["Payload"]["properties"]["a"] == {"$ref": "#/$defs/Level40"}


def test_types_do_not_grow_beyond_measure() -> None:
    schema = _ladder(lambda below: {"anyOf": [below, {"type": "array", "items": below}]})
    assert _normalise(schema).classes["Payload"]["properties"]["a"] == {}


def _ladder(step: Callable[[dict[str, str]], dict[str, Any]]) -> dict[str, Any]:
    """A schema whose definitions all lead to the next in two ways."""
    levels = {f"level_{number}": step(_step(f"level_{number + 1}")) for number in range(40)}
    return _object(a=_step("level_0")) | {"$defs": {**levels, "level_40": _object(end=TEXT)}}


def test_what_is_cut_off_inside_of_itself_is_whole_elsewhere() -> None:
    definitions = {
        "a": {"type": "array", "items": _step("b")},
        "b": {"anyOf": [TEXT, {"type": "array", "items": _step("a")}]},
    }
    normal = _normalise(_object(a=_step("a"), b=_step("b")) | {"$defs": definitions})
    cut = {"anyOf": [TEXT, {"type": "array", "items": {}}]}
    whole = {"anyOf": [TEXT, {"type": "array", "items": {"type": "array", "items": cut}}]}
    properties = normal.classes["Payload"]["properties"]
    assert properties == {"a": {"type": "array", "items": cut}, "b": whole}


@pytest.mark.parametrize(
    ("beside", "is_closed"),
    [
        ({"required": ["a"]}, True),
        ({"description": "A description."}, True),
        ({"properties": {"b": TEXT}}, False),
        ({"patternProperties": {"^b": TEXT}}, False),
        ({"additionalProperties": TEXT}, False),
    ],
)
def test_what_stands_beside_a_closed_object_opens_it_or_not(beside: Any, is_closed: bool) -> None:
    closed = _object(a=TEXT) | {"additionalProperties": False}
    for parts in ([closed, beside], [beside, closed]):
        shape = _normalise({"allOf": parts}).classes["Payload"]
        assert (shape["customBasePath"].endswith("ClosedModel")) == is_closed


_LEAF = _object(kind={"const": "leaf"}, text=TEXT) | {"required": ["kind"]}
_MANY = {"type": "array", "items": _step("tree")}
_BRANCH = _object(kind={"const": "branch"}, parts=_MANY) | {"required": ["kind"]}


@pytest.mark.parametrize(
    ("tree", "definitions"),
    [
        ({"oneOf": [_LEAF, _BRANCH]}, {}),
        ({"properties": {"id": TEXT}, "oneOf": [_LEAF, _BRANCH]}, {}),
        ({"oneOf": [_step("leaf"), _step("branch")]}, {"leaf": _LEAF, "branch": _BRANCH}),
        (
            {"properties": {"id": TEXT}, "oneOf": [_step("leaf"), _step("branch")]},
            {"leaf": _LEAF, "branch": _BRANCH},
        ),
    ],
)
def test_a_union_whose_branches_lead_back_to_it(tree: Any, definitions: Any) -> None:
    schema = _object(root=_step("tree")) | {"$defs": {"tree": tree, **definitions}}
    normal = _normalise(schema)
    assert [*normal.classes] == ["Payload", "Leaf", "Branch"]
    root = normal.classes["Payload"]["properties"]["root"]
    assert root["anyOf"] == [{"$ref": "#/$defs/Leaf"}, {"$ref": "#/$defs/Branch"}]
    assert normal.classes["Branch"]["properties"]["parts"] == {"type": "array", "items": root}


def test_a_root_that_leads_back_to_itself() -> None:
    node = _object(text=TEXT, next={"$ref": "#"})
    normal = _normalise({"anyOf": [{"type": "null"}, node]})
    (name,) = normal.classes
    assert normal.shapes["#"] == {"anyOf": [{"type": "null"}, {"$ref": f"#/$defs/{name}"}]}
    assert normal.classes[name]["properties"]["next"] == normal.shapes["#"]


def test_a_union_of_several_schemas_that_leads_back_to_itself_ends() -> None:
    again = {"oneOf": [_step("b")], "properties": {"q": TEXT}}
    normal = _normalise(_object(n=again) | {"$defs": {"b": _object(p=again)}})
    assert normal.classes["Payload"]["properties"]["n"] == {"$ref": "#/$defs/B"}


def test_equal_objects_of_one_name_are_one_class() -> None:
    def place(**more: Any) -> dict[str, Any]:
        return _object(url=_object(text=TEXT, **more))

    schema = _object(a=_object(x=place()), b=_object(x=place()), c=_object(x=place(more=COUNT)))
    normal = _normalise(schema)
    assert [*normal.classes] == ["Payload", "A", "X", "Url", "B", "C", "CX", "CXUrl"]
    assert normal.classes["A"]["properties"] == normal.classes["B"]["properties"]


_EVENTS = {
    kind: _object(type={"const": kind}, data=_object(**{kind: TEXT}))
    for kind in ("paid", "sent", "lost")
}


@pytest.mark.parametrize("kinds", [("paid", "sent"), ("sent", "paid"), ("lost", "sent", "paid")])
def test_a_class_inside_of_others_is_called_after_the_one_that_it_is_in(
    kinds: tuple[str, ...],
) -> None:
    """Whatever stands before it, so that another branch takes no name away."""
    normal = _normalise({"oneOf": [_EVENTS[kind] for kind in kinds]})
    for kind in kinds:
        name = kind.capitalize()
        assert normal.classes[name]["properties"]["data"] == {"$ref": f"#/$defs/{name}Data"}
        assert normal.classes[f"{name}Data"]["properties"] == {kind: {"type": "string"}}


@pytest.mark.parametrize(
    ("properties", "definitions", "names"),
    [
        ({"a": _object(x=_object(t=TEXT))}, {}, ["A", "X"]),
        ({"a": _object(x=_object(t=TEXT)), "b": _step("x")}, {"x": _object(n=COUNT)}, ["A", "AX", "X"]),
        ({"x": _object(x=_object(x=_object(t=TEXT)))}, {}, ["X", "X2", "X3"]),
        ({"x": {"anyOf": [_object(t=TEXT), _object(n=COUNT)]}}, {}, ["X", "X2"]),
        ({"field": _object(t=TEXT)}, {}, ["PayloadField"]),
    ],
)  # fmt: skip
def test_what_would_have_one_name(properties: Any, definitions: Any, names: list[str]) -> None:
    normal = _normalise(_object(**properties) | {"$defs": definitions})
    assert [*normal.classes] == ["Payload", *names]


def test_literals_of_a_union_are_one_literal() -> None:
    values = {"anyOf": [{"const": "a"}, COUNT, {"enum": ["b", "a"]}, {"const": "c"}]}
    shape = _normalise(_object(a=values)).classes["Payload"]["properties"]["a"]
    assert shape == {"anyOf": [{"enum": ["a", "b", "c"]}, COUNT]}


@pytest.mark.parametrize(
    "schema",
    [
        {"prefixItems": _PAIR, "items": False, "minItems": 2},
        {"prefixItems": _PAIR, "maxItems": 2, "minItems": 2},
        {"prefixItems": [*_PAIR, TEXT], "maxItems": 2, "minItems": 2},
        {**_OLD, "items": _PAIR, "additionalItems": False, "minItems": 2},
    ],
)
def test_arrays_of_one_length_are_tuples(schema: dict[str, Any]) -> None:
    shape = _normalise({"type": "array", **schema}).shapes["#"]
    assert shape == tuple_of([TEXT, COUNT])


@pytest.mark.parametrize(
    ("schema", "items"),
    [
        ({"prefixItems": _PAIR, "items": False, "minItems": 1}, _EITHER),
        ({"prefixItems": _PAIR, "items": {"type": "null"}, "minItems": 2}, _ANY_OF_THREE),
        ({"prefixItems": _PAIR, "minItems": 2}, {}),
        ({**_OLD, "items": _PAIR, "additionalItems": COUNT}, _EITHER),
        ({**_OLD, "prefixItems": _PAIR, "items": TEXT, "minItems": 2}, TEXT),
        # Of two schemas, the shorter list must not end the longer one.
        ({"allOf": [{"prefixItems": [*_PAIR, TEXT]}, {"prefixItems": [TEXT]}]}, {}),
        (
            {
                "allOf": [
                    {"prefixItems": _PAIR, "items": {"type": "null"}},
                    {"prefixItems": [TEXT], "items": {"type": ["integer", "null"]}},
                ]
            },
            _ANY_OF_THREE,
        ),
        # `additionalItems` has no meaning without a list of items in its own schema.
        ({**_OLD, "allOf": [{"additionalItems": False}, {"items": _PAIR, "minItems": 2}]}, {}),
    ],
)
def test_arrays_of_any_length_are_lists(schema: dict[str, Any], items: Any) -> None:
    shape = _normalise({"type": "array", **schema}).shapes["#"]
    assert shape == {"type": "array", "items": items}


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"patternProperties": {"^a": TEXT}, "additionalProperties": False}, TEXT),
        ({"patternProperties": {"^a": TEXT}, "additionalProperties": COUNT}, _EITHER),
        ({"patternProperties": {"^a": TEXT, "^b": COUNT}, "additionalProperties": False}, _EITHER),
        ({"patternProperties": {"^a": TEXT, "^b": False}, "additionalProperties": False}, TEXT),
        ({"patternProperties": {"^a": TEXT}}, True),
        ({"patternProperties": {"^a": False}, "additionalProperties": False}, True),
    ],
)
def test_maps_of_what_patterns_say(schema: dict[str, Any], values: Any) -> None:
    shape = _normalise({"type": "object", **schema}).shapes["#"]
    assert shape == {"type": "object", "additionalProperties": values}
