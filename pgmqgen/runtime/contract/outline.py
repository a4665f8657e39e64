"""Validators that take each union (`oneOf`, `anyOf`) of a schema as one error, without its branches.

jsonschema-rs would list the errors of all branches of a union, within them those of the unions
below, and so on: for a tree, twice as many with each level. Branches are validated one by one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Protocol
from urllib.parse import quote

import jsonschema_rs
from jsonschema_rs import ValidationError, ValidationErrorKind

from pgmqgen.runtime.contract.branches import name_branches, place_name
from pgmqgen.runtime.contract.parts import UNIONS, find, find_unions, parts
from pgmqgen.runtime.contract.tags import Tags, find_tags
from pgmqgen.runtime.json_text import escape

_ROOT = "urn:pgmqgen:schema"


class Compile(Protocol):
    """Compiles a schema with the options of a contract, and more."""

    def __call__(self, schema: Any, **more: Any) -> jsonschema_rs.Validator: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """A `oneOf` or `anyOf`: where it is in the schema, and what its branches are called."""

    keyword: str
    pointer: str
    names: tuple[str, ...]
    tags: Tags

    def has_name(self, at: int) -> bool:
        """Whether a branch has a name, or is called by its place."""
        return self.names[at] != place_name(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contained:
    """What a `contains` asks of an array: how many items of which name, and how many there are."""

    name: str | None
    least: int
    most: int | None
    found: int


class Outline:
    """A schema in which unions are closed: what is in a branch is asked for."""

    def __init__(self, schema: Any, compile_schema: Compile) -> None:
        self._schema = schema
        self._compile = compile_schema
        self._unions: dict[str, Union | None] = {}
        self._validators: dict[tuple[str, ...], jsonschema_rs.Validator] = {}

    @cached_property
    def root(self) -> jsonschema_rs.Validator:
        whole = {"$ref": f"{_ROOT}#"}
        try:
            self._validator(whole)  # what is in branches is compiled as well
            return self._validator(whole, keywords=self._keywords)
        except ValidationError:  # it refers to a meta-schema, or has numbers like Decimal("0.50")
            return self._compile(self._schema)

    def union(self, error: ValidationError) -> Union | None:
        """The union that an error is about, if it is about one."""
        if not isinstance(error.kind, ValidationErrorKind.Custom):
            return None
        return self._unions.get(pointer_of(error.schema_path))

    def branch(self, union: Union, at: int) -> jsonschema_rs.Validator:
        """A branch of a union, the unions within closed."""
        return self._validator(_branches(union)[at], keywords=self._keywords)

    def admits(self, union: Union, value: Any) -> bool:
        """The verdict of a union."""
        return self._validator({union.keyword: _branches(union)}).is_valid(value)

    def matches(self, union: Union, value: Any) -> list[int]:
        """The branches of a union that a value matches."""
        branches = _branches(union)
        if not self._validator({"anyOf": branches}).is_valid(value):
            return []
        return [at for at, branch in enumerate(branches) if self._validator(branch).is_valid(value)]

    def contained(self, error: ValidationError) -> Contained | None:
        """What a `contains` asks, if an error is about one, and the schema tells."""
        path = error.schema_path[:-1]
        schema = find(self._schema, path)
        is_contains = isinstance(error.kind, ValidationErrorKind.Contains)
        if not (is_contains and isinstance(schema, dict) and "contains" in schema):
            return None
        items = error.instance if isinstance(error.instance, list) else []
        (name,) = name_branches(self._schema, [schema["contains"]], Tags((), ()))
        most = schema.get("maxContains")
        validator = self._validator({"$ref": _address(f"{pointer_of(path)}/contains")})
        return Contained(
            name=None if name == place_name(0) else name,
            least=int(schema.get("minContains", 1)),
            most=None if most is None else int(most),
            found=sum(map(validator.is_valid, items)),
        )

    def missing(self, error: ValidationError) -> list[str]:
        """The properties that the schema of an error declares, and the object does not have."""
        schema = find(self._schema, error.schema_path[:-1])
        present = error.instance if isinstance(error.instance, dict) else {}
        declared = chain.from_iterable(p.get("properties", {}) for p in parts(self._schema, schema))
        return [name for name in declared if name not in present]

    def _validator(self, schema: dict[str, Any], **more: Any) -> jsonschema_rs.Validator:
        """A validator of branches, compiled once."""
        key = (_text(schema), *more)
        if key not in self._validators:
            self._validators[key] = self._compile(schema, registry=self._registry, **more)
        return self._validators[key]

    @cached_property
    def _registry(self) -> jsonschema_rs.Registry:
        return jsonschema_rs.Registry([(_ROOT, self._schema)])

    @cached_property
    def _keywords(self) -> dict[str, type[jsonschema_rs.KeywordValidator]]:
        return {name: self._keyword(name) for name in UNIONS}

    def _keyword(self, name: str) -> type[jsonschema_rs.KeywordValidator]:
        outline = self

        class Closed:
            """The verdict of a union, and no more."""

            def __init__(
                self, parent: dict[str, Any], branches: Any, path: list[str | int]
            ) -> None:
                self._union = outline._close(name, branches, parent.get("required", ()))
                outline._register(pointer_of(path), self._union)

            def validate(self, value: Any) -> None:
                if not outline.admits(self._union, value):
                    wanted = "one" if name == "oneOf" else "at least one"
                    of = len(self._union.names)
                    raise ValueError(f"expected {wanted} of {of} branches to match")

        return Closed

    def _close(self, keyword: str, given: list[Any], required: Iterable[str]) -> Union:
        pointer, branches = self._written[_text(given)]
        tags = find_tags(self._schema, branches, required)
        names = name_branches(self._schema, branches, tags)
        return Union(keyword=keyword, pointer=pointer, names=names, tags=tags)

    def _register(self, path: str, union: Union) -> None:
        """Remember the union that errors of some path are about: None if it may be another one."""
        known = self._unions.setdefault(path, union)
        if known != union:
            self._unions[path] = None

    @cached_property
    def _written(self) -> dict[str, tuple[str, list[Any]]]:
        """Where unions are, and their branches with properties in order, by their text.

        Their paths do not tell: under another `$id` they begin there, and for `unevaluated...`
        jsonschema-rs leaves references out of them. Unions of one text mean the same.
        """
        return {_text(found[1]): found for found in find_unions(self._schema)}


def _branches(union: Union) -> list[dict[str, Any]]:
    return [{"$ref": _address(f"{union.pointer}/{at}")} for at in range(len(union.names))]


def _address(pointer: str) -> str:
    return f"{_ROOT}#{quote(pointer)}"


def _text(schema: Any) -> str:
    return json.dumps(schema, sort_keys=True, default=str)


def pointer_of(path: Any) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join(f"/{escape(step)}" for step in path)
