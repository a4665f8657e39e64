"""Unions of shapes: joined, and fit for pydantic, which would else take the wrong branch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pgmqgen.codegen.shapes import (
    ANY,
    NUMBER,
    Shape,
    class_of,
    is_loose,
    iterate,
    literal_of,
    reach,
)

_STRICT = {"boolean": "StrictBool", "integer": "StrictInt"}
_BOOLEAN: Shape = {"type": "boolean"}
_INTEGER: Shape = {"type": "integer"}


def join(shapes: list[Shape]) -> Shape:
    """The union of shapes, without nesting and duplicates."""
    branches = [branch for shape in shapes for branch in _branches(shape)]
    plain = [{key: branch[key] for key in branch if key != "description"} for branch in branches]
    if ANY in plain:
        return ANY
    flat: list[Shape] = []
    joined = _join_literals(plain)
    for branch in joined:
        if branch not in flat and not (branch == _INTEGER and NUMBER in joined):
            flat.append(branch)
    flat.sort(key=_BOOLEAN.__eq__)  # last, for pydantic takes 1.0 for true where it may
    return flat[0] if len(flat) == 1 else {"anyOf": flat}


def _branches(shape: Shape) -> list[Shape]:
    if "anyOf" not in shape:
        return [shape]
    return [inner for branch in shape["anyOf"] for inner in _branches(branch)]


def _join_literals(branches: list[Shape]) -> list[Shape]:
    """One literal of the values of all, where the first of them stood."""
    literals = [branch for branch in branches if "enum" in branch]
    if len(literals) < 2:
        return branches
    joined = literal_of(value for branch in literals for value in branch["enum"])
    others = [branch for branch in branches if branch is literals[0] or "enum" not in branch]
    return [joined if branch is literals[0] else branch for branch in others]


def _scalar_kinds(branch: Shape) -> Iterator[type]:
    yield from map(type, branch.get("enum", ()))
    if branch.get("type") in ("integer", "number"):
        yield int
    if branch.get("type") == "boolean":
        yield bool


def discriminate(shapes: Iterable[Shape], classes: Mapping[str, Shape]) -> None:
    """Name the tag of every union whose classes share one.

    They become a union of their own where there is something beside them that is no object.
    """
    for shape in iterate(shapes):
        branches = shape.get("anyOf", [])
        tagged = [branch for branch in branches if class_of(branch)]
        others = [branch for branch in branches if branch not in tagged]
        members = [classes[class_of(branch)] for branch in tagged]
        if len(members) < 2 or any(branch.get("type") == "object" for branch in others):
            continue
        if tag := next(_shared_tags(members), None):
            if others:
                place = branches.index(tagged[0])
                shape["anyOf"] = [*others[:place], {"anyOf": tagged}, *others[place:]]
            else:
                shape["discriminator"] = _discriminator(tag, branches, members)


def _discriminator(tag: str, branches: Sequence[Shape], members: Sequence[Shape]) -> Shape:
    """How datamodel-code-generator is told of a tag: without a mapping, it keeps only one value."""
    mapping = {
        value: branch["$ref"]
        for branch, member in zip(branches, members, strict=True)
        for value in member["properties"][tag]["enum"]
    }
    return {"propertyName": tag, "mapping": mapping}


def make_room(shapes: Iterable[Shape], classes: Mapping[str, Shape]) -> None:
    """Widen what stands beside a class that takes any value, for it would write it: true as 1."""
    for part in iterate(shapes):
        branches = part.get("anyOf", [])
        if "any" not in (_container(branch, classes) for branch in branches):
            continue
        listed = [
            {"type": "array", "items": ANY} if each.get("type") == "array" else each
            for each in branches
        ]
        if any(kind is int for branch in branches for kind in _scalar_kinds(branch)):
            listed.append(_BOOLEAN)
        part.update(join(listed))


def harden(shapes: Iterable[Shape], classes: Mapping[str, Shape]) -> None:
    """Forbid coercion in some shapes, and in the classes that they lead to.

    Where a union has no tag, pydantic tries branches that are not the right one, and would take
    "1" for 1 and true for 1 there.
    """
    roots = [*shapes]
    for part in iterate([*roots, *reach(roots, classes).values()]):
        _forbid_coercion(part)


def find_ambiguous(shapes: Iterable[Shape], classes: Mapping[str, Shape]) -> Iterator[Shape]:
    """Yield the unions of which two branches may take the same object or list."""
    for part in iterate(shapes):
        kinds = [_container(branch, classes) for branch in part.get("anyOf", ())]
        doubtful = any(kinds.count(kind) > 1 for kind in ("object", "array")) or "any" in kinds
        if doubtful and "discriminator" not in part:
            yield part


def put_literals_first(union: Shape, classes: Mapping[str, Shape]) -> None:
    """Sort the classes of a union: of two that take a value, pydantic chooses the first.

    One with a literal comes before another that takes any text there: what is for all others.
    """
    branches = union["anyOf"]
    places = [place for place, branch in enumerate(branches) if class_of(branch)]
    members = [branches[place] for place in places]
    members.sort(key=lambda branch: -_count_literals(classes[class_of(branch)]))
    for place, member in zip(places, members, strict=True):
        branches[place] = member


def _count_literals(member: Shape) -> int:
    return sum("enum" in member["properties"][name] for name in member["required"])


def _container(branch: Shape, classes: Mapping[str, Shape]) -> str | None:
    if name := class_of(branch):
        return "any" if is_loose(classes[name]) else "object"
    return branch.get("type")


def _forbid_coercion(shape: Shape) -> None:
    kind = shape.get("type")
    if kind in _STRICT and "customTypePath" not in shape:
        shape["customTypePath"] = f"pydantic.{_STRICT[kind]}"


def _shared_tags(members: list[Shape]) -> Iterator[str]:
    for tag in members[0]["required"]:
        values = [member["properties"].get(tag, ANY).get("enum", ()) for member in members]
        known = [value for enum in values for value in enum]
        required = all(tag in member["required"] for member in members)
        strict = not any(map(is_loose, members))
        distinct = all(values) and len(known) == len(set(known))
        texts = all(isinstance(value, str) for value in known)  # pydantic's tags take True for 1
        if required and strict and distinct and texts and tag.isidentifier():
            yield tag
