"""Reduces a bundled JSON Schema to the shapes that Python types can say.

The verdict on a message is JSON Schema's; a model only gives a valid message its type. So every
rule that a type cannot keep exactly is dropped here, and a model accepts all that its schema does:
constraints go, `allOf` becomes one object, unions of tagged objects get their discriminator.
What is left are classes (in `$defs`, under their final names), literals, lists, unions and scalars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgmqgen.codegen.classes import Classes, External, rename
from pgmqgen.codegen.shaper import Shaper
from pgmqgen.codegen.shapes import Shape, reach
from pgmqgen.codegen.unions import (
    discriminate,
    find_ambiguous,
    harden,
    make_room,
    put_literals_first,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """The shapes of a bundled schema.

    shapes: those asked for, by reference; classes: by name, those of other modules as stubs
    imports: the module of each stub, and the name that its class has there
    unions: names of shapes that are unions with classes, by reference
    bases: what each name was before it got a number
    """

    shapes: Mapping[str, Shape]
    classes: dict[str, Shape]
    imports: Mapping[str, tuple[tuple[str, ...], str]]
    unions: Mapping[str, str]
    bases: Mapping[str, str]


def normalise(
    schema: dict[str, Any] | bool,
    names: Mapping[str, str],
    *,
    others: Mapping[str, str] | None = None,
    taken: frozenset[str] = frozenset(),
    externals: Mapping[str, External] | None = None,
) -> Normal:
    """Return the shapes of parts of a bundled schema.

    names: the parts, by reference (`#`: the whole), each with the name that its class gets
    where it has no title; others: more of them, named last; taken: names that no class may have
    """
    classes = Classes(taken)
    shaper = Shaper(schema, classes, externals or {})
    shaper.name_definitions(names)
    shapes = {
        ref: shaper.payload(name) if ref == "#" else shaper.definition(ref, name)
        for ref, name in names.items()
    }
    shaper.finish()
    classes.name_late()
    shaper.name_definitions(others or {})
    shapes |= {ref: shaper.definition(ref, name) for ref, name in (others or {}).items()}
    shaper.finish()
    everything = [*shapes.values(), *classes.by_name.values()]
    last = classes.finish()
    rename(everything, last)
    discriminate(everything, classes.by_name)
    make_room(everything, classes.by_name)
    ambiguous = [*find_ambiguous(everything, classes.by_name)]
    for union in ambiguous:
        put_literals_first(union, classes.by_name)
    is_shared = "#" not in names  # unions of other modules may lead to its classes
    harden(everything if is_shared else ambiguous, classes.by_name)
    unions = {
        ref: last[name]
        for ref, name in shaper.unions.items()
        if "anyOf" in shapes[ref] and reach([shapes[ref]], classes.by_name)
    }
    return Normal(
        shapes=shapes,
        classes=classes.by_name,
        imports=classes.imports,
        unions=unions,
        bases=classes.bases,
    )
