"""Validators that take each union (`oneOf`, `anyOf`) of a schema as one error, without its branches.

jsonschema-rs would list the errors of all branches of a union, within them those of the unions
below, and so on: for a tree, twice as many with each level. Branches are validated one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote

import jsonschema_rs
from jsonschema_rs import ValidationError, ValidationErrorKind

from pgmqgen.runtime.branches import UNIONS, Tag, find_tag, name_branches, resolve
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
    tag: Tag | None


class Outline:
    """A schema in which unions are closed: what is in a branch is asked for."""

    def __init__(self, schema: Any, compile_schema: Compile) -> None:
        self._schema = schema
        self._compile = compile_schema
        self._unions: dict[str, Union] = {}
        self._branches: dict[tuple[str, bool], jsonschema_rs.Validator] = {}

    @cached_property
    def root(self) -> jsonschema_rs.Validator:
        try:
            return self._compile(self._schema, keywords=self._keywords)
        except ValidationError:  # a union that is not where its path says, as under an inner `$id`
            return self._compile(self._schema)

    def union(self, error: ValidationError) -> Union | None:
        """The union that an error is about, if it is about one."""
        if not isinstance(error.kind, ValidationErrorKind.Custom):
            return None
        return self._unions[pointer_of(error.schema_path)]

    def branch(self, union: Union, at: int) -> jsonschema_rs.Validator:
        """A branch of a union, the unions within closed."""
        return self._branch(f"{union.pointer}/{at}", closed=True)

    def matches(self, union: Union, value: Any) -> list[int]:
        """The branches of a union that a value matches."""
        return [at for at in range(len(union.names)) if self._matches(union.pointer, at, value)]

    def _matches(self, pointer: str, at: int, value: Any) -> bool:
        return self._branch(f"{pointer}/{at}", closed=False).is_valid(value)

    def _branch(self, pointer: str, *, closed: bool) -> jsonschema_rs.Validator:
        found = self._branches.get((pointer, closed))
        if found is None:
            schema = {"$ref": f"{_ROOT}#{quote(pointer)}"}
            if "$schema" in self._schema:
                schema["$schema"] = self._schema["$schema"]
            more = {"keywords": self._keywords} if closed else {}
            found = self._compile(schema, registry=self._registry, **more)
            self._branches[pointer, closed] = found
        return found

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
                self._pointer = pointer_of(path)
                self._branches = branches
                outline._add(name, self._pointer, branches, parent)

            def validate(self, value: Any) -> None:
                count = sum(
                    outline._matches(self._pointer, at, value) for at in range(len(self._branches))
                )
                if count == 0 or (count > 1 and name == "oneOf"):
                    wanted = "one" if name == "oneOf" else "at least one"
                    of = len(self._branches)
                    raise ValueError(f"expected {wanted} of {of} branches to match, got {count}")

        return Closed

    def _add(self, keyword: str, pointer: str, branches: Any, parent: dict[str, Any]) -> None:
        if pointer in self._unions:
            return
        if resolve(self._schema, f"#{quote(pointer)}") != branches:
            raise LookupError(pointer)
        tag = find_tag(self._schema, branches, parent.get("required", ()))
        names = name_branches(self._schema, branches, tag)
        self._unions[pointer] = Union(keyword=keyword, pointer=pointer, names=names, tag=tag)


def pointer_of(path: Any) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join(f"/{escape(step)}" for step in path)
