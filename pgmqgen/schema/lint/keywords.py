"""Keywords without effect: misspelt, beside a `$ref`, of another type."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.queue import suggest
from pgmqgen.schema.drafts import INERT_BESIDE_REF
from pgmqgen.schema.keywords import LISTED, NAMED, ONE
from pgmqgen.schema.lint.rule import warning
from pgmqgen.schema.lint.subject import Subject, types
from pgmqgen.schema.text import Pointer

MISSPELT = warning(
    "PGQ101",
    "a keyword that is probably misspelt",
    "JSON Schema ignores keywords that it does not know, so a misspelt one has no effect.",
    bad='{\n  "type": "string",\n  "minLenght": 3\n}',
    good='{\n  "type": "string",\n  "minLength": 3,\n  "x-colour": "red"\n}',
)
FORMAT = warning(
    "PGQ102",
    "an unknown format",
    "Nothing checks a format that is not known.",
    bad='{\n  "type": "string",\n  "format": "datetime"\n}',
    good='{\n  "type": "string",\n  "format": "date-time"\n}',
)
UNTYPED = warning(
    "PGQ113",
    "`properties` without a type",
    "`properties` and `required` say nothing about a value that is not an object: a string or null "
    "is valid too.",
    bad='{\n  "properties": {"total": {"type": "number"}}\n}',
    good='{\n  "type": "object",\n  "properties": {"total": {"type": "number"}}\n}',
)
BESIDE_REF = warning(
    "PGQ115",
    "a keyword beside `$ref`, in a draft where that stands alone",
    "Up to draft 7, `$ref` hides whatever stands beside it. Use `allOf`, or a newer draft.",
    bad='{\n  "$schema": "http://json-schema.org/draft-07/schema#",\n'
    '  "$ref": "#/definitions/name",\n  "maxLength": 9,\n'
    '  "definitions": {"name": {"type": "string"}}\n}',
    good='{\n  "$schema": "http://json-schema.org/draft-07/schema#",\n'
    '  "allOf": [{"$ref": "#/definitions/name"}, {"maxLength": 9}],\n'
    '  "definitions": {"name": {"type": "string"}}\n}',
)
OTHER_TYPE = warning(
    "PGQ116",
    "a keyword that says nothing about its type",
    "A keyword such as `minLength` counts for one type only, and the schema allows another.",
    bad='{\n  "type": "integer",\n  "minLength": 3\n}',
    good='{\n  "type": "integer",\n  "minimum": 3\n}',
)
RULES = (MISSPELT, FORMAT, UNTYPED, BESIDE_REF, OTHER_TYPE)

_OF_TYPE = {
    ("string",): ("maxLength", "minLength", "pattern"),
    ("number", "integer"): (
        "exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf",
    ),
    ("array",): ("contains", "items", "maxItems", "minItems", "prefixItems", "uniqueItems"),
    ("object",): (
        "additionalProperties", "dependentRequired", "maxProperties", "minProperties",
        "patternProperties", "properties", "propertyNames", "required",
    ),
}  # fmt: skip
OURS = {"x-pgmq"}
KNOWN = OURS | ONE | LISTED | NAMED | INERT_BESIDE_REF | {
    "$anchor", "$comment", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor",
    "$recursiveRef", "$ref", "$schema", "$vocabulary", "contentEncoding", "contentMediaType",
    "default", "deprecated", "description", "examples", "readOnly", "title", "writeOnly",
}  # fmt: skip
_ANNOTATIONS = frozenset({
    "comment", "comments", "discriminator", "enumDescriptions", "enumNames", "example",
    "externalDocs", "id", "nullable", "name", "typeName", "version", "xml",
})  # fmt: skip
"""Common words without a meaning in JSON Schema, and not misspelt."""
_FORMATS = (
    "byte", "binary", "date", "date-time", "decimal", "double", "duration", "email", "float",
    "hostname", "idn-email", "idn-hostname", "int32", "int64", "ipv4", "ipv6", "iri",
    "iri-reference", "json-pointer", "password", "regex", "relative-json-pointer", "time", "uri",
    "uri-reference", "uri-template", "uuid",
)  # fmt: skip
"""Those of JSON Schema and of OpenAPI."""
_PLAIN_PLACES = ("additionalProperties", "items")


def check(subject: Subject) -> Iterator[Diagnostic]:
    """Check the keywords of every schema of a file."""
    for pointer, schema in subject.written:
        for rule in (_spelling, _format, _type, _beside_ref, _other_type):
            yield from rule(subject, pointer, schema)


def _spelling(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    for keyword in schema:
        if keyword not in KNOWN and (meant := _meant(keyword)) and meant not in schema:
            place = subject.source.key_place((*at, keyword))
            hint = f"did you mean `{meant}`?"
            yield MISSPELT.at(subject.source, place, f"unknown keyword `{keyword}`", hint=hint)


@cache
def _meant(keyword: str) -> str | None:
    if keyword in _ANNOTATIONS or len(keyword) > 40:
        return None
    # Others' extensions are no mistakes; but whoever misspells ours loses all settings of a queue.
    is_extension = keyword.lower().startswith("x-")
    known, cutoff = (OURS, 0.76) if is_extension else (KNOWN, 0.84)
    plain = {_plain(each): each for each in sorted(known)}
    close = difflib.get_close_matches(_plain(keyword), plain, n=1, cutoff=cutoff)
    return plain[close[0]] if close else None


def _plain(keyword: str) -> str:
    return keyword.lower().replace("_", "").replace("-", "").lstrip("$")


def _format(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    name = schema.get("format")
    if isinstance(name, str) and name not in _FORMATS and not _is_checked(name):
        hint = suggest(name, _FORMATS) or "it is not checked; remove it, or write a `pattern`"
        yield FORMAT.at(subject.source, (*at, "format"), f"unknown format `{name}`", hint=hint)


@cache
def _is_checked(name: str) -> bool:
    schema = {"type": "string", "format": name}
    try:
        jsonschema_rs.validator_for(schema, validate_formats=True, ignore_unknown_formats=False)
    except ValueError:
        return False
    return True


def _type(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    """Only where a value is described, not where `allOf` and its like add to a description."""
    plain = not at or at[-1] in _PLAIN_PLACES or at[-2:-1] == ("properties",)
    said = ("type", "$ref", "allOf", "anyOf", "oneOf", "const", "enum", "$dynamicRef")
    if plain and schema.get("properties") and not any(keyword in schema for keyword in said):
        place = subject.source.key_place((*at, "properties"))
        message = "`properties` without a `type`: values that are no objects are valid too"
        yield UNTYPED.at(subject.source, place, message, hint='add "type": "object"')


def _beside_ref(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    if subject.dialect.is_ref_alone(schema):
        for keyword in schema:
            if keyword in INERT_BESIDE_REF and keyword != "definitions":
                place = subject.source.key_place((*at, keyword))
                message = f"`{keyword}` has no effect beside `$ref` in this draft"
                hint = 'write "allOf": [{"$ref": ...}, {...}]'
                yield BESIDE_REF.at(subject.source, place, message, hint=hint)


def _other_type(subject: Subject, at: Pointer, schema: dict[str, Any]) -> Iterator[Diagnostic]:
    if not (allowed := types(schema)):
        return
    for names, keywords in _OF_TYPE.items():
        for keyword in keywords if not allowed.intersection(names) else ():
            if keyword in schema:
                place = subject.source.key_place((*at, keyword))
                shown = " or ".join(sorted(allowed))
                message = f"`{keyword}` says nothing about type `{shown}`"
                hint = f"it is for type `{names[0]}`"
                yield OTHER_TYPE.at(subject.source, place, message, hint=hint)
