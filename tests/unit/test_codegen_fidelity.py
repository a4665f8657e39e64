"""Instances by hypothesis-jsonschema: schemas of each kind decode and encode what they accept."""

from __future__ import annotations

import json
import sys
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

from pgmqgen import Contract, InvalidMessage
from pgmqgen.codegen.drafts import draft_models
from pgmqgen.codegen.models import make_models
from tests.equality import exact

INT, TEXT, FLAG = {"type": "integer"}, {"type": "string"}, {"type": "boolean"}
NUMBER, NULL = {"type": "number"}, {"type": "null"}


def _object(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **more}


SCHEMAS: dict[str, Any] = {
    "overlapping classes": {
        "anyOf": [
            _object({"a": INT, "b": NUMBER}),
            _object({"a": FLAG, "b": TEXT}),
            _object({"a": TEXT}, required=["a"], additionalProperties=False),
        ]
    },
    "classes and maps": {
        "anyOf": [
            {"type": "object", "additionalProperties": INT},
            _object({"a": FLAG, "b": {"type": "array", "items": FLAG}}),
            {"type": "object", "additionalProperties": {"type": "array", "items": NUMBER}},
        ]
    },
    "lists": {
        "anyOf": [{"type": "array", "items": items} for items in (INT, FLAG, NUMBER, TEXT, NULL)]
    },
    "scalars": {"anyOf": [INT, FLAG, TEXT, NULL, NUMBER]},
    "literals": {"anyOf": [{"enum": [1, "1", None]}, {"enum": [True, "a"]}, {"const": 1.5}]},
    "literals in classes": {
        "oneOf": [_object({"a": {"const": value}}, required=["a"]) for value in (1, True, "1", 0)]
    },
    "nested unions": {
        "anyOf": [
            _object({"x": {"anyOf": [_object({"y": INT}), _object({"y": FLAG})]}}, required=["x"]),
            _object({"x": {"anyOf": [_object({"y": TEXT}), {"type": "array", "items": INT}]}}),
        ]
    },
    "dates and text": {
        "anyOf": [
            _object({"a": {"type": "string", "format": "date"}, "b": INT}, required=["a"]),
            _object({"a": TEXT, "b": {"anyOf": [FLAG, INT]}}, required=["a"]),
        ]
    },
    "tags of several values": {
        "oneOf": [
            _object({"kind": {"enum": ["a", "b", "c"]}, "n": INT}, required=["kind"]),
            _object({"kind": {"const": "d"}, "n": TEXT}, required=["kind"]),
            _object({"kind": {"type": "string", "enum": ["e", "f"]}}, required=["kind"]),
        ]
    },
    "integer tags": {
        "oneOf": [
            _object({"v": {"const": 1}, "a": INT}, required=["v"]),
            _object({"v": {"const": 2}, "a": FLAG}, required=["v"]),
        ]
    },
    "several integer tags": {
        "oneOf": [
            _object({"v": {"const": 1}, "a": INT}, required=["v"]),
            _object({"v": {"enum": [2, 3]}, "a": FLAG}, required=["v"]),
        ]
    },
    "objects that need be none": {
        "anyOf": [{"properties": {"a": INT}}, INT, {"type": "array", "items": INT}]
    },
    "patterns": _object(
        {"a": INT}, patternProperties={"^x": FLAG}, additionalProperties={"type": "string"}
    ),
    "named and other properties": _object(
        {"a": TEXT, "class": FLAG},
        additionalProperties={
            "anyOf": [
                _object({"a": {"type": "string", "format": "date-time"}}, required=["a"]),
                _object({"b": INT}, additionalProperties=NUMBER),
                {"type": "array", "items": INT},
                NULL,
            ]
        },
    ),
    "conditions": _object(
        {"a": {"enum": ["x", "y"]}, "b": True},
        required=["a"],
        **{"if": {"properties": {"a": {"const": "x"}}}, "then": {"required": ["b"]}},
    ),
    "lists of one or two": {
        "type": "array",
        "items": [INT, FLAG],
        "additionalItems": False,
        "minItems": 1,
    },
    "tuples": {
        "type": "array",
        "items": [INT, _object({"a": FLAG}), {"type": "string", "format": "date"}],
        "additionalItems": False,
        "minItems": 3,
    },
    "tuples and lists": {
        "anyOf": [
            {"type": "array", "items": [INT, INT], "minItems": 2, "maxItems": 2},
            {"type": "array", "items": [FLAG, TEXT], "minItems": 2, "maxItems": 2},
            {"type": "array", "items": [FLAG, NUMBER]},
            {"type": "array", "items": {"type": "array", "items": [FLAG], "minItems": 1}},
        ]
    },
    "overrides": {
        "allOf": [_object({"a": {"type": ["integer", "null"]}}), _object({"a": INT, "b": TEXT})]
    },
    "names": _object(dict.fromkeys(("class", "a-b", "model_x", "", "_p", "int", "é", "json"), INT)),
}


@cache
def _contract(name: str) -> Contract[Any]:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", **SCHEMAS[name]}
    module = ModuleType(f"fidelity_{name.replace(' ', '_')}")
    sys.modules[module.__name__] = module
    exec(make_models(draft_models(schema, "Payload")).source, module.__dict__)
    return Contract(queue="q", schema=schema, payload=module.__dict__["Payload"], fingerprint="f")


@pytest.mark.parametrize("name", SCHEMAS)
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_valid_is_kept(name: str, data: st.DataObject) -> None:
    contract = _contract(name)
    value = data.draw(from_schema(SCHEMAS[name]))
    raw = json.dumps(value)
    try:
        payload = contract.decode(raw)
    except InvalidMessage:
        assume(False)
    assume("\\u0000" not in raw)  # PostgreSQL cannot store it
    assert exact(json.loads(contract.encode(payload))) == exact(json.loads(raw))
