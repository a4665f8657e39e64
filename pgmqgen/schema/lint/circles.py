"""References that lead back to themselves without a step into the value."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.lint.rule import Rule
from pgmqgen.schema.lint.subject import Subject, items
from pgmqgen.schema.pointers import encode

CIRCLE = Rule(
    code="PGQ203",
    summary="references that lead in a circle",
    why="A schema may refer to itself for a part of the value, such as the children of a node. One "
    "that refers to itself for the same value says nothing.",
    bad='{\n  "$ref": "#/$defs/a",\n  "$defs": {\n    "a": {"$ref": "#/$defs/b"},\n'
    '    "b": {"$ref": "#/$defs/a"}\n  }\n}',
    good='{\n  "$ref": "#/$defs/a",\n  "$defs": {\n    "a": {"$ref": "#/$defs/b"},\n'
    '    "b": {"type": "object", "properties": {"next": {"$ref": "#/$defs/a"}}}\n  }\n}',
    ignorable=True,
)
RULES = (CIRCLE,)
Node = dict[str, Any]


def check(subject: Subject) -> Iterator[Diagnostic]:
    """Report each circle that runs through a file, at its first reference there."""
    own = {id(schema): pointer for pointer, schema in subject.bundled}
    done: set[int] = set()
    for _, start in subject.bundled:
        for circle in _circles(subject, start, done):
            references = [node for node in circle if "$ref" in node]
            at = next((own[id(node)] for node in references if id(node) in own), None)
            if at is not None:
                chain = " -> ".join(_name(subject, node["$ref"]) for node in references)
                message = f"the reference leads back to itself: {chain}"
                hint = "say in one of them what the value is"
                yield CIRCLE.at(subject.source, (*at, "$ref"), message, hint=hint)


def _circles(subject: Subject, start: Node, done: set[int]) -> Iterator[list[Node]]:
    """Circles that are reached from a schema and that no search before has found."""
    path: list[Node] = []
    on_path: dict[int, int] = {}
    pending: list[tuple[Node, bool]] = [(start, True)]
    while pending:
        node, enters = pending.pop()
        if not enters:
            done.add(id(path.pop()))
            del on_path[id(node)]
        elif id(node) in on_path:
            yield path[on_path[id(node)] :]
        elif id(node) not in done:
            on_path[id(node)] = len(path)
            path.append(node)
            pending.append((node, False))
            pending += [(each, True) for each in _same_value(subject, node)]


def _same_value(subject: Subject, node: Node) -> Iterator[Node]:
    """The schemas that a schema asks for the same value."""
    joined = [each for keyword in ("allOf", "anyOf", "oneOf") for each in items(node, keyword)]
    for schema in [subject.follow(node.get("$ref")), *joined]:
        if isinstance(schema, dict):
            yield schema


def _name(subject: Subject, ref: str) -> str:
    """A reference of the bundle as the file would have it."""
    if (origin := subject.origins.get(ref)) is None:
        return f"`{ref}`"
    fragment = f"#{encode(origin.pointer)}" if origin.pointer else ""
    if origin.path == subject.source.path:
        return f"`{fragment or '#'}`"
    address = Path(os.path.relpath(origin.path, subject.source.path.parent)).as_posix()
    return f"`{address}{fragment}`"
