"""JSON text in and out: exact, strict, and with every flaw named by its pointer."""

from __future__ import annotations

import json
import math
import timeit
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmqgen.errors import InvalidMessage, Violation
from pgmqgen.runtime.contract.validation import Contract
from pgmqgen.runtime.json_text import dump_json, parse_json

# What jsonb can store: no NUL, no surrogates.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
numbers = st.integers() | st.integers(-(10**60), 10**60) | st.floats(allow_nan=False, allow_infinity=False)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda children: st.lists(children) | st.dictionaries(texts, children),
    max_leaves=20,
)


@given(json_values)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert parse_json(dump_json(value)) == value


@given(json_values)
def test_the_text_is_what_the_standard_library_reads(value: Any) -> None:
    assert json.loads(dump_json(value)) == value


@given(json_values)
def test_text_of_the_standard_library_is_read(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.integers(-(10**400), 10**400))
def test_integers_of_any_length_are_exact(number: int) -> None:
    assert parse_json(dump_json({"n": [number]})) == {"n": [number]}


@given(st.text() | st.binary())
def test_any_text_is_json_or_an_invalid_message(raw: str | bytes) -> None:
    with suppress(InvalidMessage):
        assert parse_json(raw) == json.loads(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{",
        "NaN",
        "[12345678901234567890, NaN]",
        "[12345678901234567890, Infinity]",
        "1e131072",
        "1e-16384",
        "12345678901234567890e999999999",
        "1e99999999999999999999",
        "'a'",
        '"\\ud800"',
        b"\xff",
        b'[12345678901234567890, "\xff"]',
        b'[12345678901234567890, "\xed\xa0\x80"]',
        "\ud800",
        "9" * 131_073,
        "[" * 100_000,
    ],
)
def test_text_that_is_not_json_is_refused(raw: str | bytes) -> None:
    with pytest.raises(InvalidMessage) as caught:
        parse_json(raw)
    assert [error.keyword for error in caught.value.errors] == ["json"]


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        (math.nan, [""]),
        ({"a": [1, math.inf, None, -math.inf]}, ["/a/1", "/a/3"]),
        ({"a": "x\0y", "b": "fine"}, ["/a"]),
        ({"a/b": {"c~d": "\0"}}, ["/a~1b/c~0d"]),
        ({"a": {"k\0": 1}}, ["/a"]),
        (["\ud800", "\0"], ["/0", "/1"]),
        ({"a": {1: 2}}, ["/a"]),
        ({"a": {None: 2}, "b": 10**30}, ["/a"]),
        (object(), [""]),
        ({"a": {1, 2}}, ["/a"]),
        ([10**30, object()], ["/1"]),
    ],
)
def test_what_json_or_jsonb_cannot_hold_is_refused_with_its_pointer(
    value: Any, pointers: list[str]
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        dump_json(value)
    assert [(error.pointer, error.keyword) for error in caught.value.errors] == [
        (pointer, "json") for pointer in pointers
    ]


def test_the_text_of_an_escaped_nul_is_no_nul() -> None:
    assert parse_json(dump_json({"a": "\\u0000", "b": None})) == {"a": "\\u0000", "b": None}


def test_a_value_nested_too_deeply_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InvalidMessage):
        dump_json(value)


def test_every_violation_is_listed_with_pointer_keyword_and_message() -> None:
    schema = {
        "type": "object",
        "properties": {
            "to": {"type": "string", "format": "email"},
            "a/b": {"type": "array", "items": {"minimum": 1}},
        },
        "required": ["subject"],
    }
    contract: Contract[Any] = Contract(queue="mail", schema=schema, payload=Any, fingerprint="f")
    with pytest.raises(InvalidMessage) as caught:
        contract.encode({"to": "nobody", "a/b": [1, 0]})
    assert caught.value.queue == "mail"
    assert sorted(caught.value.errors, key=lambda error: error.pointer) == [
        Violation("", "required", '"subject" is a required property'),
        Violation("/a~1b/1", "minimum", "0 is less than the minimum of 1"),
        Violation("/to", "format", '"nobody" is not a "email"'),
    ]


def test_a_number_that_is_not_json_does_not_pass_as_null() -> None:
    contract: Contract[Any] = Contract(queue="q", schema={}, payload=Any, fingerprint="f")
    with pytest.raises(InvalidMessage):
        contract.encode({"total": math.nan})


def test_a_string_that_holds_json_is_a_string() -> None:
    contract: Contract[Any] = Contract(
        queue="q", schema={"type": "object"}, payload=Any, fingerprint="f"
    )
    with pytest.raises(InvalidMessage):
        contract.decode(r'"{\"a\": 1}"')


SOME_SCHEMA = {
    "anyOf": [
        {"type": ["integer", "string", "null"], "maximum": 2**53},
        {"type": "array", "uniqueItems": True, "items": {"multipleOf": 0.5}},
        {"type": "object", "minProperties": 2, "additionalProperties": {"$ref": "#"}},
    ]
}
SOME: Contract[Any] = Contract(queue="q", schema=SOME_SCHEMA, payload=Any, fingerprint="f")


@given(json_values)
def test_a_value_has_the_violations_of_its_text(value: Any) -> None:
    assert _violations(SOME.validate, value) == _violations(SOME.decode, dump_json(value))


def _violations(check: Callable[[Any], object], value: Any) -> Sequence[Violation]:
    try:
        check(value)
    except InvalidMessage as error:
        return error.errors
    return ()


def test_a_tuple_is_a_list() -> None:
    SOME.validate({"a": (1, 2.5), "b": ()})
    assert _violations(SOME.validate, (1, 1)) == _violations(SOME.validate, [1, 1])


def test_a_value_that_no_json_text_can_be_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for value in (endless, {1: 2}, {"a": object()}, math.nan):
        assert [each.keyword for each in _violations(SOME.validate, value)] == ["json"]


def test_a_value_is_validated_about_as_fast_as_its_text() -> None:
    line = {"sku": "abc", "number": 3, "price": 1.25, "note": None, "gift": False}
    value = {"id": 7, "lines": [line] * 1000}
    text = dump_json(value)
    contract: Contract[Any] = Contract(
        queue="q", schema={"properties": {"id": {"minimum": 1}}}, payload=Any, fingerprint="f"
    )
    of_value = min(timeit.repeat(lambda: contract.validate(value), number=5, repeat=5))
    of_text = min(timeit.repeat(lambda: contract.decode(text), number=5, repeat=5))
    assert of_value < 5 * of_text


def test_python_objects_are_named_by_their_pointers() -> None:
    value = {"a": [1, date(2020, 1, 1)], "b": {"c/d": {1}, "e": 2**70}}
    with pytest.raises(InvalidMessage) as caught:
        dump_json(value)
    assert caught.value.errors == (
        Violation("/a/1", "json", "a Python `date` is not a JSON value"),
        Violation("/b/c~1d", "json", "a Python `set` is not a JSON value"),
    )
