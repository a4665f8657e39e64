"""Reduces a bundled JSON Schema to the shapes that Python types can say.

The verdict on a message is JSON Schema's; a model only gives a valid message its type. So every
rule that a type cannot keep exactly is dropped here, and a model accepts all that its schema does:
constraints go, `allOf` becomes one object, unions of tagged objects get their discriminator.
What is left are classes (in `$defs`, under their final names), literals, lists, unions and scalars.
"""

from __future__ import annotations

import copy
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pgmqgen.codegen.flatten import SHAPING, Flattener, is_shaping, last_step, types_of
from pgmqgen.codegen.merge import merge
from pgmqgen.codegen.unions import (
    ANY,
    DECIMAL,
    NUMBER,
    Shape,
    discriminate,
    find_ambiguous,
    harden,
    iterate,
    join,
    literal,
    make_room,
    stub,
)
from pgmqgen.schema.names import BUILTIN_TYPES, RESERVED_TYPES, pascal_case

_FORMATS = {"date": "Date", "date-time": "DateTime", "uuid": "Uuid"}
"""Formats that have a type in pgmqgen.runtime.formats; all others stay text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """A definition whose classes another module has.

    module: its path below the generated package; shape: normalised; classes: all of the module's
    imports: the classes that it has from further modules, as in Normal
    """

    module: tuple[str, ...]
    shape: Shape
    classes: Mapping[str, Shape]
    imports: Mapping[str, tuple[tuple[str, ...], str]]

    def place_of(self, name: str) -> tuple[tuple[str, ...], str]:
        """The module that defines a class, and the class's name there."""
        return self.imports.get(name, (self.module, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """The shapes of a bundled schema.

    shapes: those asked for, by reference; classes: by name, those of other modules as stubs
    imports: the module of each stub, and the name that its class has there
    """

    shapes: Mapping[str, Shape]
    classes: dict[str, Shape]
    imports: Mapping[str, tuple[tuple[str, ...], str]]


def normalise(
    schema: dict[str, Any] | bool,
    names: Mapping[str, str],
    *,
    taken: frozenset[str] = frozenset(),
    externals: Mapping[str, External] | None = None,
) -> Normal:
    """Return the shapes of parts of a bundled schema.

    names: the parts, by reference (`#`: the whole), each with the name that its class gets
    where it has no title; taken: names that no other class may have
    """
    return _Normaliser(schema, taken, externals or {}).run(names)


class _Normaliser:
    def __init__(
        self,
        schema: dict[str, Any] | bool,
        taken: frozenset[str],
        externals: Mapping[str, External],
    ) -> None:
        self._schema = schema
        self._taken = taken | RESERVED_TYPES | BUILTIN_TYPES
        self._externals = externals
        self._flattener = Flattener(schema)
        self._classes: dict[str, Shape] = {}
        self._imports: dict[str, tuple[tuple[str, ...], str]] = {}
        self._links: dict[str, str] = {}
        self._open: list[str] = []  # references whose targets are being shaped
        self._pending: deque[tuple[str, Shape]] = deque()

    def run(self, names: Mapping[str, str]) -> Normal:
        shapes = {ref: self._root(ref, name) for ref, name in names.items()}
        self._fill()
        everything = [*shapes.values(), *self._classes.values()]
        discriminate(everything, self._classes)
        make_room(everything, self._classes)
        is_shared = "#" not in names  # unions of other modules may lead to its classes
        harden(
            everything if is_shared else find_ambiguous(everything, self._classes), self._classes
        )
        return Normal(shapes=shapes, classes=self._classes, imports=self._imports)

    def _root(self, ref: str, name: str) -> Shape:
        if ref == "#":
            return self._payload(name)
        return self._reference(ref, name)

    def _payload(self, name: str) -> Shape:
        """The shape of the whole schema; its class is called `name`, title or not."""
        if "#" in self._externals:
            return self._import(self._externals["#"], payload=name)
        self._taken |= {name}
        flat = self._flattener.flatten(self._schema)
        if not self._flattener.is_class(flat):
            return self._shape(self._schema, name)
        self._links["#"] = f"#/$defs/{name}"
        self._classes[name] = ANY  # the first of all
        self._classes[name] = self._class(flat, name)
        return {"$ref": self._links["#"]}

    def _import(self, external: External, payload: str = "") -> Shape:
        """The shape of another module's definition, in terms of stubs of its classes."""
        shape: Shape = copy.deepcopy(external.shape)
        if payload and (name := class_of(shape)):
            self._imports[payload] = external.place_of(name)
            self._classes[payload] = stub(external.classes[name])
            return {"$ref": f"#/$defs/{payload}"}
        self._taken |= {payload}
        for part in iterate([shape]):
            if name := class_of(part):
                part["$ref"] = f"#/$defs/{self._stub(external, name)}"
        return shape

    def _stub(self, external: External, name: str) -> str:
        place = external.place_of(name)
        known = next((own for own, found in self._imports.items() if found == place), None)
        if known is None:
            known = self._free_name(name)
            self._imports[known] = place
            self._classes[known] = stub(external.classes[name])
        return known

    def _shape(self, schema: Any, name: str) -> Shape:
        """The shape of a schema; a class made for it is called `name` unless it has a title."""
        if not isinstance(schema, dict):
            return ANY
        if (ref := self._flattener.plain_ref(schema)) is not None:
            return self._describe(self._reference(ref, name), schema)
        flat, inlined = self._flattener.trace(schema)
        if (again := self._find_open(inlined)) is not None:
            return self._reference(again, name)
        with self._opened(inlined):
            return self._describe(self._flat_shape(flat, name), schema)

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
                return {"type": "array", "items": self._items(flat, name)}
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

    def _items(self, flat: Shape, name: str) -> Shape:
        items = flat.get("items", True)
        if "prefixItems" in flat or isinstance(items, list):
            return ANY
        return self._shape(items, f"{name}Item")

    def _object(self, flat: Shape, name: str) -> Shape:
        if not self._flattener.is_class(flat):
            values = ANY if "patternProperties" in flat else flat.get("additionalProperties", True)
            return {"type": "object", "additionalProperties": self._shape(values, name) or True}
        own = self._free_name(_class_name(flat.get("title")) or name)
        self._classes[own] = ANY  # taken from now on
        self._classes[own] = self._class(flat, own)
        return {"$ref": f"#/$defs/{own}"}

    def _class(self, flat: Shape, name: str) -> Shape:
        required = [key for key in flat.get("required", ()) if isinstance(key, str)]
        properties: dict[str, Any] = {
            key: self._shape(value, _class_name(key) or f"{name}Value")
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
        shape: Shape = {
            "type": "object",
            "properties": properties,
            "required": [key for key in properties if key in required],
            "additionalProperties": not closed,
        }
        if not types_of(flat):
            shape["customBasePath"] = "pgmqgen.runtime.models.LooseModel"
        return self._describe(shape, flat)

    def _union(self, flat: Shape, keyword: str, name: str) -> Shape:
        base = {key: value for key, value in flat.items() if key not in ("oneOf", "anyOf")}
        branches = flat[keyword]
        if not any(is_shaping(branch) for branch in branches):
            return self._flat_shape(base, name)
        return join([self._branch(base, branch, name) for branch in branches])

    def _branch(self, base: Shape, branch: Any, name: str) -> Shape:
        own = _branch_name(branch) or name
        rest = {key for key in base.keys() & SHAPING if key != "type"}
        if not rest and (
            "type" not in base or types_of(self._flattener.flatten(branch)) == types_of(base)
        ):
            return self._shape(branch, own)
        flat, inlined = self._flattener.trace(branch)
        if self._find_open(inlined) is not None:
            return self._flat_shape(base, name)
        untitled = {
            key: value for key, value in base.items() if key not in ("title", "description")
        }
        own = (_class_name(last_step(inlined[0])) if inlined else None) or own
        with self._opened(inlined):
            return self._flat_shape(merge(untitled, flat), own)

    def _reference(self, ref: str, name: str) -> Shape:
        if ref in self._links:
            return {"$ref": self._links[ref]}
        if ref in self._externals:
            return self._import(self._externals[ref])
        target = self._flattener.resolve(ref)
        if ref not in self._open and (further := self._link_of(target)) is not None:
            with self._opened([ref]):
                return self._describe(self._reference(further, name), target)
        flat = self._flattener.flatten(target)
        if self._flattener.is_class(flat):
            return self._referenced_class(ref, flat, name)
        if ref in self._open:
            return ANY  # a type that holds itself without a class between
        with self._opened([ref]):
            return self._shape(target, name)

    def _referenced_class(self, ref: str, flat: Shape, name: str) -> Shape:
        base = _class_name(flat.get("title")) or _class_name(last_step(ref)) or name
        own = self._free_name(base)
        self._links[ref] = f"#/$defs/{own}"
        self._classes[own] = ANY  # taken from now on, also by references from inside
        self._pending.append((own, flat))  # not at once: a chain may be long
        return {"$ref": self._links[ref]}

    def _fill(self) -> None:
        while self._pending:
            name, flat = self._pending.popleft()
            self._classes[name] = self._class(flat, name)

    @contextmanager
    def _opened(self, refs: list[str]) -> Iterator[None]:
        self._open += refs
        try:
            yield
        finally:
            del self._open[len(self._open) - len(refs) :]

    def _find_open(self, refs: list[str]) -> str | None:
        return next((ref for ref in refs if ref in self._open), None)

    def _link_of(self, target: Any) -> str | None:
        """Where a definition leads that does nothing but lead to another."""
        return self._flattener.plain_ref(target) if isinstance(target, dict) else None

    def _free_name(self, base: str) -> str:
        taken = self._taken | self._classes.keys()
        names = [base, *(f"{base}{number}" for number in range(2, len(taken) + 3))]
        return next(name for name in names if name not in taken)

    def _describe(self, shape: Shape, schema: Shape) -> Shape:
        description = schema.get("description")
        if not isinstance(description, str) or not description.strip() or "description" in shape:
            return shape
        lines = (line.rstrip() for line in description.strip().splitlines())
        return {**shape, "description": "\n".join(lines)}


def class_of(shape: Shape) -> str:
    """Name of the class that a shape is, `""` if it is none."""
    ref = shape.get("$ref")
    return last_step(ref) if isinstance(ref, str) else ""


def _keeps_its_name(key: str) -> bool:
    """Whether Python reads this name as it is written; others stay untyped extras."""
    return unicodedata.normalize("NFKC", key) == key


def _class_name(text: Any) -> str | None:
    if not isinstance(text, str):
        return None
    text = unicodedata.normalize("NFKC", text)
    name = text if text.isidentifier() and text[0].isupper() else pascal_case(text)
    return name or None


def _branch_name(branch: Any) -> str | None:
    """The name that a tag gives its branch: `OrderPaid` for `type: order_paid`."""
    properties = branch.get("properties") if isinstance(branch, dict) else None
    for value in properties.values() if isinstance(properties, dict) else ():
        if isinstance(value, dict) and isinstance(value.get("const"), str):
            return _class_name(value["const"])
    return None
