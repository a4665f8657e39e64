"""Defaults and examples against the schemas that they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jsonschema_rs

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.lint.rule import warning
from pgmqgen.schema.lint.subject import Subject, items
from pgmqgen.schema.pointers import encode
from pgmqgen.schema.text import Pointer

DEFAULT = warning(
    "PGQ110",
    "a default that its own schema refuses",
    "A default is what a reader may assume where nothing was sent, so it should be valid.",
    bad='{\n  "type": "object",\n  "properties": {"size": {"type": "integer", "default": "3"}}\n}',
    good='{\n  "type": "object",\n  "properties": {"size": {"type": "integer", "default": 3}}\n}',
)
EXAMPLE = warning(
    "PGQ111",
    "an example that its own schema refuses",
    "Readers copy examples.",
    bad='{\n  "type": "object",\n  "required": ["id"],\n'
    '  "properties": {"id": {"type": "string"}},\n  "examples": [{"id": 7}]\n}',
    good='{\n  "type": "object",\n  "required": ["id"],\n'
    '  "properties": {"id": {"type": "string"}},\n  "examples": [{"id": "7"}]\n}',
)
RULES = (DEFAULT, EXAMPLE)
_MOST = 1000
"""Each costs a compilation of what it refers to."""
_BUNDLE = "urn:pgmqgen:bundle"


def check(subject: Subject) -> Iterator[Diagnostic]:
    """Check every default and example of a file."""
    given = [each for each in subject.bundled if each[1].keys() & {"default", "examples"}]
    if not given:
        return
    registry = jsonschema_rs.Registry([(_BUNDLE, subject.bundle)])
    for pointer, schema in given[:_MOST]:
        validate = partial(_first_error, registry, subject.dialect.draft, pointer)
        if "default" in schema and (error := validate(schema["default"])):
            yield DEFAULT.at(
                subject.source, (*pointer, "default"), f"the default is invalid: {error}"
            )
        for index, example in enumerate(items(schema, "examples")):
            if error := validate(example):
                at = (*pointer, "examples", index)
                yield EXAMPLE.at(subject.source, at, f"the example is invalid: {error}")


def _first_error(
    registry: jsonschema_rs.Registry, draft: str, pointer: Pointer, value: Any
) -> str | None:
    schema = {"$schema": draft, "$ref": f"{_BUNDLE}#{encode(pointer)}"}
    try:
        validator = jsonschema_rs.validator_for(
            schema, registry=registry, validate_formats=True, offline=True
        )
    except jsonschema_rs.ValidationError:
        return None  # it refers to a metaschema, which such a registry does not have
    error = next(iter(validator.iter_errors(value)), None)
    if error is None:
        return None
    where = "/".join(map(str, error.instance_path))
    message = error.message if len(error.message) < 200 else f"{error.message[:200]}..."
    return f"at `/{where}`: {message}" if where else message
