"""Example messages: those that a schema gives, else one made up, and never one that is invalid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from pgmqgen.docs.patterns import NoSample, sample
from pgmqgen.docs.pointers import Schema, follow, is_reference, parse_pointer
from pgmqgen.errors import InvalidMessage
from pgmqgen.runtime.contract.validation import Contract

_MOST_CHOICES = 4
"""How many branches of unions are tried."""
_MOST_VALUES = 120
"""From so many values on, an example has only what is required."""
_DEEPEST_OPTIONAL, _DEEPEST = 4, 16
_MOST_ITEMS = 20
_LISTED = ("anyOf", "oneOf")
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T09:30:00Z",
    "duration": "P1DT12H",
    "email": "ada@example.com",
    "hostname": "example.com",
    "idn-email": "ada@example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "iri": "https://example.com/",
    "iri-reference": "/path",
    "json-pointer": "/path",
    "regex": "^[a-z]+$",
    "relative-json-pointer": "0/path",
    "time": "09:30:00Z",
    "uri": "https://example.com/",
    "uri-reference": "/path",
    "uri-template": "https://example.com/{id}",
    "uuid": "0b5f5d1c-3c52-4f0e-9a55-6a7c0f3c2a10",
}


class _Impossible(Exception):
    """No value could be made up."""


def find_examples(contract: Contract[Any], schema: Schema) -> tuple[Any, ...]:
    """Valid messages of the kind that `schema` describes, a part of the contract's own."""
    given = schema.get("examples") if isinstance(schema, dict) else None
    listed = given if isinstance(given, list) else []
    valid = tuple(value for value in listed if _is_valid(contract, value))
    return valid or tuple(make_example(contract, schema))


def make_example(contract: Contract[Any], schema: Schema) -> Iterator[Any]:
    """Make up one valid message, or none where that is too hard."""
    for choice in range(_MOST_CHOICES):
        for full in (True, False):
            try:
                value = _Maker(contract.schema, choice=choice, full=full).make(schema)
            except (_Impossible, NoSample, LookupError, ArithmeticError, RecursionError):
                continue
            if _is_valid(contract, value):
                yield value
                return


def _is_valid(contract: Contract[Any], value: Any) -> bool:
    try:
        contract.validate(value)
    except InvalidMessage:
        return False
    return True


class _Maker:
    """Makes up a value, which may be invalid: `not` and `if` are not looked at.

    choice: which branch of a union; full: whether optional properties are there
    """

    def __init__(self, root: Schema, *, choice: int, full: bool) -> None:
        self._root, self._choice, self._full = root, choice, full
        self._made = 0

    def make(self, schema: Any, name: str = "text", depth: int = 0) -> Any:
        if schema is False or depth > _DEEPEST:
            raise _Impossible
        flat = self._flatten(schema, depth)
        self._made += 1
        for keyword in ("const", "default"):
            if keyword in flat:
                return flat[keyword]
        for keyword in ("examples", "enum"):
            if flat.get(keyword):
                return flat[keyword][0]
        match _kind(flat):
            case "object":
                return self._object(flat, depth)
            case "array":
                return self._array(flat, name, depth)
            case "string":
                return _text(flat, name)
            case "integer" | "number" as kind:
                return _number(flat, whole=kind == "integer")
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return name

    def _flatten(self, schema: Any, depth: int) -> dict[str, Any]:
        """References, `allOf` and one branch of each union, as one schema."""
        if depth > _DEEPEST or schema is False:
            raise _Impossible
        if not isinstance(schema, dict):
            return {}
        parts = list(schema.get("allOf", ()))
        if is_reference(schema):
            parts.append(follow(self._root, parse_pointer(schema["$ref"])))
        for keyword in _LISTED:
            if branches := schema.get(keyword):
                parts.append(branches[min(self._choice, len(branches) - 1)])
        own = {
            key: value for key, value in schema.items() if key not in ("allOf", "$ref", *_LISTED)
        }
        merged: dict[str, Any] = {}
        for part in (*(self._flatten(part, depth + 1) for part in parts), own):
            _merge(merged, part)
        return merged

    def _object(self, flat: dict[str, Any], depth: int) -> dict[str, Any]:
        known: Mapping[str, Any] = flat.get("properties", {})
        required = list(flat.get("required", ()))
        wanted = list(dict.fromkeys([*known, *required])) if self._is_generous(depth) else required
        value: dict[str, Any] = {}
        for key in sorted(wanted, key=lambda key: list(known).index(key) if key in known else 0):
            if key not in required and self._recurs(known[key], depth):
                continue
            value[key] = self.make(known.get(key, self._other(flat, key)), key, depth + 1)
        for index in range(len(value) + 1, int(flat.get("minProperties", 0)) + 1):
            value[f"key{index}"] = self.make(self._other(flat, ""), "value", depth + 1)
        return value

    def _recurs(self, schema: Any, depth: int) -> bool:
        """Whether an optional property had better be left out."""
        return (
            schema is False or not self._is_generous(depth) or (is_reference(schema) and depth > 2)
        )

    def _other(self, flat: dict[str, Any], key: str) -> Any:
        """The schema of a property that is not declared."""
        patterns = flat.get("patternProperties", {})
        return next(iter(patterns.values()), flat.get("additionalProperties", True))

    def _array(self, flat: dict[str, Any], name: str, depth: int) -> list[Any]:
        listed = flat.get("prefixItems", flat.get("items"))
        first = listed if isinstance(listed, list) else []
        rest = flat.get("items", True) if not isinstance(flat.get("items"), list) else True
        least = int(flat.get("minItems", 0))
        wanted = max(least, 1 if self._is_generous(depth) and flat.get("maxItems", 1) else 0)
        wanted = max(wanted, len(first))
        if wanted > _MOST_ITEMS:
            raise _Impossible
        items = [self.make(item, name, depth + 1) for item in first]
        for _ in range(len(first), wanted):
            item = flat.get("contains", rest) if not items else rest
            items.append(self.make(item, name, depth + 1))
        return _distinct(items) if flat.get("uniqueItems") else items

    def _is_generous(self, depth: int) -> bool:
        return self._full and depth < _DEEPEST_OPTIONAL and self._made < _MOST_VALUES


def _merge(into: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        match key:
            case "properties":
                into[key] = {**into.get(key, {}), **value}
            case "required":
                into[key] = list(dict.fromkeys([*into.get(key, ()), *value]))
            case _:
                into[key] = value


def _kind(flat: dict[str, Any]) -> str | None:
    declared = flat.get("type")
    if isinstance(declared, list):
        declared = next((kind for kind in declared if kind != "null"), "null")
    if isinstance(declared, str):
        return declared
    signs = {
        "properties": "object", "required": "object", "additionalProperties": "object",
        "items": "array", "prefixItems": "array", "pattern": "string", "format": "string",
        "minLength": "string", "minimum": "number", "maximum": "number",
    }  # fmt: skip
    return next((kind for sign, kind in signs.items() if sign in flat), None)


def _text(flat: dict[str, Any], name: str) -> str:
    if "pattern" in flat:
        text = sample(flat["pattern"])
    else:
        text = _FORMATS.get(flat.get("format", ""), name.replace("_", " ") or "text")
    least, most = int(flat.get("minLength", 0)), flat.get("maxLength")
    if len(text) < least <= 10_000:
        text += "x" * (least - len(text))
    return text if most is None else text[: int(most)]


def _number(flat: dict[str, Any], *, whole: bool) -> int | float:
    step = _readable(flat.get("multipleOf", 1))
    low, above = _bound(flat, "minimum", "exclusiveMinimum")
    high, below = _bound(flat, "maximum", "exclusiveMaximum")
    if low is not None and high is not None and not whole and high - low < step:
        return float((low + high) / 2)
    if low is not None:
        count = low // step + 1 if above else -(-low // step)
    else:
        count = 1 if high is None or high > step else high // step - (1 if below else 0)
    value: int | float = count * step
    return int(value) if value == int(value) else value


def _bound(flat: dict[str, Any], closed: str, opened: str) -> tuple[Any, bool]:
    """A limit, and whether it is excluded; draft 4 says that with a boolean."""
    limit = flat.get(opened)
    if isinstance(limit, bool) or limit is None:
        return _readable(flat.get(closed)), limit is True
    return _readable(limit), True


def _readable(limit: Any) -> Any:
    """A float for a Decimal, which Python would not add to a float."""
    return float(limit) if isinstance(limit, Decimal) else limit


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _distinct(items: list[Any]) -> list[Any]:
    """Items made different where that is easy."""
    result: list[Any] = []
    for item in items:
        if item in result and isinstance(item, str):
            item = f"{item}{len(result) + 1}"
        elif item in result and _is_number(item):
            item += len(result)
        result.append(item)
    return result
