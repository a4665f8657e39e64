"""Why a payload is invalid, in words: of a union, what is wrong with the branch that was meant."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pgmqgen.errors import InvalidMessage
from pgmqgen.runtime.contract.validation import Contract
from pgmqgen.runtime.json_text import parse_json

_CARD = {
    "title": "Card",
    "type": "object",
    "required": ["method", "number"],
    "properties": {"method": {"const": "card"}, "number": {"type": "string"}},
}
_CASH = {
    "type": "object",
    "required": ["method"],
    "properties": {"method": {"enum": ["cash", "coins"]}, "received": {"type": "integer"}},
}
_PAYMENT = {"oneOf": [{"$ref": "#/$defs/card"}, {"$ref": "#/$defs/Cash"}]}
_CREATED = {
    "type": "object",
    "required": ["type", "payment"],
    "properties": {"type": {"const": "created"}, "payment": _PAYMENT},
}
_DELETED = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"const": "deleted"}, "reason": {"type": "string"}},
}
_EVENT = {
    "oneOf": [_CREATED, {"$ref": "#/$defs/Deleted"}],
    "$defs": {"card": _CARD, "Cash": _CASH, "Deleted": _DELETED},
}
_TREE = {
    "$defs": {
        name: {
            "type": "object",
            "required": ["op", "terms"],
            "properties": {
                "op": {"const": name},
                "terms": {"type": "array", "items": {"$ref": "#"}},
            },
        }
        for name in ("and", "or")
    },
    "anyOf": [{"$ref": "#/$defs/and"}, {"$ref": "#/$defs/or"}],
}


def _contract(schema: Any) -> Contract[Any]:
    return Contract(queue="q", schema=schema, payload=Any, fingerprint="f")


def _told(schema: Any, value: Any) -> list[str]:
    with pytest.raises(InvalidMessage) as caught:
        _contract(schema).validate(value)
    return [str(error) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(
            {"type": "deleted", "reason": 3},
            ['/reason: 3 is not of type "string" (in `Deleted`) [type]'],
            id="named by its reference",
        ),
        pytest.param(
            {"type": "created"},
            ['(root): "payment" is a required property (in `type: created`) [required]'],
            id="named by its tag",
        ),
        pytest.param(
            {"type": "created", "payment": {"method": "card"}},
            ['/payment: "number" is a required property (in `Card` of `type: created`) [required]'],
            id="named by its title, in another",
        ),
        pytest.param(
            {"type": "created", "payment": {"method": "coins", "received": "1"}},
            ['/payment/received: "1" is not of type "integer" (in `Cash` of `type: created`) [type]'],
            id="one of the values of its tag",
        ),
        pytest.param(
            {"type": "created", "payment": {"method": "carf"}},
            ["/payment/method: expected one of `card`, `cash`, `coins`; got `carf`; did you mean `card`? (in `type: created`) [oneOf]"],
            id="a tag in another branch",
        ),
        pytest.param(
            {"type": "moved"},
            ["/type: expected one of `created`, `deleted`; got `moved` [oneOf]"],
            id="an unknown tag",
        ),
        pytest.param(
            {"type": {"deleted": True}},
            ["/type: expected one of `created`, `deleted`; got `{...}` [oneOf]"],
            id="a tag that is no scalar",
        ),
        pytest.param(
            {"kind": "created"},
            ["(root): property `type` is missing: expected one of `created`, `deleted` [oneOf]"],
            id="no tag",
        ),
        pytest.param(
            "created", ["(root): expected object, got string [oneOf]"], id="not an object"
        ),
    ],
)  # fmt: skip
def test_a_tag_says_which_branch_was_meant(value: Any, told: list[str]) -> None:
    assert _told(_EVENT, value) == told


def _tagged(name: str, *options: Any) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"enum": list(options)}}}


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        pytest.param(
            {"anyOf": [_tagged("v", 1), _tagged("v", True), _tagged("v", "1", None)]},
            {"v": 2},
            '/v: expected one of `1`, `true`, `"1"`, `null`; got `2` [anyOf]',
            id="values that look alike",
        ),
        pytest.param(
            {"anyOf": [{**_tagged("v", 1), "minProperties": 2}, _tagged("v", True)]},
            {"v": 1.0},
            '(root): {"v":1.0} has less than 2 properties (in `v: 1`) [minProperties]',
            id="1.0 is 1 and not true",
        ),
        pytest.param(
            {"oneOf": [{"allOf": [{"$ref": "#/$defs/base"}, _tagged("t", at)]} for at in ("a", "b")],
             "$defs": {"base": {"required": ["id"], "properties": {"id": {"type": "integer"}}}}},
            {"t": "b", "id": "7"},
            '/id: "7" is not of type "integer" (in `t: b`) [type]',
            id="a tag in allOf",
        ),
        pytest.param(
            {"required": ["t"],
             "oneOf": [{"properties": {"t": {"const": at}, "n": {"maximum": 1}}} for at in ("a", "b")]},
            {"t": "b", "n": 2},
            "/n: 2 is greater than the maximum of 1 (in `t: b`) [maximum]",
            id="a tag that is required around the union",
        ),
        pytest.param(
            {"oneOf": [{"oneOf": [_tagged("t", "a"), _tagged("t", "b")]},
                       {**_tagged("t", "c"), "required": ["t", "n"]}]},
            {"t": "d"},
            "/t: expected one of `a`, `b`, `c`; got `d` [oneOf]",
            id="the tags of a union in a union",
        ),
        pytest.param(
            {"oneOf": [{"properties": {"a/b~c%41": {"oneOf": [_tagged("t", "x y"), _tagged("t", "é%")]}}},
                       {"type": "null"}]},
            {"a/b~c%41": {"t": "z"}},
            '/a~1b~0c%41/t: expected one of `"x y"`, `"é%"`; got `z` (in `branch 1`) [oneOf]',
            id="names to be escaped",
        ),
        pytest.param(
            {"anyOf": [_tagged("t", "a"), {"enum": [1, "t"]}, {"type": ["null", "string"]}, _tagged("t", "b")]},
            {"t": "z"},
            "/t: expected one of `a`, `b`; got `z` [anyOf]",
            id="branches of objects only",
        ),
        pytest.param(
            {"anyOf": [_tagged("t", f"value-{at}") for at in range(12)]},
            {"t": "x" * 100},
            "/t: expected one of " + ", ".join(f"`value-{at}`" for at in range(10))
            + " and 2 more; got `" + "x" * 28 + "..." + "x" * 28 + "` [anyOf]",
            id="many values, and a long one",
        ),
    ],
)  # fmt: skip
def test_what_is_a_tag(schema: Any, value: Any, told: str) -> None:
    assert _told(schema, value) == [told]


_CLOSE = {
    "anyOf": [
        {"title": "Circle", "type": "object", "required": ["radius", "unit"]},
        {"title": "Square", "type": "object", "properties": {"side": {"type": "number"}},
         "required": ["side"]},
        {"type": "null"},
    ]
}  # fmt: skip
_SCALARS = {"anyOf": [{"type": "string", "format": "uuid"}, {"type": ["integer", "null"]}]}
_NESTED_SCALARS = {"oneOf": [{"type": "boolean"}, _SCALARS]}
_LITERALS = {"oneOf": [{"const": "low"}, {"const": "high"}, {"enum": ["none", None]}]}


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        (_CLOSE, {}, '(root): "side" is a required property (in `Square`, the closest of 3 branches) [required]'),
        (_CLOSE, {"side": "1"}, '/side: "1" is not of type "number" (in `Square`, the closest of 3 branches) [type]'),
        (_CLOSE, 7, "(root): expected object or null, got integer [anyOf]"),
        (_SCALARS, "x", '(root): "x" is not a "uuid" [format]'),
        (_SCALARS, 1.5, "(root): expected string, integer or null, got number [anyOf]"),
        (_NESTED_SCALARS, [], "(root): expected string, integer, boolean or null, got array [oneOf]"),
        (_NESTED_SCALARS, "x", '(root): "x" is not a "uuid" [format]'),
        (_LITERALS, "hihg", "(root): expected one of `low`, `high`, `none`, `null`; got `hihg`; did you mean `high`? [oneOf]"),
        (_LITERALS, 3, "(root): expected one of `low`, `high`, `none`, `null`; got `3` [oneOf]"),
        ({"anyOf": [_DELETED, {"const": None}]}, {}, '(root): "type" is a required property [required]'),
    ],
)  # fmt: skip
def test_without_a_tag_the_closest_branch_is_told(schema: Any, value: Any, told: str) -> None:
    assert _told(schema, value) == [told]


def test_a_name_that_several_branches_have_names_none() -> None:
    base = {"title": "Base", "properties": {"n": {"type": "null"}}}
    schema = {
        "oneOf": [
            {"title": "Shape", "$ref": "#/$defs/Circle"},
            {"title": "Shape", **_tagged("t", "square")},
            {"allOf": [{"$ref": "#/$defs/base"}, _tagged("t", "line")]},
        ],
        "$defs": {"base": base, "Circle": _tagged("t", "circle")},
    }
    schema["$defs"]["Circle"]["properties"]["n"] = {"type": "null"}
    schema["oneOf"][1]["properties"]["n"] = {"type": "null"}
    names = {"circle": "Circle", "square": "t: square", "line": "t: line"}
    for value, name in names.items():
        told = f'/n: 1 is not of type "null" (in `{name}`) [type]'
        assert _told(schema, {"t": value, "n": 1}) == [told]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("1", "integer"),
        ("1.0", "integer"),
        ("1.5", "number"),
        ("12345678901234567890123", "integer"),
        ("12345678901234567890123.5", "number"),
        ("1e131000", "integer"),
    ],
)
def test_types_of_numbers(number: str, kind: str) -> None:
    schema = {"anyOf": [{"type": "boolean"}, {"type": "null"}]}
    told = f"(root): expected boolean or null, got {kind} [anyOf]"
    assert _told(schema, parse_json(number)) == [told]


def test_branches_that_match_alike_are_named() -> None:
    schema = {"oneOf": [{"type": "integer"}, {"type": "number"}, {"title": "Big", "minimum": 9}]}
    told = "(root): expected one of 3 branches to match, got `integer`, `number` [oneOf]"
    assert _told(schema, 3) == [told]


@pytest.mark.parametrize(
    ("draft", "more_than_0"),
    [
        ("04", {"minimum": 0, "exclusiveMinimum": True}),
        ("06", {"exclusiveMinimum": 0}),
        ("07", {"exclusiveMinimum": 0}),
    ],
)
def test_older_drafts(draft: str, more_than_0: dict[str, Any]) -> None:
    """Whose `$ref` hides what is beside it."""
    schema = {
        "$schema": f"http://json-schema.org/draft-{draft}/schema#",
        "definitions": {"n": {"type": "integer", **more_than_0}},
        "items": {"anyOf": [{"$ref": "#/definitions/n", "maximum": -1}, {"type": "null"}]},
    }
    told = "/0: 0 is less than or equal to the minimum of 0 (in `n`) [exclusiveMinimum]"
    assert _told(schema, [0, 1]) == [told]


def test_what_a_union_evaluates_is_not_unevaluated() -> None:
    schema = {**_EVENT, "unevaluatedProperties": False, "required": ["id"]}
    schema["properties"] = {"id": True}
    assert _told(schema, {"type": "deleted"}) == ['(root): "id" is a required property [required]']


def test_a_union_of_names() -> None:
    schema = {"propertyNames": {"anyOf": [{"maxLength": 1}, {"const": "id"}]}}
    told = "(root): expected at least one of 2 branches to match [propertyNames]"
    assert _told(schema, {"name": 1}) == [told]


def _inner(name: str, *branches: Any) -> dict[str, Any]:
    of = {"anyOf": list(branches)}
    return {
        "$id": f"https://x.example/{name}",
        "$defs": {"of": of},
        "items": {"$ref": "#/$defs/of"},
    }


def test_a_union_under_another_identifier() -> None:
    inner = _inner("a", {"$ref": "#/$defs/null"}, {"type": "string", "maxLength": 1})
    inner["$defs"]["null"] = {"type": "null"}
    schema = {"$defs": {"a": inner}, "$ref": "https://x.example/a"}
    assert _told(schema, [1]) == ["/0: expected string or null, got integer [anyOf]"]


def test_a_union_that_cannot_be_told_from_another_is_not_explained() -> None:
    schema = {
        "$defs": {"a": _inner("a", {"type": "null"}), "b": _inner("b", {"type": "string"})},
        "properties": {name: {"$ref": f"https://x.example/{name}"} for name in ("a", "b")},
    }
    told = "expected at least one of 1 branches to match [anyOf]"
    assert _told(schema, {"a": [1], "b": [1]}) == [f"/a/0: {told}", f"/b/0: {told}"]


def _like(name: str, kind: str) -> dict[str, Any]:
    """A schema whose union has the text of others, and a meaning of its own."""
    inner = _inner(name, {"$ref": "#/$defs/it"})
    inner["$defs"]["it"] = {"type": kind}
    return inner


def test_there_is_a_reason_even_if_none_is_found() -> None:
    definitions = {"a": _like("a", "string"), "b": _like("b", "null")}
    b = {"title": "B", "$ref": "https://x.example/b"}
    told = _told({"$defs": definitions, "$ref": b["$ref"]}, ["x"])
    assert told == ["(root): the schema refuses this value [schema]"]
    told = _told({"$defs": definitions, "anyOf": [b, {"type": "integer"}]}, ["x"])
    assert told == ["(root): does not match `B` [anyOf]"]


def test_a_union_of_a_meta_schema_is_not_explained() -> None:
    draft = "http://json-schema.org/draft-07/schema#"
    schema = {"$schema": draft, "anyOf": [{"$ref": draft}]}
    told = "(root): 4 is not valid under any of the schemas listed in the 'anyOf' keyword [anyOf]"
    assert _told(schema, 4) == [told]


def test_a_schema_with_other_numbers_than_those_of_json_text() -> None:
    told = "(root): 4 is not valid under any of the schemas listed in the 'anyOf' keyword [anyOf]"
    assert _told({"anyOf": [{"const": Decimal("0.50")}]}, 4) == [told]


def _tree(depth: int, leaf: Any) -> Any:
    for _ in range(depth):
        leaf = {"op": "or", "terms": [leaf]}
    return leaf


def test_a_tree_of_unions_is_explained_to_its_leaf() -> None:
    """With the errors of all branches this takes more memory than there is."""
    where = "/terms/0" * 20
    told = f"{where}: expected object, got integer (in `or`) [anyOf]"
    assert _told(_TREE, _tree(20, 7)) == [told]


def test_a_tree_of_very_many_levels_is_not_explained_to_its_end() -> None:
    told = f"{'/terms/0' * 32}: matches none of `and`, `or` (in `or`) [anyOf]"
    assert _told(_TREE, _tree(60, 7)) == [told]


def test_the_number_of_violations_is_limited() -> None:
    assert len(_told({"items": {"anyOf": [_CARD, _CASH]}}, [{}] * 1000)) == 100
    assert len(_told({"items": {"type": "null"}}, [1] * 1000)) == 100


def test_a_violation_is_told_once() -> None:
    assert len(_told({"allOf": [{"type": "null"}, {"type": "null"}]}, 1)) == 1


def test_a_long_message_keeps_its_end() -> None:
    (told,) = _told({"type": "integer"}, "x" * 10_000)
    assert told.endswith('xxx" is not of type "integer" [type]')
    assert len(told) < 500


@pytest.mark.parametrize("schema", [False, {"not": {}}, {"anyOf": [False, False]}])
def test_a_schema_that_refuses_everything_has_a_reason(schema: Any) -> None:
    assert len(_told(schema, {})) == 1


def test_a_branch_that_refuses_everything_is_not_the_closest() -> None:
    schema = {"anyOf": [False, {"type": "object", "required": ["id"]}]}
    assert _told(schema, {}) == ['(root): "id" is a required property [required]']


def test_a_batch_is_judged_and_explained_as_each_of_its_payloads_is() -> None:
    payloads: list[Any] = [{"type": "deleted"}, {"type": "deletd"}, {"type": "created"}]
    with pytest.raises(InvalidMessage) as caught:
        _contract(_EVENT).encode_batch(payloads)
    assert [str(error) for error in caught.value.errors] == [
        "/1/type: expected one of `created`, `deleted`; got `deletd`; did you mean `deleted`? [oneOf]",
        '/2: "payment" is a required property (in `type: created`) [required]',
    ]
