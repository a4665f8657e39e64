"""What is told of a payload, as one reads it in a dead-letter queue: no echoes, and no jargon."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pgmqgen.errors import InvalidMessage
from pgmqgen.runtime.contract.validation import Contract


def _told(schema: Any, value: Any) -> list[str]:
    contract: Contract[Any] = Contract(queue="q", schema=schema, payload=Any, fingerprint="f")
    with pytest.raises(InvalidMessage) as caught:
        contract.validate(value)
    return [str(error) for error in caught.value.errors]


_UNION = {
    "oneOf": [
        {"required": ["t"], "properties": {"t": {"const": "a"}, "n": {"type": "string"}}},
        {"required": ["t"], "properties": {"t": {"const": "b"}, "n": {"type": "null"}}},
    ]
}
_REFERENCE = {"$ref": "#/$defs/Base", "$defs": {"Base": {"properties": {"a": {"type": "null"}}}}}
_CLOSED = {"unevaluatedProperties": False}
_NOT_ALLOWED = "Additional properties are not allowed"


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        pytest.param(
            {**_UNION, **_CLOSED}, {"t": "a", "n": 1},
            ['/n: 1 is not of type "string" (in `t: a`) [type]'],
            id="a branch",
        ),
        pytest.param(
            {**_UNION, **_CLOSED}, {"t": "x"},
            ["/t: expected one of `a`, `b`; got `x` [oneOf]"],
            id="a tag",
        ),
        pytest.param(
            {"allOf": [_UNION], **_CLOSED}, {"t": "a", "n": 1},
            ['/n: 1 is not of type "string" (in `t: a`) [type]'],
            id="a union in allOf",
        ),
        pytest.param(
            {"$ref": "#/$defs/U", "$defs": {"U": _UNION}, **_CLOSED}, {"t": "a", "n": 1},
            ['/n: 1 is not of type "string" (in `t: a`) [type]'],
            id="a union behind a reference",
        ),
        pytest.param(
            {**_REFERENCE, **_CLOSED}, {"a": 1, "z": 1},
            ['/a: 1 is not of type "null" [type]'],
            id="a reference",
        ),
        pytest.param(
            {"properties": {"o": {**_UNION, **_CLOSED}}}, {"o": {"t": "a", "n": 1}},
            ['/o/n: 1 is not of type "string" (in `t: a`) [type]'],
            id="further down",
        ),
        pytest.param(
            {"if": {"required": ["a"]}, "then": {"properties": {"a": {"type": "null"}}}, **_CLOSED}, {"a": 1},
            ['/a: 1 is not of type "null" [type]'],
            id="then",
        ),
        pytest.param(
            {"allOf": [{"prefixItems": [{"type": "null"}]}], "unevaluatedItems": False}, [1],
            ['/0: 1 is not of type "null" [type]'],
            id="items",
        ),
    ],
)  # fmt: skip
def test_what_only_a_failing_schema_leaves_unevaluated_is_not_told(
    schema: Any, value: Any, told: list[str]
) -> None:
    assert _told(schema, value) == told


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        pytest.param(
            {"properties": {"a": {"type": "null"}}, "required": ["b"], **_CLOSED}, {"a": 1, "z": 1},
            ['(root): "b" is a required property [required]',
             '/a: 1 is not of type "null" [type]',
             f"(root): {_NOT_ALLOWED} ('z' was unexpected) [unevaluatedProperties]"],
            id="beside faults of its own properties",
        ),
        pytest.param(
            {"properties": {"o": _REFERENCE}, "$defs": _REFERENCE["$defs"], **_CLOSED}, {"o": {"a": 1}, "z": 1},
            ['/o/a: 1 is not of type "null" [type]',
             f"(root): {_NOT_ALLOWED} ('z' was unexpected) [unevaluatedProperties]"],
            id="beside faults further down",
        ),
        pytest.param(
            {**_UNION, **_CLOSED}, {"t": "a", "z": 1},
            [f"(root): {_NOT_ALLOWED} ('z' was unexpected) [unevaluatedProperties]"],
            id="alone",
        ),
        pytest.param(
            {"items": {**_UNION, **_CLOSED}}, [{"t": "a", "n": 1}, {"t": "a", "z": 1}],
            ['/0/n: 1 is not of type "string" (in `t: a`) [type]',
             f"/1: {_NOT_ALLOWED} ('z' was unexpected) [unevaluatedProperties]"],
            id="in another item",
        ),
        pytest.param(
            {"allOf": [{"properties": {"a": True}, **_CLOSED}], **_CLOSED}, {"z": 1},
            [f"(root): {_NOT_ALLOWED} ('z' was unexpected) [unevaluatedProperties]"],
            id="one within another",
        ),
    ],
)  # fmt: skip
def test_what_is_unevaluated_is_told_last(schema: Any, value: Any, told: list[str]) -> None:
    assert _told(schema, value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"t": "x"}, "/t: expected one of `a`, `b`; got `x` [oneOf]"),
        ({"t": 3}, "/t: expected one of `a`, `b`; got `3` [oneOf]"),
        ({}, "(root): property `t` is missing: expected one of `a`, `b` [oneOf]"),
    ],
)
def test_a_fault_of_a_tag_is_told_once(value: Any, told: str) -> None:
    around = {"required": ["t"], "properties": {"t": {"type": "string", "enum": ["a", "b", "c"]}}}
    assert _told({**around, **_UNION}, value) == [told]


_INTEGERS = {"contains": {"type": "integer"}}
_TOTAL = {"title": "Total", "required": ["total"]}


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        (_INTEGERS, [], "expected at least 1 item that matches `integer`, got 0 [contains]"),
        ({**_INTEGERS, "minContains": 2}, [1, "a"], "expected at least 2 items that match `integer`, got 1 [minContains]"),
        ({**_INTEGERS, "maxContains": 1}, [1, 2], "expected at most 1 item that matches `integer`, got 2 [maxContains]"),
        ({**_INTEGERS, "minContains": 2, "maxContains": 3}, [1] * 4, "expected at most 3 items that match `integer`, got 4 [maxContains]"),
        ({"contains": _TOTAL}, [{}], "expected at least 1 item that matches `Total`, got 0 [contains]"),
        ({"contains": {"$ref": "#/$defs/Total"}, "$defs": {"Total": {"type": "null"}}}, [1], "expected at least 1 item that matches `Total`, got 0 [contains]"),
        ({"contains": {"minimum": 3}}, [1], "expected at least 1 item that matches, got 0 [contains]"),
        ({"anyOf": [{"contains": _TOTAL}, {"type": "null"}]}, [], "expected at least 1 item that matches `Total`, got 0 (in `branch 1`) [contains]"),
        ({"contains": {"anyOf": [{"type": "null"}, _TOTAL]}}, [{}], "expected at least 1 item that matches, got 0 [contains]"),
    ],
)  # fmt: skip
def test_items_that_an_array_lacks(schema: Any, value: Any, told: str) -> None:
    assert (
        _told({"items": {"type": ["integer", "string", "object"]}, **schema}, value)[0]
        == f"(root): {told}"
    )


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        ({"const": "on"}, "no", "expected `on`; got `no` [const]"),
        ({"const": "1.0"}, "1.1", 'expected `"1.0"`; got `"1.1"` [const]'),
        ({"enum": ["card", "cash"]}, "crd", "expected one of `card`, `cash`; got `crd`; did you mean `card`? [enum]"),
        ({"enum": list(range(400))}, -1, "expected one of `0`, `1`, `2`, `3`, `4`, `5`, `6`, `7`, `8`, `9` and 390 more; got `-1` [enum]"),
        ({"const": [1, 2]}, 3, "[1,2] was expected [const]"),
        ({"enum": [1, 2]}, {"a": 1}, '{"a":1} is not one of 1 or 2 [enum]'),
        (False, 1, "no value is allowed here [falseSchema]"),
        ({"unevaluatedItems": False}, [1], "Additional items are not allowed ('1' was unexpected) [unevaluatedItems]"),
    ],
)  # fmt: skip
def test_values_that_are_not_allowed(schema: Any, value: Any, told: str) -> None:
    assert _told(schema, value) == [f"(root): {told}"]


_EMAIL = {"properties": {"subject": True, "body": True}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "value", "hint"),
    [
        (_EMAIL, {"subjct": 1}, "; did you mean `subject`?"),
        (_EMAIL, {"bdy": 1, "subjct": 1}, "; did you mean `body`, `subject`?"),
        (_EMAIL, {"subjct": 1, "subject": 1}, ""),
        (_EMAIL, {"to": 1}, ""),
        ({"$ref": "#/$defs/b~1c", "$defs": {"b/c": _EMAIL}}, {"subjct": 1}, "; did you mean `subject`?"),
        ({"allOf": [{"properties": {"body": True}}], **_CLOSED}, {"bdy": 1}, "; did you mean `body`?"),
        ({**_EMAIL, "properties": {500 * "a": True}}, {499 * "a": 1}, f"; did you mean `{28 * 'a'}...{28 * 'a'}`?"),
    ],
)  # fmt: skip
def test_properties_that_are_perhaps_misspelt(schema: Any, value: Any, hint: str) -> None:
    (told,) = _told(schema, value)
    assert told.startswith(f"(root): {_NOT_ALLOWED} (")
    assert re.split(r"unexpected\)| \[", told)[1] == hint


def test_a_branch_for_several_values_is_called_by_the_first_of_them() -> None:
    values = [["a"], ["b", "c"], ["d", "e", "f"]]
    branches = [{"required": ["t", "n"], "properties": {"t": {"enum": each}}} for each in values]
    names = [_told({"oneOf": branches}, {"t": each[0]})[0].partition("(in ")[2] for each in values]
    assert names == [
        "`t: a`) [required]",
        "`t: b or c`) [required]",
        "`t: d or e or ...`) [required]",
    ]


def _node(name: str, *below: str) -> dict[str, Any]:
    links = [{"$ref": f"#/$defs/{each}"} for each in below]
    return {
        "type": "object",
        "properties": {"is": {"const": name}, "v": {"type": "integer"},
                       "next": {"oneOf": [{"type": "null"}, *links]}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("below", "names"), [(["A"], "`A`"), (["B", "A"], "`A` of `B`")], ids=["one", "two"]
)
def test_a_branch_within_itself_is_named_once(below: list[str], names: str) -> None:
    value: Any = {"v": "x"}
    for at in range(3):
        value = {"next": {**value, "is": below[at % len(below) - 1]}}
    schema = {"$defs": {name: _node(name, *below) for name in "AB"}, **_node("A", *below)}
    told = f'/next/next/next/v: "x" is not of type "integer" (in {names}) [type]'
    assert _told(schema, value) == [told]


def _two(**branch: Any) -> dict[str, Any]:
    return {"anyOf": [branch, {"enum": ["x", "y"]}]}


def test_places_of_branches_are_not_told_in_a_row() -> None:
    schema = _two(**_two(**_two(minimum=3)))
    assert _told(schema, 1) == ["(root): 1 is less than the minimum of 3 (in `branch 1`) [minimum]"]
    named = _two(**_two(title="Large", **_two(minimum=3)))
    assert _told(named, 1) == ["(root): 1 is less than the minimum of 3 (in `Large`) [minimum]"]


def test_of_guesses_within_guesses_the_innermost_is_called_one() -> None:
    closest = {"anyOf": [{"title": "A", "minProperties": 3}, {"title": "B", "maxProperties": 0}]}
    schema = {"anyOf": [{"title": "C", **closest}, {"title": "D", "required": ["x", "y"]}, False]}
    told = '(root): {"z":1} has less than 3 properties (in `A`, the closest of 2 branches of `C`) [minProperties]'
    assert _told(schema, {"z": 1}) == [told]


def test_a_branch_without_a_name_is_called_by_what_it_requires() -> None:
    """What all of them require is left out."""
    branches = [
        {"required": [*sides, "unit"], "properties": {name: {"type": "number"} for name in sides}}
        for sides in (["radius"], ["width", "height"], ["a", "b", "c", "angle"])
    ]
    note = "the closest of 3 branches"
    told = f'/radius: "x" is not of type "number" (in `{{radius}}`, {note}) [type]'
    assert _told({"anyOf": branches}, {"unit": 1, "radius": "x"}) == [told]
    told = f'/angle: "x" is not of type "number" (in `{{a, b, c, ...}}`, {note}) [type]'
    assert _told({"anyOf": branches}, {"unit": 1, "a": 1, "b": 2, "c": 3, "angle": "x"}) == [told]


def test_what_all_branches_refuse_is_told_of_none() -> None:
    base = {"required": ["id"], "properties": {"id": {"type": "string"}}}
    schema = {"anyOf": [{**base, "title": "A", "minProperties": 3}, {**base, "title": "B", "maxProperties": 0}]}  # fmt: skip
    assert _told(schema, {"id": 1}) == [
        '/id: 1 is not of type "string" [type]',
        '(root): {"id":1} has less than 3 properties (in `A`, the closest of 2 branches) [minProperties]',
    ]


def test_of_one_payload_only_so_many_names_are_compared() -> None:
    item = {"properties": {f"property{n}": True for n in range(60)}, "additionalProperties": False}
    payload = [{f"propert{n}": 1 for n in range(10)}] * 50
    told = _told({"items": item}, payload)
    assert len(told) == 50
    assert sum(line.count("`property") for line in told) == 5  # 300 comparisons, 60 for each name
