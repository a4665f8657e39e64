"""Random schemas: no generated model refuses, or changes, what its schema accepts."""

from __future__ import annotations

import json
import random
import sys
from types import ModuleType
from typing import Any

import jsonschema_rs
import pytest

from pgmqgen.codegen.drafts import draft_models
from pgmqgen.codegen.models import make_models
from pgmqgen.runtime.contract.validation import Contract
from tests.equality import exact

SCHEMAS_A_SEED, INSTANCES_A_SCHEMA = 40, 15
KEYS = (
    "a", "b", "type", "class", "a-b", "a_b", "class_", "", "_private", "__dunder__", "model_x",
    "model_dump", "self", "copy", "json", "schema", "int", "str", "list", "date", "é", "1", "$ref",
    "enum", "anyOf", "payload", "field_1", "None", "A", "BaseModel",
)  # fmt: skip
TEXTS = (
    "x",
    "y",
    "1",
    "",
    "2020-01-01",
    "2020-01-01T00:00:00.50Z",
    "2EB8AA08-AA98-11EA-B4AA-73B441D16380",
    "23:59:60.10Z",
)
SCALARS = (*TEXTS, 0, 1, 10**20, 1.0, 1e19, 1.5, None, True, False)
TYPES = ("string", "integer", "number", "boolean", "null", "object", "array")
FORMATS = {
    "date-time": TEXTS[5],
    "date": TEXTS[4],
    "uuid": TEXTS[6],
    "time": TEXTS[7],
    "email": "a@b",
}
REFS = ("#", "#/$defs/p", "#/$defs/q")


class Maker:
    """Makes schemas, and instances that probably satisfy them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def document(self) -> dict[str, Any]:
        return {**self._schema(0), "$defs": {"p": self._schema(1), "q": self._schema(1)}}

    def _schema(self, depth: int) -> dict[str, Any]:
        scalar = [self._typed, self._several, self._enum, self._const]
        nested = [
            self._object,
            self._object,
            self._object,
            self._array,
            self._map,
            self._union,
            self._all,
            self._ref,
            self._conditional,
            self._tuple,
        ]
        return self._random.choice(scalar + nested * 2 if depth < 3 else scalar)(depth + 1)

    def _typed(self, depth: int) -> dict[str, Any]:
        kind = self._random.choice(TYPES[:5])
        form = {"format": self._random.choice(list(FORMATS))} if self._random.random() < 0.5 else {}
        return {"type": kind, **(form if kind == "string" else {})}

    def _several(self, depth: int) -> dict[str, Any]:
        return {
            "type": self._random.sample(TYPES, self._random.randint(1, 3)),
            "format": "date-time",
        }

    def _enum(self, depth: int) -> dict[str, Any]:
        values = self._random.sample(SCALARS, self._random.randint(1, 4))
        distinct = {
            json.dumps(float(value) if type(value) is int else value): value for value in values
        }
        return {"enum": list(distinct.values())}

    def _const(self, depth: int) -> dict[str, Any]:
        return {"const": self._random.choice((*SCALARS, [1], {"a": 1}))}

    def _object(self, depth: int) -> dict[str, Any]:
        keys = self._random.sample(KEYS, self._random.randint(1, 3))
        schema: dict[str, Any] = {
            "properties": {key: self._schema(depth) for key in keys},
        }
        if self._random.random() < 0.8:
            schema["type"] = self._random.choice(["object", "object", ["object", "null"]])
        optional = {
            "required": lambda: self._random.sample(sorted({*keys, "b"}), 1),
            "additionalProperties": lambda: self._random.choice([False, self._schema(depth)]),
            "patternProperties": lambda: {"^z": self._schema(depth)},
            "unevaluatedProperties": lambda: self._random.choice([False, self._schema(depth)]),
            "dependentSchemas": lambda: {self._random.choice(keys): self._schema(depth)},
            "not": lambda: self._schema(3),
            self._random.choice(["allOf", "anyOf", "oneOf"]): lambda: self._schemas(depth),
            "title": lambda: self._random.choice(["A", "B", "Some thing"]),
        }
        return schema | {
            key: make() for key, make in optional.items() if self._random.random() < 0.3
        }

    def _schemas(self, depth: int) -> list[dict[str, Any]]:
        return [self._schema(depth) for _ in range(self._random.randint(1, 3))]

    def _array(self, depth: int) -> dict[str, Any]:
        return {"type": "array", "items": self._schema(depth)}

    def _tuple(self, depth: int) -> dict[str, Any]:
        schema = {"type": "array", "prefixItems": self._schemas(depth)}
        rest = self._random.choice([{}, {"items": False}, {"items": self._schema(depth)}])
        most = {"maxItems": self._random.randint(0, 3)} if self._random.random() < 0.3 else {}
        return {**schema, **rest, **most, "minItems": self._random.randint(0, 2)}

    def _conditional(self, depth: int) -> dict[str, Any]:
        condition = {"if": self._schema(depth), "then": self._schema(depth)}
        return {**self._object(depth), **condition, "else": self._schema(depth)}

    def _map(self, depth: int) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self._schema(depth)}

    def _union(self, depth: int) -> dict[str, Any]:
        return {self._random.choice(["anyOf", "oneOf"]): self._schemas(depth)}

    def _all(self, depth: int) -> dict[str, Any]:
        return {"allOf": self._schemas(depth)}

    def _ref(self, depth: int) -> dict[str, Any]:
        beside = ({}, {"description": "d"}, {"type": "object"}, self._object(3))
        return {**self._random.choice(beside), "$ref": self._random.choice(REFS)}

    def instance(self, schema: Any, root: Any, depth: int = 0) -> Any:
        chance = self._random.random()
        if depth > 5 or chance < 0.05:
            return self._random.choice(SCALARS)
        if "$ref" in schema:
            _, *steps = schema["$ref"].split("/")
            target = root["$defs"][steps[1]] if steps else root
            return self._merged([target], root, depth)
        if "const" in schema or "enum" in schema:
            return self._random.choice(schema.get("enum") or [schema["const"]])
        unions = [self._random.choice(schema[key]) for key in ("anyOf", "oneOf") if key in schema]
        unions += [schema[key] for key in self._random.sample(("then", "else"), 1) if key in schema]
        if parts := [*unions, *schema.get("allOf", ())]:
            own = {
                key: value
                for key, value in schema.items()
                if key not in ("anyOf", "oneOf", "allOf")
            }
            return self._merged([*parts, own] if "type" in own else parts, root, depth)
        kinds = schema.get("type", "object")
        return self._of_kind(
            kinds if isinstance(kinds, str) else self._random.choice(kinds), schema, root, depth
        )

    def _merged(self, parts: list[Any], root: Any, depth: int) -> Any:
        values = [self.instance(part, root, depth + 1) for part in parts]
        if all(isinstance(value, dict) for value in values):
            return {key: value for part in values for key, value in part.items()}
        return values[-1]

    def _of_kind(self, kind: str, schema: Any, root: Any, depth: int) -> Any:
        match kind:
            case "object":
                return self._members(schema, root, depth)
            case "array":
                items = schema.get("items") or {"enum": SCALARS}
                first = [
                    self.instance(each, root, depth + 1) for each in schema.get("prefixItems", ())
                ]
                if first and self._random.random() < 0.8:
                    return first
                return [
                    self.instance(items, root, depth + 1) for _ in range(self._random.randint(0, 2))
                ]
            case "string":
                return FORMATS.get(schema.get("format"), self._random.choice(TEXTS))
            case "integer" | "number":
                return self._random.choice((0, 1, 1.0, 7) if kind == "integer" else (0, 1.0, 1.5))
            case _:
                return None if kind == "null" else self._random.random() < 0.5

    def _members(self, schema: Any, root: Any, depth: int) -> dict[str, Any]:
        required, closed = schema.get("required", ()), schema.get("additionalProperties") is False
        result = {
            key: self.instance(value, root, depth + 1)
            for key, value in schema.get("properties", {}).items()
            if key in required or self._random.random() < 0.6
        }
        for key in (*required, *(() if closed or self._random.random() < 0.6 else ("zz",))):
            result.setdefault(key, self._random.choice(SCALARS))
        return result


def _accepts(validator: jsonschema_rs.Validator, value: Any) -> bool:
    return validator.is_valid(value) and not any(validator.iter_errors(value))


@pytest.mark.parametrize("seed", range(8))
def test_models_accept_and_keep_what_their_schemas_accept(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted = 0
    for number in range(SCHEMAS_A_SEED):
        maker = Maker(seed * SCHEMAS_A_SEED + number)
        schema = maker.document()
        validator = jsonschema_rs.validator_for(schema, validate_formats=True, offline=True)
        module = ModuleType("random_models")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(make_models(draft_models(schema, "Payload")).source, module.__dict__)
        contract: Contract[Any] = Contract(
            queue="q", schema=schema, payload=module.__dict__["Payload"], fingerprint="f"
        )
        for _ in range(INSTANCES_A_SCHEMA):
            value = maker.instance(schema, schema)
            if _accepts(validator, value):
                accepted += 1
                written = json.loads(contract.encode(contract.decode(json.dumps(value))))
                assert exact(written) == exact(value), json.dumps(schema)
    assert accepted > SCHEMAS_A_SEED * INSTANCES_A_SCHEMA / 4
