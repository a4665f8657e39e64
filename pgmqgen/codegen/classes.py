"""The classes of a module in the making: each with a name of its own, those of others as stubs."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pgmqgen.codegen.shapes import ANY, Shape, class_of, class_ref, iterate
from pgmqgen.schema.names import BUILTIN_TYPES, RESERVED_TYPES


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


class Classes:
    """The names of a module.

    by_name: the shape of each class; imports: the module and the name of each stub's class
    bases: what each name was before it got a number
    """

    def __init__(self, taken: frozenset[str]) -> None:
        self.by_name: dict[str, Shape] = {}
        self.imports: dict[str, tuple[tuple[str, ...], str]] = {}
        self.bases: dict[str, str] = {}
        self._taken = {*taken, *RESERVED_TYPES, *BUILTIN_TYPES}
        self._settled: dict[tuple[str, str], str] = {}  # names by base and shape
        self._last: dict[str, int] = {}  # number of the last name made from a base

    def reserve(self, name: str) -> None:
        """Give this name to no other class."""
        self._taken.add(name)

    def add(self, base: str) -> str:
        """Name a class, whose shape is to come: `base`, or that with a number."""
        name = self.name(base)
        self.by_name[name] = ANY
        return name

    def settle(self, name: str, shape: Shape) -> str:
        """Give a class its shape, or leave it for one of the same base and shape; return its name."""
        base = self.bases[name]
        settled = self._settled.setdefault((base, json.dumps(shape)), name)
        if settled == name:
            self.by_name[name] = shape
            return name
        del self.by_name[name], self.bases[name]
        self._taken.remove(name)
        self._last[base] -= 1
        return settled

    def name(self, base: str) -> str:
        """Give out a name: `base`, or that with a number."""
        name, number = base, self._last.get(base, 1)
        while name in self._taken:
            number += 1
            name = f"{base}{number}"
        self._last[base] = number
        self._taken.add(name)
        self.bases[name] = base
        return name

    def include(self, external: External) -> Shape:
        """The shape of another module's definition, in terms of stubs of its classes."""
        shape: Shape = copy.deepcopy(external.shape)
        for part in iterate([shape]):
            if name := class_of(part):
                part |= class_ref(self._find_stub(external, name))
        return shape

    def include_as(self, name: str, external: External) -> Shape:
        """Include a definition and, if it is a class, call that `name`."""
        self.reserve(name)
        if not (original := class_of(external.shape)):
            return self.include(external)
        self._add_stub(name, external, original)
        return class_ref(name)

    def _find_stub(self, external: External, original: str) -> str:
        place = external.place_of(original)
        known = next((own for own, found in self.imports.items() if found == place), None)
        return known or self._add_stub(self.add(place[1]), external, original)

    def _add_stub(self, name: str, external: External, original: str) -> str:
        self.imports[name] = external.place_of(original)
        self.by_name[name] = _stub(external.classes[original])
        return name


def _stub(shape: Shape) -> Shape:
    """What a union must know of a class: its tags."""
    tags = {key: value for key, value in shape["properties"].items() if "enum" in value}
    required = [key for key in shape["required"] if key in tags]
    base = {key: value for key, value in shape.items() if key == "customBasePath"}
    return {"type": "object", "properties": tags, "required": required, **base}
