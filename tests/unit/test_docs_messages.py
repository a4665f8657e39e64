"""The message types of a queue, and what tells them apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pgmqgen.config import load_config
from pgmqgen.docs.messages import find_messages
from pgmqgen.schema.load import load

_PET = {"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]}


def _extend(kind: str) -> list[Any]:
    base, own = {"$ref": "#/$defs/Pet"}, {"properties": {"kind": {"const": kind}}}
    return [base, own] if kind == "dog" else [own, base]


@pytest.mark.parametrize(
    ("dog", "cat"),
    [
        ({"properties": {"kind": {"const": "dog"}}}, {"properties": {"kind": {"enum": ["cat"]}}}),
        ({"allOf": _extend("dog")}, {"allOf": [{"properties": {"kind": {"const": "cat"}}}]}),
        ({"$ref": "#/$defs/Pet", "allOf": _extend("dog")}, {"allOf": _extend("cat")}),
        ({"properties": {"kind": {"$ref": "#/$defs/D"}}}, {"properties": {"kind": {"allOf": [{"const": "cat"}]}}}),
    ],
)  # fmt: skip
def test_tags(tmp_path: Path, dog: Any, cat: Any) -> None:
    defined = {"Dog": dog, "Cat": cat, "Pet": _PET, "D": {"const": "dog"}}
    branches = [{"$ref": f"#/$defs/{name}"} for name in ("Dog", "Cat")]
    (tmp_path / "pgmqgen.toml").touch()
    (tmp_path / "schemas").mkdir()
    schema = json.dumps({"oneOf": branches, "$defs": defined})
    (tmp_path / "schemas" / "pets.json").write_text(schema)
    (queue,) = load(load_config(tmp_path)).queues
    found = [(message.name, message.tag) for message in find_messages(queue)]
    assert found == [("Dog", ("kind", "dog")), ("Cat", ("kind", "cat"))]
