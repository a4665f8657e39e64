"""Unions: a message gets the class of the branch that its schema means."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

from pgmqgen import Contract
from pgmqgen.codegen.drafts import draft_models
from pgmqgen.codegen.models import make_models
from tests.equality import exact

INT, TEXT = {"type": "integer"}, {"type": "string"}


def _object(title: str, **properties: Any) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": [*properties],
    }


def _const(value: Any) -> dict[str, Any]:
    return {"const": value}


def _enum(*values: Any) -> dict[str, Any]:
    return {"enum": [*values]}


NOT_A = {"type": "string", "not": {"enum": ["a"]}}
CASES: Mapping[str, tuple[list[dict[str, Any]], list[tuple[dict[str, Any], str]]]] = {
    "truth values": (
        [_object("Yes", ok=_const(True), a=INT), _object("No", ok=_const(False), a=INT)],
        [({"ok": True, "a": 1}, "Yes"), ({"ok": False, "a": 1}, "No")],
    ),
    "two properties together": (
        [
            _object("A1", kind=_const("a"), version=_const(1)),
            _object("A2", kind=_const("a"), version=_const(2)),
            _object("B1", kind=_const("b"), version=_const(1)),
        ],
        [
            ({"kind": "a", "version": 1}, "A1"),
            ({"kind": "a", "version": 2}, "A2"),
            ({"kind": "a", "version": 2.0}, "A2"),
            ({"kind": "b", "version": 1}, "B1"),
        ],
    ),
    "integers": (
        [
            _object("Low", v=_enum(1, 2)),
            _object("High", v=_enum(3, 4)),
            _object("Top", v=_const(5)),
        ],
        [({"v": 2}, "Low"), ({"v": 3}, "High"), ({"v": 4.0}, "High"), ({"v": 5}, "Top")],
    ),
    "numbers without a fraction": (
        [_object("One", v=_const(1.0)), _object("Two", v=_const(2.0))],
        [({"v": 1}, "One"), ({"v": 2}, "Two"), ({"v": 2.0}, "Two")],
    ),
    "true, 1 and a text": (
        [
            _object("Int", v=_const(1)),
            _object("Bool", v=_const(True)),
            _object("Str", v=_const("1")),
        ],
        [({"v": 1}, "Int"), ({"v": True}, "Bool"), ({"v": "1"}, "Str"), ({"v": 1.0}, "Int")],
    ),
    "values of all kinds": (
        [_object("A", v=_enum(1, "x", None)), _object("B", v=_enum(2, "y", True, 0, False))],
        [({"v": value}, "A") for value in (1, "x", None)]
        + [({"v": value}, "B") for value in (2, "y", True, 0, False)],
    ),
    "an object within": (
        [
            _object("A", meta=_object("M", of=_const(1))),
            _object("B", meta=_object("M", of=_const(2))),
        ],
        [({"meta": {"of": 1}}, "A"), ({"meta": {"of": 2}}, "B")],
    ),
    "a property that may lack": (
        [
            {**_object("A", kind=_const(1), x=INT), "required": ["x"]},
            _object("B", kind=_const(2), x=INT),
        ],
        [({"x": 1}, "A"), ({"x": 1, "kind": 1}, "A"), ({"x": 1, "kind": 2}, "B")],
    ),
    "one for all others": (
        [_object("Other", kind=NOT_A), _object("A", kind=_const("a"))],
        [({"kind": "a"}, "A"), ({"kind": "b"}, "Other")],
    ),
    "unions within": (
        [
            _object("X", x={"oneOf": [_object("L", v=_const(1)), _object("H", v=_const(2))]}),
            _object("Y", x={"oneOf": [_object("M", v=_const(True)), _object("N", v=_const(3))]}),
        ],
        [({"x": {"v": 2}}, "X"), ({"x": {"v": True}}, "Y"), ({"x": {"v": 3}}, "Y")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_message_gets_the_class_of_its_branch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    branches, messages = CASES[name]
    contract = _contract({"oneOf": branches}, monkeypatch)
    for message, expected in messages:
        payload = contract.decode(json.dumps(message))
        assert (message, type(payload).__name__) == (message, expected)
        assert exact(json.loads(contract.encode(payload))) == exact(message)


def test_literals_of_integers_and_truth_values_say_what_they_are() -> None:
    properties = {
        "a": _const(True),
        "b": _enum(1, True, -1),
        "c": _enum("x", "y"),
        "d": _enum(1.5, 2),
    }
    source = make_models(draft_models(_object("A", **properties), "A")).source
    assert [line.strip() for line in source.splitlines() if line.startswith("    ")] == [
        "a: Exactly[Literal[True]]",
        "b: Exactly[Literal[1, True, -1]]",
        "c: Literal['x', 'y']",
        "d: Exactly[Literal[2]] | Number",
    ]


def _contract(schema: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Contract[Any]:
    module = ModuleType("unions_under_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(make_models(draft_models(schema, "Payload")).source, module.__dict__)
    return Contract(queue="q", schema=schema, payload=module.__dict__["Payload"], fingerprint="f")
