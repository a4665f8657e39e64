"""Schemas against the rules of JSON Schema itself: the metaschema, and the compiler."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.lint.rule import Rule
from pgmqgen.schema.source import Source
from pgmqgen.schema.text import Pointer

INVALID = Rule(
    code="PGQ004",
    summary="a schema that breaks the rules of JSON Schema",
    why="A keyword has a value that its draft does not allow, such as an unknown type.",
    bad='{\n  "type": "object",\n  "properties": {"total": {"type": "nubmer"}}\n}',
    good='{\n  "type": "object",\n  "properties": {"total": {"type": "number"}}\n}',
)
UNCOMPILED = Rule(
    code="PGQ006",
    summary="a schema that does not compile",
    why="The validator that the worker uses refuses the schema.",
    bad='{"$ref": "https://json-schema.org/draft/2020-12/schema#/$defs/nowhere"}',
    good='{"$ref": "https://json-schema.org/draft/2020-12/schema"}',
)
RULES = (INVALID, UNCOMPILED)


def check(source: Source, draft: str) -> Iterator[Diagnostic]:
    """Check a file against the metaschema of its draft."""
    for error in _metaschema(draft).iter_errors(source.value):
        pointer = tuple(error.instance_path)
        yield INVALID.at(source, pointer, _explain(pointer, error))


def check_bundle(source: Source, schema: Any) -> Iterator[Diagnostic]:
    """Compile a bundled schema, as the worker will."""
    try:
        jsonschema_rs.validator_for(schema, validate_formats=True, offline=True)
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError) as error:
        message = f"the schema does not compile: {str(error).splitlines()[0]}"
        yield UNCOMPILED.at(source, (), message)


@cache
def _metaschema(draft: str) -> jsonschema_rs.Validator:
    reference = draft if draft.startswith("https") else f"{draft}#"
    # Published schemas have a `$ref` such as `#/definitions/A<B>`, which is no URI but resolves.
    schema = {"$schema": reference, "$ref": reference}
    return jsonschema_rs.validator_for(schema, offline=True, validate_formats=False)


def _explain(pointer: Pointer, error: jsonschema_rs.ValidationError) -> str:
    if pointer[-1:] == ("type",):
        names = "array, boolean, integer, null, number, object or string"
        return f"`type`: expected {names}, got {error.message.split(' is not valid')[0]}"
    return f"`{'.'.join(map(str, pointer)) or 'schema'}`: {error.message}"
