"""Schemas -> drafts: what the models of each module are made from, before any Python is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pgmqgen.codegen.classes import External
from pgmqgen.codegen.normalise import normalise
from pgmqgen.codegen.shapes import Shape, class_of, reach
from pgmqgen.errors import GenerateError

Imports: TypeAlias = Mapping[str, tuple[tuple[str, ...], str]]
"""Names of stubs in a module, each with the module and the name that it stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A module of models before it is Python; it holds nothing that JSON has not.

    classes: by name; types: further names, each with its shape; imports: of other modules
    module: where below the generated package it is to be; payload: the queue's type, if it has one
    """

    classes: Mapping[str, Shape] = field(default_factory=dict)
    types: Mapping[str, Shape] = field(default_factory=dict)
    imports: Imports = field(default_factory=dict)
    module: tuple[str, ...] = ()
    payload: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """A module of shared models.

    externals: what other modules may import, by the reference that it was asked for with
    names: names of the module's own classes and unions, by such references
    bases: what each name was before it got a number
    """

    draft: Draft
    externals: Mapping[str, External]
    names: Mapping[str, str]
    bases: Mapping[str, str]


def draft_models(
    schema: dict[str, Any] | bool,
    payload: str,
    *,
    taken: frozenset[str] = frozenset(),
    externals: Mapping[str, External] | None = None,
    module: tuple[str, ...] = ("queue", "models"),
) -> Draft:
    """Draft a module that defines the type `payload`, and no name that is `taken`.

    externals: definitions of other modules, by reference; module: where below the generated
    package it is to be
    """
    with refuse_deep(module):
        normal = normalise(schema, {"#": payload}, taken=taken, externals=externals)
        types = {payload: normal.shapes["#"]}
        return Draft(
            classes=reach(types.values(), normal.classes),
            types=types,
            imports=normal.imports,
            module=module,
            payload=payload,
        )


def draft_definitions(
    schema: dict[str, Any],
    definitions: Mapping[str, str],
    others: Mapping[str, str],
    *,
    wanted: Collection[str],
    externals: Mapping[str, External],
    module: tuple[str, ...],
    place: tuple[str, ...],
) -> Definitions:
    """Draft a module of what stands at some references, each with a name for want of a title.

    The classes of `definitions` get their names before all others. Those that `wanted` does not
    lead to are left out. `place` is the module as other modules are relative to it.
    """
    with refuse_deep(module):
        try:
            normal = normalise(schema, definitions, others=others, externals=externals)
        except RecursionError:  # in what nobody wants, maybe
            names = {ref: name for ref, name in {**definitions, **others}.items() if ref in wanted}
            normal = normalise(schema, names, externals=externals)
        kept = reach([normal.shapes[ref] for ref in wanted], normal.classes)
    draft = Draft(
        classes=kept,
        types={name: normal.shapes[ref] for ref, name in normal.unions.items() if ref in wanted},
        imports={own: place for own, place in normal.imports.items() if own in kept},
        module=place,
    )
    found = {
        ref: External(module=module, shape=shape, classes=normal.classes, imports=normal.imports)
        for ref, shape in normal.shapes.items()
    }
    named = {ref: class_of(shape) for ref, shape in normal.shapes.items()}
    named = {ref: name for ref, name in named.items() if name and name not in normal.imports}
    return Definitions(
        draft=draft, externals=found, names={**named, **normal.unions}, bases=normal.bases
    )


@contextmanager
def refuse_deep(module: tuple[str, ...]) -> Iterator[None]:
    """Say which module's types nest deeper than Python's stack. Raises GenerateError."""
    try:
        yield
    except RecursionError as error:
        message = f"the types of `{'.'.join(module)}` nest too deep: too many references in a row"
        hint = "let fewer definitions do nothing but hold another one, in a list or a union"
        raise GenerateError(message, hint=hint) from error
