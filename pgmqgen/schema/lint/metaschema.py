"""Schemas against the rules of JSON Schema itself: the metaschema, and the compiler."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.keywords import is_schema
from pgmqgen.schema.lint.remedies import LIMITS, instead_of_schema, instead_of_value, show
from pgmqgen.schema.lint.rule import Rule
from pgmqgen.schema.lint.type_names import TYPES, instead_of_type
from pgmqgen.schema.pointers import get
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
_IN_WORDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


def check(source: Source, draft: str) -> Iterator[Diagnostic]:
    """Check a file against the metaschema of its draft."""
    for error in _metaschema(draft).iter_errors(source.value):
        pointer = _restore(source.value, tuple(error.instance_path), error.instance)
        if is_schema(pointer):
            yield from _check_schema(source, pointer, error)
        elif pointer[-1] == "type" and is_schema(pointer[:-1]):
            yield from _check_type(source, pointer, error)
        else:
            yield _check_value(source, pointer, error)


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


def _restore(value: Any, path: Pointer, instance: Any) -> Pointer:
    """The pointer of an error's instance: jsonschema-rs leaves empty keys out of its path."""
    ways = list(_ways(value, path))
    if len(ways) > 1:
        ways.sort(key=lambda way: get(value, way) != instance)
    return ways[0]


def _ways(value: Any, path: Pointer) -> Iterator[Pointer]:
    """The pointers that are `path` but for empty keys, and lead somewhere."""
    if not path:
        yield ()
    elif _has(value, path[0]):
        yield from ((path[0], *rest) for rest in _ways(value[path[0]], path[1:]))
    if isinstance(value, dict) and "" in value:
        yield from (("", *rest) for rest in _ways(value[""], path))


def _has(value: Any, step: str | int) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and step < len(value)


def _check_schema(
    source: Source, pointer: Pointer, error: jsonschema_rs.ValidationError
) -> Iterator[Diagnostic]:
    value = error.instance
    if isinstance(value, dict):  # draft 4: `exclusiveMinimum` asks for `minimum`
        if all(isinstance(value.get(limit, True), bool) for limit in LIMITS):
            yield INVALID.at(source, pointer, f"{_name(pointer)}: {error.message}")
        return
    parent = get(source.value, pointer[:-1]) if pointer else None
    message = f"{_name(pointer)}: expected a schema, got `{show(value)}`"
    hint = instead_of_schema(pointer, value, parent)
    yield INVALID.at(source, pointer, message, hint=hint)


def _check_type(
    source: Source, pointer: Pointer, error: jsonschema_rs.ValidationError
) -> Iterator[Diagnostic]:
    given = error.instance
    named = {(*pointer, i): each for i, each in enumerate(given)} if isinstance(given, list) else {}
    wrong = [(at, name) for at, name in (named or {pointer: given}).items() if name not in TYPES]
    if not wrong:
        yield INVALID.at(
            source, pointer, f"`type`: got `{show(given)}`", hint="name each type once"
        )
    for at, name in wrong:
        message = f"`type`: expected {', '.join(TYPES[:-1])} or {TYPES[-1]}, got `{show(name)}`"
        yield INVALID.at(source, at, message, hint=instead_of_type(source.value, name))


def _check_value(
    source: Source, pointer: Pointer, error: jsonschema_rs.ValidationError
) -> Diagnostic:
    if not isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Type):
        return INVALID.at(source, pointer, f"{_name(pointer)}: {error.message}")
    types = error.kind.types
    expected = " or ".join(_IN_WORDS[name] for name in types)
    message = f"{_name(pointer)}: expected {expected}, got `{show(error.instance)}`"
    hint = instead_of_value(pointer, error.instance, get(source.value, pointer[:-1]), types)
    return INVALID.at(source, pointer, message, hint=hint)


def _name(pointer: Pointer) -> str:
    return f"`{'.'.join(map(str, pointer)) or 'schema'}`"
