"""Schema -> shape: what is left of a schema when all is dropped that Python types cannot say."""

from __future__ import annotations

import copy
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pgmqgen.codegen.class_names import branch_name, class_name
from pgmqgen.codegen.classes import Classes, External
from pgmqgen.codegen.flatten import ANNOTATIONS, SHAPING, Flattener, is_shaping, last_step, types_of
from pgmqgen.codegen.literals import literal
from pgmqgen.codegen.merge import merge
from pgmqgen.codegen.shapes import (
    ANY,
    DECIMAL,
    EXTRA,
    NUMBER,
    Shape,
    class_ref,
    class_shape,
    iterate,
    tuple_of,
)
from pgmqgen.codegen.unions import join

_FORMATS = {"date": "Date", "date-time": "DateTime", "time": "Time", "uuid": "Uuid"}
"""Formats that have a type in pgmqgen.runtime.formats; all others stay text."""

_LARGEST = 5000
"""Parts of a type without a name: beyond, it is not said, since types of types grow like powers."""


class Shaper:
    """Shapes the parts of one bundled schema, and adds the classes that they need.

    externals: definitions that other modules have, by reference
    """

    def __init__(
        self,
        schema: dict[str, Any] | bool,
        classes: Classes,
        externals: Mapping[str, External],
    ) -> None:
        self._schema = schema
        self._classes = classes
        self._externals = externals
        self._flattener = Flattener(schema)
        self.unions: dict[str, str] = {}  # names of definitions that are unions
        self._links: dict[str, str] = {}  # names of the classes that references lead to
        self._shapes: dict[str, Shape] = {}  # of the references that lead to no class
        self._open: list[str] = []  # references whose targets are being shaped
        self._met: set[str] = set()  # those of them that were met again
        self._owner = ""  # the class that is being shaped
        self._is_deferring = False  # whether classes wait for the shape of the reference around
        self._pending: deque[tuple[str, Shape]] = deque()

    def payload(self, name: str) -> Shape:
        """The shape of the whole schema; its class is called `name`, title or not."""
        if "#" in self._externals:
            return self._classes.include_as(name, self._externals["#"])
        flat = self._flattener.flatten(self._schema)
        if not self._flattener.is_class(flat):
            self._classes.reserve(name)
            return self._referenced_shape("#", self._schema, name)
        self._links["#"] = self._classes.add(name)
        self._classes.by_name[name] = self._class(name, flat)
        return class_ref(name)

    def name_definitions(self, names: Mapping[str, str]) -> None:
        """Name the classes and unions among definitions, before what is inside of any of them."""
        for ref, name in names.items():
            target = True if ref == "#" else self._flattener.resolve(ref)
            if self._link_of(target) is not None:
                continue
            flat = self._flattener.flatten(target)
            if self._flattener.is_class(flat):
                self.definition(ref, name)
            elif self._flattener.is_union(flat):
                self.unions[ref] = self._classes.name(_definition_name(ref, flat) or name)

    def definition(self, ref: str, name: str) -> Shape:
        """The shape of what a reference leads to; without a title, its class is called `name`."""
        return self._reference(ref, name)

    def finish(self) -> None:
        """Shape the classes that were only named so far."""
        while self._pending:
            name, flat = self._pending.popleft()
            self._classes.by_name[name] = self._class(name, flat)

    def _shape(self, schema: Any, name: str) -> Shape:
        """The shape of a schema; a class made for it is called `name` unless it has a title."""
        if not isinstance(schema, dict):
            return ANY
        if (ref := self._flattener.plain_ref(schema)) is not None:
            return _describe(self._reference(ref, name), schema)
        flat, inlined = self._flattener.trace(schema)
        if (again := self._find_open(inlined)) is not None:
            return self._reference(again, name)
        with self._opened(inlined, defer=self._is_deferring and not inlined):
            return _describe(self._flat_shape(flat, name), schema)

    def _flat_shape(self, flat: Shape, name: str) -> Shape:
        for keyword in ("oneOf", "anyOf"):
            if keyword in flat:
                return self._union(flat, keyword, name)
        if "const" in flat or "enum" in flat:
            return literal(flat)
        types = types_of(flat)
        if len(types) > 1:
            return join([self._flat_shape({**flat, "type": kind}, name) for kind in types])
        return self._typed_shape(types[0] if types else "", flat, name)

    def _typed_shape(self, kind: str, flat: Shape, name: str) -> Shape:
        match kind:
            case "object":
                return self._object(flat, name)
            case "" if self._flattener.is_class(flat):
                return self._object(flat, name)
            case "array":
                return self._array(flat, name)
            case "number" if flat.get("format") == "decimal":
                return DECIMAL
            case "number":
                return NUMBER
            case "string" if flat.get("format") in _FORMATS:
                custom = f"pgmqgen.runtime.formats.{_FORMATS[flat['format']]}"
                return {"type": "string", "customTypePath": custom}
            case "string" | "integer" | "boolean" | "null":
                return {"type": kind}
            case _:
                return ANY

    def _array(self, flat: Shape, name: str) -> Shape:
        first, rest = self._flattener.items_of(flat)
        first = first[: flat.get("maxItems")]
        shapes = [self._shape(each, f"{name}Item") for each in first]
        closed = rest is False or len(first) == flat.get("maxItems")
        if closed and shapes and len(shapes) <= flat.get("minItems", 0):
            return tuple_of(shapes)
        if not closed or not shapes:
            shapes.append(self._shape(rest, f"{name}Item"))
        return {"type": "array", "items": join(shapes)}

    def _object(self, flat: Shape, name: str) -> Shape:
        if not self._flattener.is_class(flat):
            return {"type": "object", "additionalProperties": self._values(flat, name) or True}
        own = self._classes.add(class_name(flat.get("title")) or name, self._owner)
        if self._is_deferring:
            self._pending.append((own, flat))
            return class_ref(own)
        return class_ref(self._classes.settle(own, self._class(own, flat)))

    def _values(self, flat: Shape, name: str) -> Shape:
        """What any property of an object may be that declares none."""
        patterns = flat.get("patternProperties", {}).values()
        values = [*patterns, flat.get("additionalProperties", True)]
        shapes = [self._shape(value, name) for value in values if value is not False]
        return join(shapes) if shapes else ANY

    def _class(self, own: str, flat: Shape) -> Shape:
        outside, self._owner = self._owner, own
        try:
            return self._owned_class(flat, self._classes.bases[own])
        finally:
            self._owner = outside

    def _owned_class(self, flat: Shape, name: str) -> Shape:
        required = [key for key in flat.get("required", ()) if isinstance(key, str)]
        properties: dict[str, Any] = {
            key: self._shape(value, class_name(key) or f"{name}Value")
            for key, value in flat.get("properties", {}).items()
            if value is not False and _keeps_its_name(key)
        }
        for key in filter(_keeps_its_name, required):
            properties.setdefault(key, ANY)
        closed = (
            flat.get("additionalProperties") is False
            and "patternProperties" not in flat
            and all(map(_keeps_its_name, flat["properties"]))
        )
        own = [key for key in properties if key in required]
        are_all_named = EXTRA not in properties and all(map(_keeps_its_name, flat["properties"]))
        if are_all_named and (values := self._values(flat, f"{name}Value")) != ANY:
            properties[EXTRA] = {"type": "object", "additionalProperties": values}
            own.append(EXTRA)
        shape = class_shape(properties, own, closed=closed, loose=not types_of(flat))
        return _describe(shape, flat)

    def _union(self, flat: Shape, keyword: str, name: str) -> Shape:
        base = {key: value for key, value in flat.items() if key not in ("oneOf", "anyOf")}
        branches = flat[keyword]
        if not any(is_shaping(branch) for branch in branches):
            return self._flat_shape(base, name)
        return join([self._branch(base, branch, name) for branch in branches])

    def _branch(self, base: Shape, branch: Any, name: str) -> Shape:
        own = branch_name(branch) or name
        rest = {key for key in base.keys() & SHAPING if key != "type"}
        if not rest and (
            "type" not in base or types_of(self._flattener.flatten(branch)) == types_of(base)
        ):
            return self._shape(branch, own)
        flat, inlined = self._flattener.trace(branch)
        if self._find_open(inlined) is not None:
            return self._flat_shape(base, name)
        untitled = {key: value for key, value in base.items() if key not in ANNOTATIONS}
        own = (class_name(last_step(inlined[0])) if inlined else None) or own
        with self._opened(inlined, defer=self._is_deferring):
            return self._flat_shape(merge(untitled, flat), own)

    def _reference(self, ref: str, name: str) -> Shape:
        if ref in self._links:
            return class_ref(self._links[ref])
        if ref in self._externals:
            return self._classes.include(self._externals[ref])
        if ref in self._shapes:
            return copy.deepcopy(self._shapes[ref])  # as shapes are edited where they stand
        target = self._flattener.resolve(ref)
        if self._link_of(target) is None and self._flattener.is_class(
            flat := self._flattener.flatten(target)
        ):
            return self._referenced_class(ref, flat, name)
        if self._find_open([ref]):
            return ANY  # a type that holds itself without a class between
        return self._referenced_shape(ref, target, class_name(last_step(ref)) or name)

    def _referenced_shape(self, ref: str, target: Any, name: str) -> Shape:
        outside, self._met = self._met, set()
        owner, self._owner = self._owner, ""
        with self._opened([ref], defer=self._is_deferring or not self._open):
            shape = self._shape(target, name)
        self._owner = owner
        if sum(1 for _ in iterate([shape])) > _LARGEST:
            shape = ANY
        if not self._met:  # else it is cut off where it met something around it
            self._shapes[ref] = copy.deepcopy(shape)
        self._met |= outside
        return shape

    def _referenced_class(self, ref: str, flat: Shape, name: str) -> Shape:
        self._links[ref] = own = self._classes.add(_definition_name(ref, flat) or name)
        self._pending.append((own, flat))  # not at once: a chain may be long
        return class_ref(own)

    @contextmanager
    def _opened(self, refs: list[str], *, defer: bool) -> Iterator[None]:
        """Know what is being shaped.

        defer: name classes now and shape them when the reference around has its shape, since they
        may lead back to it. Not where several schemas went into one: that may be new each time.
        """
        outside, self._is_deferring = self._is_deferring, defer
        self._open += refs
        try:
            yield
        finally:
            self._is_deferring = outside
            del self._open[len(self._open) - len(refs) :]
            self._met.intersection_update(self._open)

    def _find_open(self, refs: list[str]) -> str | None:
        found = next((ref for ref in refs if ref in self._open), None)
        self._met |= {found} if found else set()
        return found

    def _link_of(self, target: Any) -> str | None:
        """Where a definition leads that does nothing but lead to another."""
        return self._flattener.plain_ref(target) if isinstance(target, dict) else None


def _definition_name(ref: str, flat: Shape) -> str | None:
    return class_name(flat.get("title")) or class_name(last_step(ref))


def _describe(shape: Shape, schema: Shape) -> Shape:
    description = schema.get("description")
    lines = description.strip().splitlines() if isinstance(description, str) else []
    if schema.get("deprecated") is True:
        lines = ["Deprecated.", *([""] if lines else []), *lines]
    if not lines or "description" in shape:
        return shape
    return {**shape, "description": "\n".join(line.rstrip() for line in lines)}


def _keeps_its_name(key: str) -> bool:
    """Whether Python reads this name as it is written; others stay untyped extras."""
    return unicodedata.normalize("NFKC", key) == key
