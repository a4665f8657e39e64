"""A made-up catalogue of queues, always the same: as large and as varied as a company's own."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_NOUNS = ("order", "invoice", "shipment", "customer", "payment", "refund", "basket", "ticket")
_VERBS = ("created", "changed", "cancelled", "sent", "received", "approved", "closed", "failed")
_FIELDS = ("reference", "channel", "origin", "comment", "country", "language", "campaign", "label",
           "category", "batch", "station", "operator")  # fmt: skip
_SCALARS: tuple[dict[str, Any], ...] = (
    {"type": "string", "minLength": 1, "maxLength": 200},
    {"type": "string", "format": "date-time"},
    {"type": "string", "format": "email"},
    {"type": "string", "format": "uuid"},
    {"type": "string", "pattern": "^[A-Z]{2,4}-[0-9]+$"},
    {"type": "integer", "minimum": 0},
    {"type": "number", "minimum": 0, "maximum": 1_000_000},
    {"type": "boolean"},
    {"type": ["string", "null"]},
    {"enum": ["low", "normal", "high"]},
    {"type": "array", "items": {"type": "string"}, "maxItems": 20},
)
SHARED: dict[str, Any] = {
    "money.json": {
        "$schema": _DRAFT,
        "title": "Money",
        "description": "An amount in the smallest unit of a currency.",
        "type": "object",
        "required": ["amount", "currency"],
        "additionalProperties": False,
        "properties": {
            "amount": {"type": "integer"},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        },
    },
    "party.json": {
        "$schema": _DRAFT,
        "$defs": {
            "Address": {
                "description": "Where a party can be found.",
                "type": "object",
                "required": ["street", "city", "country"],
                "properties": {
                    "street": {"type": "string"},
                    "city": {"type": "string"},
                    "postcode": {"type": "string", "maxLength": 12},
                    "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
                },
            },
            "Party": {
                "description": "A person or a company.",
                "type": "object",
                "required": ["id", "name"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "name": {"type": "string", "minLength": 1},
                    "email": {"type": "string", "format": "email"},
                    "addresses": {"type": "array", "items": {"$ref": "#/$defs/Address"}},
                },
            },
        },
    },
}
"""Definitions that the queues share, by file."""


def write_catalogue(folder: Path, count: int) -> None:
    """Write `count` schemas, and what they share, into the `schemas` of a project."""
    (folder / "pgmqgen.toml").touch()
    shared = folder / "schemas" / "shared"
    shared.mkdir(parents=True)
    for name, schema in SHARED.items():
        _write(shared / name, schema)
    for number in range(count):
        name, schema = make_schema(number)
        _write(folder / "schemas" / f"{name}.json", schema)


def make_schema(number: int) -> tuple[str, dict[str, Any]]:
    """The name and the schema of one queue."""
    draw = random.Random(number)
    noun, verb = _NOUNS[number % 8], _VERBS[number // 8 % 8]
    name = f"{noun}_{verb}_{number:03}"
    title = "".join(word.title() for word in name.split("_"))
    if number % 10 == 9:
        return name, _make_union(title, draw)
    return name, {"$schema": _DRAFT, "title": title, **_make_event(f"A {noun} was {verb}.", draw)}


def _make_event(description: str, draw: random.Random) -> dict[str, Any]:
    extra = {
        field: {"description": f"The {field} of it.", **draw.choice(_SCALARS)}
        for field in draw.sample(_FIELDS, k=draw.randint(4, len(_FIELDS)))
    }
    line = {
        "type": "object",
        "required": ["sku", "quantity"],
        "properties": {
            "sku": {"type": "string", "minLength": 1},
            "quantity": {"type": "integer", "minimum": 1},
            "price": {"$ref": "shared/money.json"},
        },
    }
    return {
        "description": description,
        "type": "object",
        "required": ["id", "occurred_at", *draw.sample(sorted(extra), k=2)],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "occurred_at": {"type": "string", "format": "date-time"},
            **extra,
            "total": {"$ref": "shared/money.json"},
            "party": {"$ref": "shared/party.json#/$defs/Party"},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        },
        "$defs": {"Line": line},
    }


def _make_union(title: str, draw: random.Random) -> dict[str, Any]:
    branches = {}
    for kind in ("Opened", "Moved", "Closed"):
        event = _make_event(f"It was {kind.lower()}.", draw)
        event.pop("$defs")
        event["properties"].pop("lines")
        event["properties"] = {"type": {"const": kind.lower()}, **event["properties"]}
        event["required"].append("type")
        branches[kind] = event
    choices = [{"$ref": f"#/$defs/{kind}"} for kind in branches]
    return {"$schema": _DRAFT, "title": title, "oneOf": choices, "$defs": branches}


def _write(path: Path, schema: Any) -> None:
    path.write_text(json.dumps(schema, indent=2), encoding="utf-8")
