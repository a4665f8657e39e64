"""What will hurt later: open objects, and names that nobody described. Off by default.

Open is how JSON Schema is meant to be, and pgmqgen keeps properties that it does not know, so
that a message of tomorrow passes through today's worker. The price is paid when a property is
added: old messages may hold anything under its name.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.lint.rule import warning
from pgmqgen.schema.lint.subject import Subject, entries

OPEN = warning(
    "PGQ601",
    "an object that says nothing of other properties",
    "An open object accepts any property, so a property that is added later may already be in "
    'use with another type. Say "additionalProperties": false to close it, or true to show that it '
    "is meant.",
    bad='{\n  "type": "object",\n  "properties": {"id": {}}\n}',
    good='{\n  "type": "object",\n  "properties": {"id": {}},\n  "additionalProperties": false\n}',
    default=False,
)
UNDESCRIBED = warning(
    "PGQ602",
    "a queue or property without a description",
    "Descriptions become docstrings and documentation.",
    bad='{\n  "description": "An order.",\n  "type": "object",\n  "properties": {"id": {}}\n}',
    good='{\n  "description": "An order.",\n  "type": "object",\n'
    '  "properties": {"id": {"description": "Its number."}}\n}',
    default=False,
)
RULES = (OPEN, UNDESCRIBED)
_OPENNESS = frozenset({"$ref", "additionalProperties", "allOf", "unevaluatedProperties"})


def check(subject: Subject) -> Iterator[Diagnostic]:
    """Check every object of a file."""
    source = subject.source
    if subject.is_queue and isinstance(source.value, dict) and "description" not in source.value:
        yield UNDESCRIBED.at(source, (), "the queue has no `description`")
    for pointer, schema in subject.written:
        if "properties" in schema and not schema.keys() & _OPENNESS:
            place = source.key_place((*pointer, "properties"))
            hint = 'add "additionalProperties": false, or true'
            yield OPEN.at(source, place, "the object is open", hint=hint)
        for name, child in entries(schema, "properties").items():
            if isinstance(child, dict) and not child.keys() & {"description", "$ref"}:
                place = source.key_place((*pointer, "properties", name))
                yield UNDESCRIBED.at(source, place, f"property `{name}` has no `description`")
