"""Errors of a value that only follow from others of it, and so are not told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jsonschema_rs import ValidationError, ValidationErrorKind

from pgmqgen.runtime.contract.outline import Outline, pointer_of
from pgmqgen.runtime.contract.parts import UNIONS

_OWN = frozenset({
    "additionalItems", "additionalProperties", "items", "patternProperties", "prefixItems",
    "properties", "propertyNames",
})  # fmt: skip
"""Keywords that evaluate what they apply schemas to, also if it fails."""


def telling(outline: Outline, errors: Sequence[ValidationError]) -> list[ValidationError]:
    """Leave out the errors that follow from others of one value; there is at least one left.

    - What a tag of a union refuses or misses is refused by the `enum` around the union, too.
    - A schema that fails evaluates nothing. So beside a branch, a reference or an `allOf` that
      fails, `unevaluatedProperties` refuses also the properties that these would have allowed, and
      which are left once the fault is mended cannot be known. Beside other faults it tells what
      is true, and is told last. `unevaluatedItems` is the same for items.
    """
    if len(errors) == 1:
        return list(errors)
    tags = set(_refused_tags(outline, errors))
    plain = [error for error in errors if not _is_unevaluated(error)]
    first = [error for error in plain if outline.union(error) or _about(error) not in tags]
    last = [
        error
        for error in errors
        if _is_unevaluated(error) and not any(_may_cause(each, error) for each in plain)
    ]
    return first + last


def _refused_tags(outline: Outline, errors: Sequence[ValidationError]) -> Iterator[str]:
    for error in errors:
        union = outline.union(error)
        if union is not None and isinstance(error.instance, dict):
            _, tag = union.tags.meant(error.instance)
            if tag is not None:
                yield pointer_of([*error.instance_path, *tag.path])


def _about(error: ValidationError) -> str:
    """Where the value is that an error is about, or would be."""
    match error.kind:
        case ValidationErrorKind.Required(name):
            return pointer_of([*error.instance_path, name])
    return pointer_of(error.instance_path)


def _is_unevaluated(error: ValidationError) -> bool:
    kinds = (ValidationErrorKind.UnevaluatedItems, ValidationErrorKind.UnevaluatedProperties)
    return isinstance(error.kind, kinds)


def _may_cause(error: ValidationError, unevaluated: ValidationError) -> bool:
    """Whether an error is of a schema that would evaluate something if it did not fail.

    Of its two paths one goes through references, but errors of unions have only the other.
    """
    here = unevaluated.instance_path
    if error.instance_path[: len(here)] != here:
        return False
    paths = (
        (unevaluated.schema_path, error.schema_path),
        (unevaluated.evaluation_path, error.evaluation_path),
    )
    return not any(_is_beside(around[:-1], path) for around, path in paths)


def _is_beside(schema: Sequence[str | int], path: Sequence[str | int]) -> bool:
    """Whether a path is that of a keyword of a schema which applies no other to the same value."""
    steps = len(schema)
    if path[:steps] != schema:
        return False
    return path[steps] in _OWN or (len(path) == steps + 1 and path[steps] not in UNIONS)
