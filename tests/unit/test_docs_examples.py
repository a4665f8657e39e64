"""Made-up examples are valid, and patterns are matched."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pgmqgen.docs.examples import find_examples
from pgmqgen.docs.patterns import NoSample, sample
from pgmqgen.runtime.contract.validation import Contract

SCHEMAS: list[Any] = [
    {}, True, {"type": "integer", "exclusiveMinimum": 3, "multipleOf": 4},
    {"type": "number", "minimum": 0.1, "maximum": 0.2}, {"type": "integer", "maximum": -5},
    {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "string"}},
    {"type": "string", "minLength": 30}, {"type": "string", "format": "uuid"},
    {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"next": {"$ref": "#/$defs/a"}}}}},
    {"anyOf": [False, {"type": "null"}]}, {"not": {"required": ["a"]}, "properties": {"a": True},
     "type": "object"}, {"type": "object", "minProperties": 2},
    {"type": "array", "prefixItems": [{"const": 1}, {"enum": ["x"]}], "items": False},
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_an_example_is_made_up(schema: Any) -> None:
    contract = Contract[Any](queue="q", schema=schema, payload=Any, fingerprint="")
    (example,) = find_examples(contract, schema)
    contract.validate(example)


def test_no_invalid_example_is_made_up() -> None:
    contract = Contract[Any](queue="q", schema=False, payload=Any, fingerprint="")
    assert find_examples(contract, False) == ()


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{3}$",
        "^ord_[0-9a-z]+$",
        r"^\+[1-9]\d{6,14}$",
        "^(a|b)?c*[^a]$",
        r"\w+\.\s",
        "[\\d-]x",
    ],
)
def test_patterns(pattern: str) -> None:
    assert re.search(pattern, sample(pattern))


@pytest.mark.parametrize("pattern", ["(?=a)b", "(a", "[", r"\bx", "a{999}", "*"])
def test_patterns_without_a_sample(pattern: str) -> None:
    with pytest.raises(NoSample):
        sample(pattern)
