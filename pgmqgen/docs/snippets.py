"""Python that a reader may copy: a producer and a handler of a queue, with its generated names."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgmqgen.codegen.cache import open_memory
from pgmqgen.codegen.format import format_files
from pgmqgen.codegen.plan import plan
from pgmqgen.codegen.render import RenderedFile, render
from pgmqgen.config import Config
from pgmqgen.docs.messages import MessageType
from pgmqgen.numbers import holds_decimals
from pgmqgen.schema.load import SchemaSet

_CONVERTED = frozenset({"Date", "DateTime", "DecimalNumber", "Time", "Uuid", "tuple"})
"""Types whose values are not what JSON has: a type checker refuses the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippets:
    """Source of a producer, None where there is no example to send, and of a handler."""

    producer: str | None
    handler: str


def make_snippets(
    schemas: SchemaSet, config: Config, messages: Mapping[str, tuple[MessageType, ...]]
) -> dict[str, Snippets]:
    """The snippets of each queue, by its name."""
    jobs = plan(schemas, config, open_memory(config))
    stubs = [job for job in jobs if job.template == "handler.py.jinja"]
    handlers = render(stubs, config.templates)
    found: list[tuple[str, RenderedFile | None, RenderedFile]] = []
    for stub, handler in zip(stubs, handlers, strict=True):
        queue = stub.context["queue"]
        example = next(
            (each for kind in messages[queue["name"]] for each in kind.examples[:1]), None
        )
        has_example = any(kind.examples for kind in messages[queue["name"]])
        text = _producer(queue, example, config) if has_example else None
        path = config.output / queue["module"] / "producer.py"
        producer = RenderedFile(path=path, text=text, policy="create") if text else None
        found.append((queue["name"], producer, handler))
    files = [file for _, *pair in found for file in pair if file is not None]
    formatted = {file.path: file.text.strip() for file in format_files(files, config.root)}
    return {
        name: Snippets(
            producer=formatted[producer.path] if producer else None,
            handler=formatted[handler.path],
        )
        for name, producer, handler in found
    }


def _producer(queue: Mapping[str, Any], example: Any, config: Config) -> str:
    package = f"{config.module_of(config.output)}.{queue['module']}"
    name, payload = _payload(queue, example)
    decimals = "from decimal import Decimal\n" if holds_decimals(example) else ""
    return (
        f"import os\n{decimals}\nfrom {package} import {', '.join(sorted({queue['producer'], name}))}\n\n"
        f'with {queue["producer"]}(os.environ["DATABASE_URL"]) as producer:\n'
        f"    producer.send({payload})\n"
    )


def _payload(queue: Mapping[str, Any], example: Any) -> tuple[str, str]:
    """What is imported to make a payload, and the expression that makes it."""
    fields = _fields(queue["models"], queue["payload"])
    if fields is None:
        return "contract", f"contract.typed({example!r})"
    if isinstance(example, dict) and all(_is_plain(key, example, fields) for key in example):
        arguments = ", ".join(f"{key}={value!r}" for key, value in example.items())
        return queue["payload"], f"{queue['payload']}({arguments})"
    return queue["payload"], f"{queue['payload']}.model_validate({example!r})"


def _fields(models: str, payload: str) -> dict[str, set[str]] | None:
    """The names in each field's type, None if the payload is no class of this module."""
    for node in ast.parse(models).body:
        if isinstance(node, ast.ClassDef) and node.name == payload:
            return {
                field.target.id: {
                    n.id for n in ast.walk(field.annotation) if isinstance(n, ast.Name)
                }
                for field in node.body
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            }
    return None


def _is_plain(key: str, example: Mapping[str, Any], fields: Mapping[str, set[str]]) -> bool:
    value = example[key]
    items = value if isinstance(value, list) else [value]
    is_flat = not any(isinstance(item, dict | list) for item in items)
    return is_flat and key in fields and _CONVERTED.isdisjoint(fields[key])
