"""Finds fields that pydantic must not follow: it builds a class with all that its fields lead to.

Where they lead through too many classes, that would take more than Python's stack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pgmqgen.codegen.shapes import Shape, class_of, parts

_MAX_FRAMES = 250
"""A quarter of what the stack holds: a JSON Schema of the class takes twice as many."""
_PER_CLASS, _PER_LEVEL = 5, 6
"""Frames that pydantic takes for a class, and for each level of the type of its field; measured."""


def find_far(classes: Mapping[str, Shape]) -> dict[str, frozenset[str]]:
    """The classes that other classes must hold without building them, by those others."""
    depths = {name: dict(_targets(shape)) for name, shape in classes.items()}
    frames: dict[str, int] = {}
    far: dict[str, frozenset[str]] = {}
    for ring in reversed([*_rings(depths)]):  # what others lead to comes first
        costs = [_PER_CLASS + _PER_LEVEL * max(depths[name].values(), default=0) for name in ring]
        held, cost = (ring, max(costs)) if sum(costs) > _MAX_FRAMES else (frozenset(), sum(costs))
        targets = {target for name in ring for target in depths[name]} - ring
        held |= {target for target in targets if frames[target] + cost > _MAX_FRAMES}
        cost += max((frames[target] for target in targets - held), default=0)
        frames |= dict.fromkeys(ring, cost)
        far |= dict.fromkeys(ring, held) if held else {}
    return far


def _targets(shape: Shape) -> Iterator[tuple[str, int]]:
    """The classes in the fields of a class, each with how deep in the type of its field."""
    pending = [(field, 1) for field in shape["properties"].values()]
    while pending:
        part, depth = pending.pop(0)
        if name := class_of(part):
            yield name, depth
        pending += [(child, depth + 1) for child in parts(part)]


def _rings(links: Mapping[str, Collection[str]]) -> Iterator[frozenset[str]]:
    """Yield the sets of names that all lead to each other."""
    back: dict[str, list[str]] = {name: [] for name in links}
    for name, targets in links.items():
        for target in targets:
            back[target].append(name)
    seen: set[str] = set()
    order = [name for root in links for name in _visit(root, links, seen)]
    seen = set()
    for root in reversed(order):
        if root not in seen:
            yield frozenset(_visit(root, back, seen))


def _visit(root: str, links: Mapping[str, Collection[str]], seen: set[str]) -> Iterator[str]:
    """Yield what a name leads to and is not seen yet, each after all that it leads to itself."""
    path = [] if root in seen else [(root, iter(links[root]))]
    seen.add(root)
    while path:
        name, rest = path[-1]
        further = next((target for target in rest if target not in seen), None)
        if further is None:
            path.pop()
            yield name
        else:
            seen.add(further)
            path.append((further, iter(links[further])))
