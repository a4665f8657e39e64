"""Why a payload is invalid: the errors of its schema, as violations.

Of a union (`oneOf`, `anyOf`) that refuses a value, they say what is wrong with the branch that was
meant: the one whose tag the value has, or else the closest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationError, ValidationErrorKind

from pgmqgen.errors import Violation
from pgmqgen.runtime.contract.consequences import telling
from pgmqgen.runtime.contract.outline import Contained, Outline, Union, pointer_of
from pgmqgen.runtime.contract.tags import Tag, look_up
from pgmqgen.runtime.contract.wording import (
    Suggestions,
    counted,
    either,
    expected,
    listed,
    shorten,
    type_name,
)

MOST_VIOLATIONS = 100
"""How many violations of a payload are told."""
_DEEPEST = 32
"""How many unions within unions are looked into."""
_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class _Branch:
    """A branch of a union that a value is in, and how sure that is.

    name: empty if it goes without saying
    is_named: whether the name says more than which branch it is
    """

    name: str
    note: str = ""
    is_named: bool = True


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the payload, and in which branches of unions, the innermost first."""

    pointer: str = ""
    branches: tuple[_Branch, ...] = ()
    suggestions: Suggestions = field(default_factory=Suggestions)

    def at(self, path: Iterable[str | int]) -> _Place:
        return replace(self, pointer=self.pointer + pointer_of(path))

    def within(self, branch: _Branch) -> _Place:
        return replace(self, branches=(branch, *self.branches))

    def violation(self, keyword: str, message: str) -> Violation:
        shown = self._shown
        guess = next((branch for branch in shown if branch.note), None)
        names = [listed([each.name]) + (each.note if each is guess else "") for each in shown]
        suffix = f" (in {' of '.join(names)})" if names else ""
        return Violation(self.pointer, keyword, shorten(message) + suffix)

    @property
    def _shown(self) -> list[_Branch]:
        """The branches that say something: each name once, for the pointer tells how deep it is."""
        named = [branch for branch in self.branches if branch.is_named]
        innermost = [each for each in self.branches[:1] if each.note or (each.name and not named)]
        by_name: dict[str, _Branch] = {}
        for branch in innermost + named:
            by_name.setdefault(branch.name, branch)
        return list(by_name.values())[:_MOST_NAMES]


def explain(outline: Outline, value: Any) -> list[Violation]:
    """What is wrong with a value that a schema refuses: at least one violation, and not too many."""
    violations = _explain(outline, _errors(outline, outline.root, value), _Place())
    found = list(dict.fromkeys(islice(violations, MOST_VIOLATIONS)))
    return found or [Violation("", "schema", "the schema refuses this value")]


def _explain(
    outline: Outline, errors: Iterable[ValidationError], place: _Place
) -> Iterator[Violation]:
    for error in errors:
        here = place.at(error.instance_path)
        if union := outline.union(error):
            yield from _explain_union(outline, union, error.instance, here)
        elif contained := outline.contained(error):
            yield here.violation(str(error.schema_path[-1]), _shortfall(contained))
        else:
            yield here.violation(error.kind.name, _message(outline, error, here.suggestions))


def _message(outline: Outline, error: ValidationError, suggestions: Suggestions) -> str:
    """What jsonschema-rs says of an error, or the same without terms of JSON Schema."""
    match error.kind:
        case ValidationErrorKind.Constant() | ValidationErrorKind.Enum():
            options = _listed_values(error)
            if not any(isinstance(value, (dict, list)) for value in (*options, error.instance)):
                return expected(options, error.instance)
        case ValidationErrorKind.UnevaluatedItems():
            return error.message.replace("Unevaluated", "Additional", 1)
        case ValidationErrorKind.AdditionalProperties(
            unexpected
        ) | ValidationErrorKind.UnevaluatedProperties(unexpected):
            message = error.message.replace("Unevaluated", "Additional", 1)
            return message + suggestions.word(unexpected, outline.missing(error))
        case ValidationErrorKind.FalseSchema():
            return "no value is allowed here"
    return error.message


def _shortfall(contained: Contained) -> str:
    """How the items of an array that match a `contains` are too few, or too many."""
    if contained.most is not None and contained.found > contained.most:
        wanted, bound = "at most", contained.most
    else:
        wanted, bound = "at least", contained.least
    match = "matches" if bound == 1 else "match"
    name = f" {listed([contained.name])}" if contained.name else ""
    return f"expected {wanted} {counted(bound, 'item')} that {match}{name}, got {contained.found}"


def _explain_union(
    outline: Outline, union: Union, value: Any, place: _Place
) -> Iterator[Violation]:
    if matched := outline.matches(union, value):
        names = listed([union.names[at] for at in matched])
        message = f"expected one of {len(union.names)} branches to match, got {names}"
        yield place.violation(union.keyword, message)
    elif len(place.branches) >= _DEEPEST:
        yield place.violation(union.keyword, f"matches none of {listed(union.names)}")
    elif union.tags.tags and isinstance(value, dict):
        yield from _explain_tagged(outline, union, value, place)
    else:
        yield from _explain_closest(outline, union, range(len(union.names)), value, place)


def _explain_tagged(
    outline: Outline, union: Union, value: dict[str, Any], place: _Place
) -> Iterator[Violation]:
    meant, refusing = union.tags.meant(value)
    if len(meant) == 1:
        errors = _errors(outline, outline.branch(union, meant[0]), value)
        yield from _explain_branch(outline, union, meant[0], errors, value, place)
    elif refusing is not None and (options := refusing.values(meant)):
        yield _explain_tag(union, refusing, options, value, place)
    else:
        yield from _explain_closest(outline, union, meant, value, place)


def _explain_tag(
    union: Union, tag: Tag, options: Sequence[Any], value: dict[str, Any], place: _Place
) -> Violation:
    if got := look_up(value, tag.path):
        return place.at(tag.path).violation(union.keyword, expected(options, *got))
    other = " or another value" if tag.is_open else ""
    message = f"property `{'.'.join(tag.path)}` is missing: {expected(options)}{other}"
    return place.violation(union.keyword, message)


def _explain_closest(
    outline: Outline, union: Union, branches: Sequence[int], value: Any, place: _Place
) -> Iterator[Violation]:
    errors = {at: _errors(outline, outline.branch(union, at), value) for at in branches}
    branches = [at for at in branches if not _refuses_all(errors[at])] or branches
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
        shared = _shared(outline, [errors[at] for at in fitting])
        yield from _explain(outline, shared, place)
        rest = [error for error in errors[closest] if _text(error) not in map(_text, shared)]
        if rest or not shared:
            yield from _explain_branch(outline, union, closest, rest, value, place, note)


def _explain_branch(
    outline: Outline,
    union: Union,
    at: int,
    errors: Sequence[ValidationError],
    value: Any,
    place: _Place,
    note: str = "",
) -> Iterator[Violation]:
    branch = _Branch(union.names[at], note, union.has_name(at))
    if branch == _Branch(type_name(value)):  # that a string is one of the strings is plain
        branch = _Branch("", is_named=False)
    yield from _explain(outline, errors, place.within(branch))
    if not errors:
        name = listed([union.names[at]])
        yield place.violation(union.keyword, f"does not match {name}{note}")


def _refuses_all(errors: Sequence[ValidationError]) -> bool:
    """Whether a branch is `false`, which nobody can have meant."""
    return any(
        isinstance(error.kind, ValidationErrorKind.FalseSchema) and not error.instance_path
        for error in errors
    )


def _errors(
    outline: Outline, validator: jsonschema_rs.Validator, value: Any
) -> list[ValidationError]:
    return telling(outline, list(islice(validator.iter_errors(value), MOST_VIOLATIONS)))


def _shared(outline: Outline, each: Sequence[list[ValidationError]]) -> list[ValidationError]:
    """The errors that several branches have alike, so that the value is wrong whichever was meant."""
    first, *others = each
    texts = [set(map(_text, errors)) for errors in others]
    return [
        error
        for error in first
        if texts and outline.union(error) is None and all(_text(error) in own for own in texts)
    ]


def _text(error: ValidationError) -> tuple[str, str]:
    return pointer_of(error.instance_path), error.message


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
    validators = [outline.branch(union, at) for at in range(len(union.names))]
    each = [_refused_for_type(outline, _errors(outline, v, value), value) for v in validators]
    return list(chain(*each)) if all(each) else []


def _options(errors: Sequence[ValidationError]) -> list[Any]:
    """The values that a branch admits, if it refuses a value only for not being one of them."""
    return _listed_values(errors[0]) if len(errors) == 1 and not errors[0].instance_path else []


def _listed_values(error: ValidationError) -> list[Any]:
    """The values of the `const` or `enum` that an error is of, if it is of one."""
    match error.kind:
        case ValidationErrorKind.Constant(value):
            return [value]
        case ValidationErrorKind.Enum(values):
            return list(values)
    return []


def _distance(errors: Sequence[ValidationError]) -> tuple[int, int]:
    """How far a value is from a branch: many errors, and near the top, are far."""
    return len(errors) or MOST_VIOLATIONS, -max((len(e.instance_path) for e in errors), default=0)
