"""Why a payload is invalid: the errors of its schema, as violations.

Of a union (`oneOf`, `anyOf`) that refuses a value, they say what is wrong with the branch that was
meant: the one whose tag the value has, or else the closest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from jsonschema_rs import ValidationError, ValidationErrorKind

from pgmqgen.errors import Violation
from pgmqgen.runtime.branches import Tag
from pgmqgen.runtime.outline import Outline, Union, pointer_of
from pgmqgen.runtime.wording import either, expected, listed, shorten, type_name

MOST_VIOLATIONS = 100
"""How many violations of a payload are told."""
_DEEPEST = 32
"""How many unions within unions are looked into."""
_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the payload, and in which branches of unions, the innermost first."""

    pointer: str = ""
    branches: tuple[str, ...] = ()
    depth: int = 0

    def at(self, path: Iterable[str | int]) -> _Place:
        return replace(self, pointer=self.pointer + pointer_of(path))

    def within(self, *branch: str) -> _Place:
        return replace(self, branches=(*branch, *self.branches), depth=self.depth + 1)

    def violation(self, keyword: str, message: str) -> Violation:
        named = " of ".join(self.branches[:_MOST_NAMES])
        suffix = f" (in {named})" if named else ""
        return Violation(self.pointer, keyword, shorten(message) + suffix)


def explain(outline: Outline, value: Any) -> list[Violation]:
    """What is wrong with a value that a schema refuses: at least one violation, and not too many."""
    violations = _explain(outline, outline.root.iter_errors(value), _Place())
    found = list(dict.fromkeys(islice(violations, MOST_VIOLATIONS)))
    return found or [Violation("", "schema", "the schema refuses this value")]


def _explain(
    outline: Outline, errors: Iterable[ValidationError], place: _Place
) -> Iterator[Violation]:
    for error in errors:
        here = place.at(error.instance_path)
        union = outline.union(error)
        if union is None:
            yield here.violation(error.kind.name, error.message)
        else:
            yield from _explain_union(outline, union, error.instance, here)


def _explain_union(
    outline: Outline, union: Union, value: Any, place: _Place
) -> Iterator[Violation]:
    branches = range(len(union.names))
    if matched := outline.matches(union, value):
        names = listed([union.names[at] for at in matched])
        message = f"expected one of {len(branches)} branches to match, got {names}"
        yield place.violation(union.keyword, message)
    elif place.depth >= _DEEPEST:
        yield place.violation(union.keyword, f"matches none of {listed(union.names)}")
    elif union.tag is not None and isinstance(value, dict):
        yield from _explain_tagged(outline, union, union.tag, value, place)
    else:
        yield from _explain_closest(outline, union, branches, value, place)


def _explain_tagged(
    outline: Outline, union: Union, tag: Tag, value: dict[str, Any], place: _Place
) -> Iterator[Violation]:
    if tag.name not in value:
        message = f"property `{tag.name}` is missing: {expected(tag.all_values)}"
        yield place.violation(union.keyword, message)
        return
    got = value[tag.name]
    meant = tag.branches(got)
    if not meant:
        there = place.at([tag.name])
        yield there.violation(union.keyword, expected(tag.all_values, got))
    elif len(meant) == 1:
        yield from _explain_branch(outline, union, meant[0], value, place)
    else:
        yield from _explain_closest(outline, union, meant, value, place)


def _explain_closest(
    outline: Outline, union: Union, branches: Sequence[int], value: Any, place: _Place
) -> Iterator[Violation]:
    errors = {at: _errors(outline, union, at, value) for at in branches}
    refused = {at: _refused_for_type(outline, errors[at], value) for at in branches}
    fitting = [at for at in branches if not refused[at]]
    options = [_options(errors[at]) for at in fitting or branches]
    if all(options):
        yield place.violation(union.keyword, expected(list(chain(*options)), value))
    elif not fitting:
        message = f"expected {either(chain(*refused.values()))}, got {type_name(value)}"
        yield place.violation(union.keyword, message)
    else:
        closest = min(fitting, key=lambda at: _distance(errors[at]))
        note = f", the closest of {len(branches)} branches" if len(fitting) > 1 else ""
        yield from _explain_branch(outline, union, closest, value, place, note)


def _explain_branch(
    outline: Outline, union: Union, at: int, value: Any, place: _Place, note: str = ""
) -> Iterator[Violation]:
    branch = f"{listed([union.names[at]])}{note}"
    told = False
    # That a string is one of the strings goes without saying.
    inside = place.within() if branch == f"`{type_name(value)}`" else place.within(branch)
    for violation in _explain(outline, outline.branch(union, at).iter_errors(value), inside):
        told = True
        yield violation
    if not told:
        yield place.violation(union.keyword, f"does not match {branch}")


def _errors(outline: Outline, union: Union, at: int, value: Any) -> list[ValidationError]:
    return list(islice(outline.branch(union, at).iter_errors(value), MOST_VIOLATIONS))


def _refused_for_type(outline: Outline, errors: Sequence[ValidationError], value: Any) -> list[str]:
    """The types that a branch admits, if it refuses a value for its type."""
    for error in errors:
        if not error.instance_path and (types := _expected_types(outline, error, value)):
            return types
    return []


def _expected_types(outline: Outline, error: ValidationError, value: Any) -> list[str]:
    match error.kind:
        case ValidationErrorKind.Type(types):
            return list(types)
        case ValidationErrorKind.Constant() | ValidationErrorKind.Enum():
            types = [type_name(option) for option in _options([error])]
            return [] if type_name(value) in types else types
    if (union := outline.union(error)) is None:
        return []
    branches = [_errors(outline, union, at, value) for at in range(len(union.names))]
    each = [_refused_for_type(outline, errors, value) for errors in branches]
    return list(chain(*each)) if all(each) else []


def _options(errors: Sequence[ValidationError]) -> list[Any]:
    """The values that a branch admits, if it refuses a value only for not being one of them."""
    if len(errors) != 1 or errors[0].instance_path:
        return []
    match errors[0].kind:
        case ValidationErrorKind.Constant(value):
            return [value]
        case ValidationErrorKind.Enum(values):
            return list(values)
    return []


def _distance(errors: Sequence[ValidationError]) -> tuple[int, int]:
    """How far a value is from a branch: many errors, and near the top, are far."""
    return len(errors) or MOST_VIOLATIONS, -max((len(e.instance_path) for e in errors), default=0)
