"""What tells the branches of a union (`oneOf`, `anyOf`) apart: the values that they demand.

A tag is a property, perhaps one of an object within, for which branches demand different values. It
is read from the schema alone; what cannot be read, such as a reference elsewhere, tells nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import islice
from typing import Any

from pgmqgen.runtime.contract.parts import MOST_STEPS, UNIONS, parts

_LONGEST_PATH = 3
_MOST_PROPERTIES = 500
"""How many properties of a branch are looked at, those of objects within included."""

Path = tuple[str, ...]
"""The names that lead to a property: `("meta", "type")`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a branch demands of a property: that it is one of some scalars, or none of them.

    negated: whether it must be none of them
    required: whether it must be there
    """

    values: tuple[Any, ...]
    negated: bool = False
    required: bool = False

    def admits(self, value: Any) -> bool:
        return is_among(value, self.values) != self.negated

    def __and__(self, other: Choice) -> Choice:
        """Both demands; if nothing meets both, the first."""
        required = self.required or other.required
        if self.negated and other.negated:
            return Choice((*self.values, *other.values), negated=True, required=required)
        first, second = (other, self) if self.negated else (self, other)
        left = tuple(value for value in first.values if second.admits(value))
        return Choice(left or first.values, required=required)


@dataclass(frozen=True, slots=True)
class Tag:
    """A property that tells branches apart, and what each branch demands of it, by its index.

    A branch that demands nothing of it has no choice.
    """

    path: Path
    choices: Mapping[int, Choice]

    def values(self, branches: Iterable[int]) -> list[Any]:
        """The values that some branches have for it."""
        choices = (self.choices.get(at) for at in branches)
        return unique(
            value
            for choice in choices
            if choice is not None and not choice.negated
            for value in choice.values
        )

    def fitting(self, branches: Sequence[int], payload: dict[str, Any]) -> list[int]:
        """Those of some branches that an object may mean: that name its value, or else admit it.

        None fits if the value is refused by all, or is missing and required by all.
        """
        found = look_up(payload, self.path)
        choices = {at: self.choices.get(at) for at in branches}
        if not found:
            needed = found is not None and all(each and each.required for each in choices.values())
            return [] if needed else list(branches)
        admitting = [at for at, each in choices.items() if each and each.admits(found[0])]
        naming = [at for at in admitting if not self.choices[at].negated]
        return naming or admitting or [at for at, each in choices.items() if each is None]

    @property
    def is_open(self) -> bool:
        """Whether a branch takes all values but some."""
        return any(choice.negated for choice in self.choices.values())


@dataclass(frozen=True, slots=True)
class Tags:
    """All that tells the branches of a union apart for objects.

    objects: the indices of the branches that admit objects
    tags: what tells most comes first
    """

    objects: tuple[int, ...]
    tags: tuple[Tag, ...]

    def meant(self, payload: dict[str, Any]) -> tuple[list[int], Tag | None]:
        """The branches that an object may mean, and the tag that all of these refuse, if any.

        What a tag leaves is told apart by the next one.
        """
        left = list(self.objects)
        for tag in self.tags:
            fitting = tag.fitting(left, payload)
            if not fitting:
                return left, tag
            left = fitting
        return left, None


def find_tags(root: Any, branches: Sequence[Any], required: Iterable[str]) -> Tags:
    """The properties that tell branches apart.

    required: what the schema around the union requires
    """
    tables = [_choices(root, branch, frozenset(required), 0) for branch in branches]
    objects = tuple(at for at, table in enumerate(tables) if table is not None)
    by_path: dict[Path, dict[int, Choice]] = {}
    for at in objects:
        for path, choice in (tables[at] or {}).items():
            by_path.setdefault(path, {})[at] = choice
    tags = [Tag(path, choices) for path, choices in by_path.items() if _differ(choices.values())]
    return Tags(objects, tuple(sorted(tags, key=lambda tag: _weakness(tag, len(objects)))))


def look_up(value: Any, path: Path) -> tuple[Any, ...] | None:
    """The value at the end of a path alone, nothing if it is missing, None if it cannot be there."""
    for name in path:
        if not isinstance(value, dict):
            return None
        if name not in value:
            return ()
        value = value[name]
    return (value,)


def is_among(value: Any, options: Iterable[Any]) -> bool:
    """Whether a value is one of some scalars, as JSON compares them: `true` is not 1."""
    return any(
        value == option and isinstance(value, bool) == isinstance(option, bool)
        for option in options
    )


def unique(values: Iterable[Any]) -> list[Any]:
    """Values in order, each once."""
    return list({_key(value): value for value in values}.values())


def _key(value: Any) -> Any:
    return isinstance(value, bool), repr(value) if isinstance(value, (dict, list)) else value


def _differ(choices: Iterable[Choice]) -> bool:
    return len({(frozenset(map(_key, each.values)), each.negated) for each in choices}) > 1


def _weakness(tag: Tag, objects: int) -> tuple[int, bool, int, int]:
    """The weaker, the fewer branches have values of their own, and the more values there are."""
    named = [set(map(_key, each.values)) for each in tag.choices.values() if not each.negated]
    counts = Counter(key for keys in named for key in keys)
    told = sum(all(counts[key] == 1 for key in keys) for keys in named)
    optional = sum(each.required for each in tag.choices.values()) < objects
    return -told, optional, len(tag.path), len(counts)


def _choices(
    root: Any, schema: Any, required: frozenset[str], depth: int
) -> dict[Path, Choice] | None:
    """What a branch demands of properties; None if it admits no objects."""
    of_branch = list(parts(root, schema))
    if not all(map(_admits_objects, of_branch)):
        return None
    required = required.union(*(part.get("required", ()) for part in of_branch))
    found: dict[Path, Choice] = {}
    for path, choice in islice(_properties(root, of_branch, required), _MOST_PROPERTIES):
        if choice is not None:
            found[path] = choice
    for part in of_branch:
        for keyword in UNIONS:
            if depth < MOST_STEPS and (branches := part.get(keyword)):
                for path, choice in _choices_of_union(root, branches, required, depth).items():
                    found[path] = found[path] & choice if path in found else choice
    return found


def _choices_of_union(
    root: Any, branches: Sequence[Any], required: frozenset[str], depth: int
) -> dict[Path, Choice]:
    """What all branches of a union name values for."""
    tables = [_choices(root, branch, required, depth + 1) for branch in branches]
    of_objects = [table for table in tables if table is not None]
    found: dict[Path, Choice] = {}
    for path in of_objects[0] if of_objects else ():
        choices = [table[path] for table in of_objects if path in table]
        if len(choices) == len(of_objects) and not any(each.negated for each in choices):
            values = unique(value for each in choices for value in each.values)
            found[path] = Choice(tuple(values), required=all(each.required for each in choices))
    return found


def _properties(
    root: Any, of_object: list[dict[str, Any]], required: frozenset[str]
) -> Iterator[tuple[Path, Choice | None]]:
    """The properties of an object, then those of the objects that it requires."""
    start: Path = ()
    pending = deque([(start, of_object, required)])
    while pending:
        above, of_object, required = pending.popleft()
        required = required.union(*(part.get("required", ()) for part in of_object))
        for name, of_property in _by_name(root, of_object).items():
            path = (*above, name)
            yield path, _choice(of_property, required=name in required)
            if name in required and len(path) < _LONGEST_PATH:
                pending.append((path, of_property, frozenset()))


def _by_name(root: Any, of_object: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for part in of_object:
        for name, schema in part.get("properties", {}).items():
            found.setdefault(name, []).extend(parts(root, schema))
    return found


def _choice(of_property: Iterable[dict[str, Any]], *, required: bool) -> Choice | None:
    found = [choice for part in of_property for choice in _demands(part)]
    return replace(reduce(Choice.__and__, found), required=required) if found else None


def _demands(part: dict[str, Any]) -> Iterator[Choice]:
    opposite = part.get("not")
    if values := _scalars(part):
        yield Choice(values)
    if isinstance(opposite, dict) and len(opposite) == 1 and (values := _scalars(opposite)):
        yield Choice(values, negated=True)


def _scalars(part: dict[str, Any]) -> tuple[Any, ...]:
    """The values of a `const` or `enum`, nothing if they are not scalars all."""
    values = (part["const"],) if "const" in part else tuple(part.get("enum", ()))
    return () if any(isinstance(value, (dict, list)) for value in values) else values


def _admits_objects(part: dict[str, Any]) -> bool:
    types = part.get("type", "object")
    if "const" in part or "enum" in part:
        return any(isinstance(value, dict) for value in [part.get("const"), *part.get("enum", ())])
    return "object" in ([types] if isinstance(types, str) else types)
