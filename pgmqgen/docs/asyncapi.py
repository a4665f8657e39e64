"""SchemaSet -> an AsyncAPI 3.0 document.

A queue is a channel, a message type a message; the settings stand in the channel's bindings under
`x-pgmq`, as the specification has no binding of pgmq's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pgmqgen.config import DocsConfig
from pgmqgen.docs.messages import MessageType, text_of
from pgmqgen.docs.pointers import Schema, parse_pointer, safe_key
from pgmqgen.docs.settings import settings_value
from pgmqgen.schema.keywords import DRAFTS, LISTED, NAMED, ONE, draft_of, walk
from pgmqgen.schema.load import QueueSchema
from pgmqgen.schema.text import Pointer

_DRAFT_7 = DRAFTS[2]
_NOT_IN_DRAFT_7 = frozenset({
    "contentSchema", "dependentRequired", "dependentSchemas", "maxContains", "minContains",
    "prefixItems", "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
_FORMAT = "application/schema+json;version=draft-"
_HEADERS = {
    "type": "object",
    "properties": {
        "x-pgmqgen": {
            "type": "object",
            "description": "Kept by pgmqgen: the schema's fingerprint, attempts, and why a letter is dead.",
            "properties": {
                "schema": {"type": "string", "description": "Fingerprint of the sender's schema."},
                "attempts": {"type": "integer", "minimum": 0},
                "releases": {"type": "integer", "minimum": 0},
            },
        }
    },
}


def make_document(
    queues: Mapping[str, tuple[QueueSchema, tuple[MessageType, ...]]], info: DocsConfig
) -> dict[str, Any]:
    """The document of queues with their message types, by key."""
    messages = {
        f"{key}.{name}": _message(key, queue, message)
        for key, (queue, types) in queues.items()
        for name, message in _keyed(types).items()
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": info.title,
            "version": info.version,
            **({"description": info.description} if info.description else {}),
        },
        "defaultContentType": "application/json",
        "channels": {key: _channel(key, *pair) for key, pair in queues.items()},
        "operations": {
            name: operation
            for key, pair in queues.items()
            for name, operation in _operations(key, *pair)
        },
        "components": {
            "schemas": {
                **{key: _schema(key, queue.schema) for key, (queue, _) in queues.items()},
                "pgmqgen.headers": _HEADERS,
            },
            "messages": messages,
        },
    }


def _keyed(types: tuple[MessageType, ...]) -> dict[str, MessageType]:
    """Message types by a key that is unique in their queue."""
    keyed: dict[str, MessageType] = {}
    for message in types:
        key = safe_key(message.name)
        keyed[f"{key}-{len(keyed) + 1}" if key in keyed else key] = message
    return keyed


def _channel(key: str, queue: QueueSchema, types: tuple[MessageType, ...]) -> dict[str, Any]:
    refs = {name: {"$ref": f"#/components/messages/{key}.{name}"} for name in _keyed(types)}
    binding = {"queue": queue.name, "fingerprint": queue.fingerprint}
    return {
        "address": queue.name,
        **_described(queue.schema),
        "messages": refs,
        "bindings": {"x-pgmq": {**binding, **settings_value(queue.settings)}},
    }


def _operations(
    key: str, queue: QueueSchema, types: tuple[MessageType, ...]
) -> tuple[tuple[str, dict[str, Any]], ...]:
    refs = [{"$ref": f"#/channels/{key}/messages/{name}"} for name in _keyed(types)]
    shared = {"channel": {"$ref": f"#/channels/{key}"}, "messages": refs}
    send = {"action": "send", "summary": f"Send a message to queue {queue.name}.", **shared}
    receive = {"action": "receive", "summary": f"Handle a message of queue {queue.name}.", **shared}
    return (f"send.{key}", send), (f"receive.{key}", receive)


def _message(key: str, queue: QueueSchema, message: MessageType) -> dict[str, Any]:
    root = f"#/components/schemas/{key}/schema"
    payload: dict[str, Any] = {"$ref": root + _text(message.pointer)}
    if not message.whole:
        payload = {"allOf": [{"$ref": root}, payload]}
    document: dict[str, Any] = {
        "name": message.name,
        "title": message.name,
        **_described(message.schema),
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/pgmqgen.headers"},
        "payload": {"schemaFormat": _schema_format(queue.schema), "schema": payload},
    }
    examples = [value for value in message.examples if not _has_reference(value)]
    if examples:
        document["examples"] = [
            {"name": f"example{number}", "payload": value}
            for number, value in enumerate(examples, 1)
        ]
    return document


def _described(schema: Schema) -> dict[str, str]:
    found = {keyword: text_of(schema, keyword) for keyword in ("title", "description")}
    return {keyword: text for keyword, text in found.items() if text}


def _schema(key: str, schema: Schema) -> dict[str, Any]:
    return {
        "schemaFormat": _schema_format(schema),
        "schema": _place(schema, f"#/components/schemas/{key}/schema"),
    }


def _schema_format(schema: Schema) -> str:
    """The media type of a schema: draft 7's, which every tool reads, where that says the same."""
    draft = draft_of(schema) or DRAFTS[0]
    if draft in DRAFTS[:2] and not any(map(_is_beyond_draft_7, walk(schema))):
        draft = _DRAFT_7
    number = draft.removesuffix("/schema").rpartition("/")[2].removeprefix("draft-")
    return _FORMAT + number


def _is_beyond_draft_7(found: tuple[Pointer, Any]) -> bool:
    _, schema = found
    return isinstance(schema, dict) and not _NOT_IN_DRAFT_7.isdisjoint(schema)


def _place(schema: Any, at: str) -> Any:
    """A bundle as it reads at `at` in a document: references lead there.

    Tools put the target in the place of a reference and of all beside it, so what is beside it
    goes into an `allOf`. Some take an example with a key `$ref` for a reference: it is left out.
    """
    if not isinstance(schema, dict):
        return schema
    placed: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in NAMED and isinstance(value, dict):
            placed[keyword] = {name: _place(item, at) for name, item in value.items()}
        elif keyword in LISTED and isinstance(value, list):
            placed[keyword] = [_place(item, at) for item in value]
        elif keyword in ONE:
            placed[keyword] = _place(value, at)
        elif keyword != "$schema" and not (keyword != "$ref" and _has_reference(value)):
            placed[keyword] = value
    if "$ref" in placed.get("properties", {}):  # the same as a pattern, which no tool follows
        pattern = {r"^\$ref$": placed["properties"].pop("$ref")}
        placed["patternProperties"] = {**placed.get("patternProperties", {}), **pattern}
    if not isinstance(schema.get("$ref"), str):
        return placed
    reference = {"$ref": at + _text(parse_pointer(placed.pop("$ref")))}
    return {**placed, "allOf": [*placed.get("allOf", ()), reference]} if placed else reference


def _has_reference(value: Any) -> bool:
    """Whether a value has a key `$ref`, which tools would follow."""
    match value:
        case dict():
            return "$ref" in value or any(map(_has_reference, value.values()))
        case list():
            return any(map(_has_reference, value))
        case _:
            return False


def _text(pointer: Pointer) -> str:
    """A pointer as text; escaped as a URI is, for it stands in one."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in pointer)
    return "".join(f"/{quote(step, safe='~$!*,;=:@()')}" for step in steps)
