"""The classes of a module in the making: each with a name of its own, those of others as stubs."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

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
    """The classes of a module, and the names that they have until all are known.

    by_name: the shape of each class; imports: the module and the name of each stub's class
    bases: what each name was before it got a number
    """

    def __init__(self, taken: frozenset[str]) -> None:
        self.by_name: dict[str, Shape] = {}
        self.imports: dict[str, tuple[tuple[str, ...], str]] = {}
        self.bases: dict[str, str] = {}
        self._reserved = {*taken, *RESERVED_TYPES, *BUILTIN_TYPES}
        self._owners: dict[str, str] = {}  # of what is written inside of a class, "" for several
        self._ranks: dict[str, tuple[bool, bool]] = {}
        self._is_late = False
        self._settled: dict[tuple[str, str], str] = {}  # names by base and shape
        self._last: dict[str, int] = {}  # number of the last name made from a base

    def reserve(self, name: str) -> None:
        """Give this name to no other class."""
        self._reserved.add(name)

    def add(self, base: str, owner: str | None = None) -> str:
        """Name a class, whose shape is to come: `base`, or that with a number.

        owner: the class that it is written inside of, "" if none; None: it can be referred to
        """
        name = self.name(base)
        self.by_name[name] = ANY
        self._ranks[name] = (self._is_late, owner is not None)
        if owner is not None:
            self._owners[name] = owner
        return name

    def settle(self, name: str, shape: Shape) -> str:
        """Give a class its shape, or leave it for one of the same base and shape; return its name."""
        base = self.bases[name]
        settled = self._settled.setdefault((base, json.dumps(shape)), name)
        if settled == name:
            self.by_name[name] = shape
            return name
        if self._owners.get(settled) != self._owners[name]:
            self._owners[settled] = ""
        del self.by_name[name], self.bases[name], self._owners[name]
        self._last[base] -= 1
        return settled

    def name(self, base: str) -> str:
        """Give out a name: `base`, or that with a number."""
        name, number = base, self._last.get(base, 1)
        while name in self.bases or name in self._reserved:
            number += 1
            name = f"{base}{number}"
        self._last[base] = number
        self.bases[name] = base
        self._ranks[name] = (self._is_late, False)
        return name

    def name_late(self) -> None:
        """Leave the better names to the classes so far."""
        self._is_late = True

    def finish(self) -> dict[str, str]:
        """The last name of each class: what could be referred to keeps its own.

        What is written inside of others, and would have the name of something in another one, is
        also called after what it is in: `BillingAddress` and `ShippingAddress`.
        """
        homes = {own: self._find_home(own) for own in self._owners}
        pairs = {(self.bases[own], home) for own, home in homes.items()}
        counts = Counter(base for base, _ in pairs)
        last, named = {name: name for name in self.by_name}, Classes(frozenset(self._reserved))
        for _, group in groupby(sorted(self.bases, key=self._rank), key=self._rank):
            taken = {*named.bases, *self._reserved}
            for own in group:
                base, home = self.bases[own], last.get(homes.get(own, ""), "")
                is_plain = (counts[base] < 2 and base not in taken) or base.startswith(home)
                last[own] = named.name(base if is_plain else f"{home}{base}")
        self.by_name = {last[own]: shape for own, shape in self.by_name.items()}
        self.imports = {last[own]: place for own, place in self.imports.items()}
        self.bases = named.bases
        return last

    def _find_home(self, own: str) -> str:
        """The class that one is in, beyond those that are called alike; "" if none or several."""
        home = self._owners[own]
        while home in self._owners and self.bases[home] == self.bases[own]:
            home = self._owners[home]
        return home

    def _rank(self, own: str) -> tuple[bool, bool]:
        return self._ranks[own]

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


def rename(shapes: Iterable[Shape], names: Mapping[str, str]) -> None:
    """Refer to classes by other names."""
    parts = {id(part): part for part in iterate(shapes)}
    for part in parts.values():
        if name := class_of(part):
            part |= class_ref(names[name])


def _stub(shape: Shape) -> Shape:
    """What a union must know of a class: its tags."""
    tags = {key: value for key, value in shape["properties"].items() if "enum" in value}
    required = [key for key in shape["required"] if key in tags]
    base = {key: value for key, value in shape.items() if key == "customBasePath"}
    return {"type": "object", "properties": tags, "required": required, **base}
