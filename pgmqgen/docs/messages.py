"""The message types of a queue: the branches of a union, or the one payload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgmqgen.docs.examples import find_examples
from pgmqgen.docs.inline import flatten
from pgmqgen.docs.pointers import Schema, follow, is_reference, parse_pointer
from pgmqgen.runtime.contract.validation import Contract
from pgmqgen.schema.load import QueueSchema
from pgmqgen.schema.text import Pointer

_PLAIN = frozenset({
    "$comment", "$defs", "$schema", "anyOf", "definitions", "description", "discriminator",
    "examples", "oneOf", "title",
})  # fmt: skip
"""Keywords beside a union that say nothing about its branches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageType:
    """One kind of message that a queue takes.

    pointer: where its schema stands in the queue's; whole: whether that says all about it
    tag: the property and value that tell it from the others, if there is one
    """

    name: str
    pointer: Pointer
    whole: bool
    schema: Schema
    tag: tuple[str, Any] | None
    examples: tuple[Any, ...]

    @property
    def description(self) -> str:
        """What its schema says about it."""
        return text_of(self.schema, "description")


def find_messages(queue: QueueSchema) -> tuple[MessageType, ...]:
    """The message types of a queue, in the order of its schema."""
    root = queue.schema
    pointers = _branches(root)
    schemas = [_resolve(root, pointer) for pointer in pointers]
    flat = [flatten(root, schema, set()) for schema in schemas]
    if not all(map(_is_named, flat)) or len(schemas) < 2 or not isinstance(root, dict):
        examples = find_examples(_contract(queue, root), root)
        message = MessageType(
            name=queue.payload, pointer=(), whole=True, schema=root, tag=None, examples=examples
        )
        return (message,)
    tag = _shared_tag(root, flat)
    return tuple(
        MessageType(
            name=_name(follow(root, pointer), schema, index + 1),
            pointer=pointer,
            whole=root.keys() <= _PLAIN,
            schema=schema,
            tag=(tag, _tag_value(root, flat[index], tag)) if tag else None,
            examples=_examples(queue, schema),
        )
        for index, (pointer, schema) in enumerate(zip(pointers, schemas, strict=True))
    )


def text_of(schema: Schema, keyword: str) -> str:
    """A keyword's text, `""` if it has none."""
    value = schema.get(keyword) if isinstance(schema, dict) else None
    return value if isinstance(value, str) else ""


def _branches(root: Schema) -> list[Pointer]:
    if not isinstance(root, dict):
        return []
    keyword = next((word for word in ("oneOf", "anyOf") if root.get(word)), None)
    return [(keyword, index) for index in range(len(root[keyword]))] if keyword else []


def _resolve(root: Schema, pointer: Pointer) -> Any:
    schema = follow(root, pointer)
    while is_reference(schema) and len(schema) == 1:
        target = follow(root, parse_pointer(schema["$ref"]))
        if target is schema or target is root:
            break
        schema = target
    return schema


def _is_named(flat: dict[str, Any]) -> bool:
    return "title" in flat or "properties" in flat


def _name(branch: Any, schema: Schema, index: int) -> str:
    last = parse_pointer(branch["$ref"])[-1:] if is_reference(branch) else ()
    return text_of(schema, "title") or "".join(map(str, last)) or f"Option {index}"


def _examples(queue: QueueSchema, schema: dict[str, Any]) -> tuple[Any, ...]:
    """Messages that are valid, and of this type rather than another one."""
    root: Any = queue.schema
    narrow = {**root, "allOf": [*root.get("allOf", ()), schema]}
    given = [*schema.get("examples", ()), *root.get("examples", ())]
    rest = {key: value for key, value in root.items() if key not in ("oneOf", "anyOf", "examples")}
    both = {"allOf": [rest, schema], "examples": given}
    return find_examples(_contract(queue, narrow), both)


def _contract(queue: QueueSchema, schema: Schema) -> Contract[Any]:
    return Contract(queue=queue.name, schema=schema, payload=Any, fingerprint=queue.fingerprint)


def _shared_tag(root: Schema, flat: list[dict[str, Any]]) -> str | None:
    for name in flat[0].get("properties", ()):
        values = [_tag_value(root, each, name) for each in flat]
        if all(isinstance(value, str) for value in values) and len(set(values)) == len(values):
            return str(name)
    return None


def _tag_value(root: Schema, flat: dict[str, Any], name: str) -> Any:
    declared = flatten(root, flat.get("properties", {}).get(name), set())
    listed = declared.get("enum", ())
    return declared.get("const", listed[0] if len(listed) == 1 else None)
