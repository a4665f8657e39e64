"""What a schema declares for some messages only: under `then`, `else` and `dependentSchemas`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pgmqgen.docs.inline import flatten
from pgmqgen.docs.pointers import Schema
from pgmqgen.numbers import write_json

_SOME = "in some messages"


def conditional_parts(root: Schema, flat: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Parts of a flat schema, without properties that it declares for all, and when they apply."""
    for where, part in _walk(root, flat, flat.get("required", ())):
        declared = part.get("properties", {}).items()
        new = {
            name: schema
            for name, schema in declared
            if schema is not False and name not in flat.get("properties", ())
        }
        yield where, {**part, "properties": new}


def _walk(
    root: Schema, flat: dict[str, Any], required: Any
) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, branch in _branches(flat, required):
        followed: set[str] = set()
        part = flatten(root, branch, followed)
        inner = part.pop("allOf", [])
        yield where, part
        # What is behind a reference may lead back here, or to twice as many at each step.
        for inside, each in () if followed else _walk(root, {"allOf": inner}, required):
            yield _both(where, inside), each


def _branches(flat: dict[str, Any], required: Any) -> Iterator[tuple[str, Any]]:
    for part in flat.get("allOf", ()):
        if "if" in part:
            yield _when(part["if"], required), part.get("then")
            yield _unless(part["if"]), part.get("else")
        for keyword in ("dependentSchemas", "dependencies"):
            for name, schema in part.get(keyword, {}).items():
                yield f"where {name} is given", schema


def _when(condition: Any, required: Any) -> str:
    """When `then` applies; a property that is not there fulfils what `properties` says of it."""
    if (tests := _tests(condition)) is None:
        return _SOME
    needed = {*required, *condition.get("required", ())}
    words = [
        f"{name} is {' or '.join(values)}" + ("" if name in needed else " or not given")
        for name, values in tests.items()
    ]
    words += [f"{name} is given" for name in condition.get("required", ()) if name not in tests]
    return f"where {' and '.join(words)}" if words else _SOME


def _unless(condition: Any) -> str:
    """When `else` applies."""
    tests = _tests(condition)
    if tests is not None and len({*tests, *condition.get("required", ())}) == 1:
        for name, values in tests.items():
            return f"where {name} is not {' or '.join(values)}"
        return f"where {condition['required'][0]} is not given"
    return _SOME


def _tests(condition: Any) -> dict[str, list[str]] | None:
    """The values that an `if` asks for by name, None if it asks for anything else."""
    if not isinstance(condition, dict) or not condition.keys() <= {
        "properties",
        "required",
        "type",
    }:
        return None
    found: dict[str, list[str]] = {}
    for name, schema in condition.get("properties", {}).items():
        if not isinstance(schema, dict) or not (
            {"const"} == schema.keys() or {"enum"} == schema.keys()
        ):
            return None
        listed = [schema["const"]] if "const" in schema else schema["enum"]
        found[name] = [write_json(value, ensure_ascii=False) for value in listed]
    return found


def _both(first: str, second: str) -> str:
    if _SOME in (first, second):
        return _SOME
    return f"{first} and {second.removeprefix('where ')}"
