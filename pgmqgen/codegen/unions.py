"""Unions of shapes: joined, and fit for pydantic, which would else take the wrong branch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pgmqgen.codegen.shapes import ANY, NUMBER, Shape, class_of, is_loose, iterate, reach

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
    widened = _join_literals([*_widen_literals(plain)])
    for branch in widened:
        if branch not in flat and not (branch == _INTEGER and NUMBER in widened):
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
    values = dict.fromkeys(value for branch in literals for value in branch["enum"])
    joined = {"enum": [*values]}
    others = [branch for branch in branches if branch is literals[0] or "enum" not in branch]
    return [joined if branch is literals[0] else branch for branch in others]


def _widen_literals(branches: list[Shape]) -> Iterator[Shape]:
    """Python takes True for 1: a literal of the one kind must not meet the other kind."""
    kinds = {kind for branch in branches for kind in _scalar_kinds(branch)}
    if not {bool, int} <= kinds:
        yield from branches
        return
    for branch in branches:
        yield from _widened(branch)


def _widened(branch: Shape) -> Iterator[Shape]:
    values = branch.get("enum", [])
    if texts := [value for value in values if isinstance(value, str)]:
        yield {"enum": texts}
    if any(type(value) is int for value in values):
        yield {"type": "integer"}
    if any(type(value) is bool for value in values):
        yield {"type": "boolean"}
    if "enum" not in branch:
        yield branch


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
        if isinstance(value, str)
    }
    return {"propertyName": tag, "mapping": mapping} if mapping else {"propertyName": tag}


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


def _container(branch: Shape, classes: Mapping[str, Shape]) -> str | None:
    if name := class_of(branch):
        return "any" if is_loose(classes[name]) else "object"
    return branch.get("type")


def _forbid_coercion(shape: Shape) -> None:
    kind, values = shape.get("type"), shape.get("enum", ())
    if kind in _STRICT and "customTypePath" not in shape:
        shape["customTypePath"] = f"pydantic.{_STRICT[kind]}"
    if any(not isinstance(value, str) for value in values):
        branches = [*_widened(shape)]
        for branch in branches:
            _forbid_coercion(branch)
        del shape["enum"]
        shape |= branches[0] if len(branches) == 1 else {"anyOf": branches}


def _shared_tags(members: list[Shape]) -> Iterator[str]:
    for tag in members[0]["required"]:
        values = [member["properties"].get(tag, ANY).get("enum", ()) for member in members]
        known = [value for enum in values for value in enum]
        required = all(tag in member["required"] for member in members)
        strict = not any(map(is_loose, members))
        distinct = all(values) and len(known) == len(set(known))
        texts = all(isinstance(value, str) for value in known)
        # datamodel-code-generator writes no list of numbers as a tag.
        numbers = all(type(value) is int for value in known) and len(known) == len(members)
        if required and strict and distinct and (texts or numbers) and tag.isidentifier():
            yield tag
