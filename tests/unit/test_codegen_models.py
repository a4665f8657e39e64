"""Generated models: they accept what the schema accepts, and write it as they read it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pgmqgen.codegen.drafts import draft_models
from pgmqgen.codegen.models import make_models
from pgmqgen.errors import InvalidMessage
from pgmqgen.runtime.contract.validation import Contract

CORPUS = json.loads(Path(__file__).with_name("model_corpus.json").read_text())
RESTING: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}


def _import(schema: Any, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return _execute(make_models(draft_models(schema, "Payload")).source, monkeypatch)


def _execute(source: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("models_under_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, "models.py", "exec"), module.__dict__)
    return module


def _contract(schema: Any, monkeypatch: pytest.MonkeyPatch) -> Contract[Any]:
    payload = _import(schema, monkeypatch).Payload
    return Contract(queue="q", schema=schema, payload=payload, fingerprint="f")


def _exact(value: Any) -> str:
    """JSON text that tells true from 1, and not 1.0 from 1: for JSON Schema they are one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, dict):
        return json.dumps({key: _exact(item) for key, item in value.items()}, sort_keys=True)
    if isinstance(value, list):
        return json.dumps([_exact(item) for item in value])
    return json.dumps(value)


@pytest.mark.parametrize("case", CORPUS, ids=[case["name"] for case in CORPUS])
def test_round_trip(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    contract = _contract(case["schema"], monkeypatch)
    for instance in case["instances"]:
        payload = contract.decode(json.dumps(instance))
        assert _exact(json.loads(contract.encode(payload))) == _exact(instance)


def test_the_corpus_type_checks(tmp_path: Path) -> None:
    for number, case in enumerate(CORPUS):
        source = make_models(draft_models(case["schema"], "Payload")).source
        (tmp_path / f"m{number}.py").write_text(source)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", *tmp_path.glob("*.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout


def test_a_required_tag_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    tag = {"type": "object", "properties": {"type": {"const": "paid"}}, "required": ["type"]}
    contract = _contract(tag, monkeypatch)
    with pytest.raises(ValidationError):
        contract.payload()
    assert contract.encode(contract.payload(type="paid")) == b'{"type":"paid"}'


def test_only_what_was_set_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = _contract(RESTING, monkeypatch)
    assert contract.encode(contract.payload()) == b"{}"
    with pytest.raises(InvalidMessage):
        contract.encode(contract.payload(a=None))


def test_python_names_of_aliased_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = {"type": "object", "properties": {"class": {"type": "string"}}}
    contract = _contract(schema, monkeypatch)
    assert contract.encode(contract.payload(class_="x")) == b'{"class":"x"}'


def test_an_extra_that_is_called_like_a_field_is_not_the_field(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    properties = {"class": {"type": ["integer", "null"]}, "a-b": {"$ref": "#"}}
    contract = _contract({"type": ["object"], "properties": properties}, monkeypatch)
    for message in (
        {"class_": 1},
        {"class_": 1, "class": 2},
        {"class_": 1, "class": None},
        {"a_b": {"class_": None}, "a-b": {"a_b": 1, "class_": 2}},
    ):
        payload = contract.decode(json.dumps(message))
        assert json.loads(contract.encode(payload)) == message
    assert json.loads(contract.encode(contract.payload(class_=3))) == {"class": 3}


def test_what_is_deprecated_says_so() -> None:
    old = {"type": "string", "deprecated": True}
    properties = {
        "a": {**old, "description": "The first."},
        "b": old,
        "c": {"anyOf": [old, {"type": "integer", "deprecated": False}]},
    }
    source = make_models(
        draft_models({"type": "object", "properties": properties}, "Payload")
    ).source
    fields = [line.strip() for line in source.splitlines() if line.startswith("    ")]
    assert fields == [
        "a: str | None = None", '"""', "Deprecated.", "The first.", '"""',
        "b: str | None = None", '"""Deprecated."""',
        "c: str | int | None = None",
    ]  # fmt: skip


def test_long_lines_of_docstrings_are_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    row = "| a table " * 20
    address = "https://" + "a" * 200
    path = "C:\\folder " * 20
    text = f"{'long ' * 50}\n  {'- inside ' * 30}\n{row}\n{path}\nsee {address}"
    schema = {**RESTING, "description": text}
    module = _import(schema, monkeypatch)
    lines = make_models(draft_models(schema, "Payload")).source.splitlines()
    assert [line for line in lines if len(line) > 100] == [
        f"    {row.strip()}",
        f"    {path.strip()}".replace("\\", "\\\\"),
        f"    {address}",
    ]
    assert module.Payload.__doc__.split() == text.split()


def test_extras_are_kept_unless_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _import(RESTING, monkeypatch).Payload(b=1).b == 1
    with pytest.raises(ValidationError):
        _import({**RESTING, "additionalProperties": False}, monkeypatch).Payload(b=1)


def test_extras_have_the_type_that_their_schema_says(monkeypatch: pytest.MonkeyPatch) -> None:
    item = {"type": "object", "properties": {"on": {"type": "string", "format": "date"}}}
    schema = {**RESTING, "patternProperties": {"^n": {"type": "integer"}}}
    contract = _contract({**schema, "additionalProperties": item}, monkeypatch)
    message = {"a": "x", "n1": 7, "first": {"on": "2024-02-29"}, "second": {"other": True}}
    payload = contract.decode(json.dumps(message))
    assert payload.model_extra["n1"] == 7
    assert payload.first.on == date(2024, 2, 29)
    assert json.loads(contract.encode(payload)) == message
    source = make_models(draft_models(contract.schema, "Payload")).source
    assert "    __pydantic_extra__: dict[str, int | PayloadValue] = Field(init=False)\n" in source


@pytest.mark.parametrize(
    "rest",
    [
        {"additionalProperties": {}},
        {"additionalProperties": False},
        {"patternProperties": {"^x": {"type": "integer"}}},
        {"additionalProperties": {"type": "integer"}, "properties": {"ﬁ": {"type": "string"}}},
        {"allOf": [{"additionalProperties": {"type": "integer"}}]},
    ],
)
def test_extras_that_may_be_anything_have_no_type(rest: dict[str, Any]) -> None:
    assert (
        "__pydantic_extra__" not in make_models(draft_models({**RESTING, **rest}, "Payload")).source
    )


def test_extras_that_lead_back_to_their_class(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = _contract({**RESTING, "additionalProperties": {"$ref": "#"}}, monkeypatch)
    message = {"b": {"a": "x", "c": {}}}
    payload = contract.decode(json.dumps(message))
    assert type(payload.b.c) is contract.payload
    assert json.loads(contract.encode(payload)) == message


def _branch(name: str, **more: Any) -> dict[str, Any]:
    properties = {"kind": {"const": name}, **more}
    return {"type": "object", "properties": properties, "required": ["kind"]}


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
def test_tagged_unions(keyword: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = {keyword: [_branch("order_paid"), _branch("order_sent", at={"type": "string"})]}
    models = make_models(draft_models(schema, "Payload"))
    assert models.members == ("OrderPaid", "OrderSent")
    assert models.names == ("OrderPaid", "OrderSent", "Payload")
    assert "discriminator" in models.source
    module = _execute(models.source, monkeypatch)
    contract = _contract(schema, monkeypatch)
    assert type(contract.decode('{"kind": "order_sent"}')).__name__ == "OrderSent"
    assert module.OrderPaid(kind="order_paid").kind == "order_paid"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "str"),
        ({"type": "array", "items": {"type": "integer"}}, "list[int]"),
        ({"type": ["string", "null"]}, "str | None"),
        ({"enum": ["a", "b"]}, "Literal['a', 'b']"),
        ({"type": "number"}, "Number"),
        ({"type": "number", "format": "decimal"}, "DecimalNumber"),
        ({}, "Any"),
        (True, "Any"),
        (False, "Any"),
    ],
)
def test_a_root_that_is_no_object_becomes_an_alias(schema: Any, expected: str) -> None:
    models = make_models(draft_models(schema, "Payload"))
    assert models.source.rstrip().endswith(f"Payload: TypeAlias = {expected}")
    assert models.names == ("Payload",)


def test_an_optional_null_is_none() -> None:
    text = "Annotated[None, Field(None)]"
    properties = {"a": {"type": "null", "description": text}}
    schema = {"type": "object", "properties": properties}
    source = make_models(draft_models(schema, "Payload")).source
    assert "    a: None = None\n" in source
    assert source.count(text) == 1  # in the docstring


def test_names_that_are_taken_are_avoided() -> None:
    schema = {"type": "object", "properties": {"x": {**RESTING, "title": "XProducer"}}}
    models = make_models(draft_models(schema, "Payload", taken=frozenset({"XProducer"})))
    assert models.names == ("Payload", "PayloadXProducer")


HOSTILE = st.lists(
    st.sampled_from([
        '"""', "'''", "\\", '"', "'", "\n", "\r", "\x00", "\u2028", "import os", "{{ x }}", "#",
        "\x1b[31m", "{% if %}", "\\N{BULLET}", "\t", "x", "Payload", "名",
    ])
).map("".join)  # fmt: skip


@settings(max_examples=60)
@given(text=HOSTILE, key=HOSTILE)
def test_text_of_a_schema_is_never_code(text: str, key: str) -> None:
    inner = {"type": "object", "title": text, "description": text, "properties": {key: {}}}
    properties = {key: {"description": text, "title": text, "enum": [text], "default": text}}
    schema = {"type": "object", "description": text, "title": text, "properties": properties}
    for root in (schema, {"oneOf": [inner, {"type": "null"}], "description": text}):
        tree = ast.parse(make_models(draft_models(root, "Payload")).source)
        imported = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
        assert imported <= {"__future__", "pgmqgen.runtime.models", "pydantic", "typing"}
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert {node.func.id for node in calls if isinstance(node.func, ast.Name)} <= {
            "ConfigDict", "Field", "Field_aliased",
        }  # fmt: skip
        assert all(isinstance(node.func, ast.Name) for node in calls)


def test_allof_of_one_reference_is_the_class_itself() -> None:
    case = next(case for case in CORPUS if case["name"] == "allOf of one reference")
    assert make_models(draft_models(case["schema"], "Payload")).names == ("M", "Payload")


def test_formats_have_python_types(monkeypatch: pytest.MonkeyPatch) -> None:
    formats = {"at": "date-time", "on": "date", "id": "uuid"}
    properties = {name: {"type": "string", "format": form} for name, form in formats.items()}
    contract = _contract({"type": "object", "properties": properties}, monkeypatch)
    payload = contract.decode(
        '{"at": "2016-12-31T23:59:60.5Z", "on": "2024-02-29",'
        ' "id": "2EB8AA08-AA98-11EA-B4AA-73B441D16380"}'
    )
    assert payload.at == datetime(2016, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)
    assert payload.on == date(2024, 2, 29)
    assert payload.id == UUID("2eb8aa08-aa98-11ea-b4aa-73b441d16380")
    later = contract.payload(
        at=payload.at + timedelta(hours=1), on=date(2024, 3, 1), id=uuid5(payload.id, "x")
    )
    written = json.loads(contract.encode(later))
    assert (written["at"], written["on"]) == ("2017-01-01T00:59:59.500000Z", "2024-03-01")
    assert written["id"] == str(later.id)
    with pytest.raises(ValidationError, match="timezone"):
        contract.payload(at=datetime(2024, 1, 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20:20:39Z", time(20, 20, 39, tzinfo=UTC)),
        ("20:20:39.5+00:00", time(20, 20, 39, 500_000, tzinfo=UTC)),
        ("20:20:39z", time(20, 20, 39, tzinfo=UTC)),
        ("20:20:39-00:00", time(20, 20, 39, tzinfo=UTC)),
        ("20:20:39.123456789+23:59", time(20, 20, 39, 123_456, timezone(timedelta(minutes=1439)))),
        ("20:20:39.120-01:30", time(20, 20, 39, 120_000, timezone(-timedelta(minutes=90)))),
        ("23:59:60Z", time(23, 59, 59, tzinfo=UTC)),
        ("22:59:60.999999999-01:00", time(22, 59, 59, 999_999, timezone(-timedelta(hours=1)))),
    ],
)
def test_times_are_kept(text: str, expected: time, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = {"type": "object", "properties": {"at": {"type": "string", "format": "time"}}}
    contract = _contract(schema, monkeypatch)
    payload = contract.decode(json.dumps({"at": text}))
    assert payload.at == expected
    assert payload.at.utcoffset() == expected.utcoffset()
    assert json.loads(contract.encode(payload)) == {"at": text}
    later = contract.payload(at=expected.replace(hour=1))
    assert contract.decode(contract.encode(later)) == later
    with pytest.raises(ValidationError, match="offset"):
        contract.payload(at=time(1, 2))


def test_definitions_that_lead_one_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    definitions = {
        f"D{i}": {"type": "object", "properties": {"next": {"$ref": f"#/$defs/D{i + 1}"}}}
        for i in range(300)
    }
    schema = {"$ref": "#/$defs/D0", "$defs": {**definitions, "D300": RESTING}}
    module = _import(schema, monkeypatch)
    payload = module.Payload.model_validate({"next": {"next": {}}})
    assert type(payload.next.next) is module.D2


def test_a_union_within_its_own_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    pets = {"type": "array", "items": {"$ref": "#/$defs/Pet"}}
    kinds = {
        kind: {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"const": kind}, "friends": pets},
        }
        for kind in ("Cat", "Dog")
    }
    union = {"oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    schema = {"$ref": "#/$defs/Pet", "$defs": {**kinds, "Pet": union}}
    module = _import(schema, monkeypatch)
    cat = module.Cat.model_validate({"kind": "Cat", "friends": [{"kind": "Dog"}]})
    assert type(cat.friends[0]) is module.Dog
