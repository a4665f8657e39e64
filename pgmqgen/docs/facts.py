"""What a schema file says of each field and setting, keyword by keyword, for a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pgmqgen.docs.messages import text_of
from pgmqgen.docs.pointers import parse_pointer
from pgmqgen.numbers import write_json
from pgmqgen.schema.keywords import children
from pgmqgen.schema.settings import KEYWORD
from pgmqgen.schema.text import Pointer

_ABOUT = frozenset({"$schema", "$id", "id", "$comment", "$defs", "definitions", KEYWORD})
_LONGEST = 80
_UNIONS = ("anyOf", "oneOf")
_WHERE = {
    "contains": "in some items",
    "contentSchema": "in the decoded content",
    "else": "where a condition does not hold",
    "if": "in a condition",
    "not": "in what is excluded",
    "propertyNames": "in names of properties",
    "then": "where a condition holds",
}


class Subject(NamedTuple):
    """A field, named as in the table of fields, or a setting.

    owner: the definition that it is in, `""` for the message itself
    where: what the table says of fields that not every message has
    """

    owner: str = ""
    path: str = ""
    where: str = ""

    @property
    def name(self) -> str:
        """What people call it."""
        return ": ".join(filter(None, (self.owner, self.path))) or "the message"

    def inside(self, path: str) -> Subject:
        """A field of this object, or the items of this list."""
        dot = "." if self.path and not path.startswith("[") else ""
        return self._replace(path=f"{self.path}{dot}{path}")

    def narrowed(self, where: str) -> Subject:
        """The same in some messages only."""
        return self._replace(where=", ".join(filter(None, (self.where, where))))


Facts = dict[Subject, dict[str, str]]


def collect_facts(value: dict[str, Any]) -> Facts:
    """What a file says; a setting's value stands under `""`."""
    facts: Facts = {}
    _collect(value, Subject(), facts)
    settings = value.get(KEYWORD)
    for key, setting in settings.items() if isinstance(settings, dict) else ():
        inner = setting.items() if isinstance(setting, dict) else ()
        facts[Subject(path=f"{KEYWORD}.{key}")] = {} if inner else {"": _show(setting)}
        for name, item in inner:
            facts[Subject(path=f"{KEYWORD}.{key}.{name}")] = {"": _show(item)}
    return facts


def _collect(schema: Any, subject: Subject, facts: Facts) -> None:
    """Note what a schema says itself, then the schemas in it."""
    inside = list(children(schema))
    known = facts.setdefault(subject, {})
    for keyword, text in _own(schema, {str(steps[0]) for steps, _ in inside}):
        said = known.setdefault(keyword, text)
        if text not in said.split(" and "):
            known[keyword] = f"{said} and {text}"
    for steps, child in inside:
        is_flag = isinstance(child, bool) and len(steps) == 1
        if not is_flag and not (steps[0] in _UNIONS and _names_type(child)):
            _collect(child, _step(subject, steps, child), facts)


def _own(schema: Any, inner: set[str]) -> Iterator[tuple[str, str]]:
    for keyword, value in schema.items() if isinstance(schema, dict) else ():
        if keyword == "$ref" and isinstance(value, str):
            yield "type", _type_name(value)
        elif keyword in _UNIONS and isinstance(value, list) and any(map(_names_type, value)):
            yield (
                "type",
                " or ".join(_type_name(each["$ref"]) for each in value if _names_type(each)),
            )
        elif isinstance(value, bool) or keyword not in inner | _ABOUT:
            yield str(keyword), _show(value)


def _names_type(schema: Any) -> bool:
    """Whether a schema is nothing but a reference."""
    return (
        isinstance(schema, dict) and schema.keys() == {"$ref"} and isinstance(schema["$ref"], str)
    )


def _type_name(ref: str) -> str:
    """A definition's name, else the reference."""
    return str((parse_pointer(ref) or (ref,))[-1]) if ref.startswith("#") else ref


def _step(subject: Subject, steps: Pointer, child: Any) -> Subject:
    match steps:
        case ("properties", name):
            return subject.inside(str(name))
        case ("patternProperties", pattern):
            return subject.inside(f"/{pattern}/")
        case ("additionalProperties" | "unevaluatedProperties",):
            return subject.inside("*")
        case ("$defs" | "definitions", name):
            return Subject(owner=str(name))
        case ("items" | "prefixItems", index):
            return subject.inside(f"[{index}]")
        case ("items" | "additionalItems" | "unevaluatedItems",):
            return subject.inside("[]")
        case ("oneOf" | "anyOf", int(index)):
            return subject.narrowed(f"in {text_of(child, 'title') or f'option {index + 1}'}")
        case ("dependentSchemas" | "dependencies", name):
            return subject.narrowed(f"where {name} is given")
        case (keyword,):
            return subject.narrowed(_WHERE[str(keyword)])
    return subject  # `allOf`


def _show(value: Any) -> str:
    text = write_json(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
