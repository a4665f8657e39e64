"""What the branches of a union (`oneOf`, `anyOf`) are called in messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pgmqgen.runtime.contract.parts import chain, parts, steps_of
from pgmqgen.runtime.contract.tags import Tag, Tags
from pgmqgen.runtime.contract.wording import show

_MOST_TAGS = 3
_MOST_VALUES = 2
_MOST_PROPERTIES = 3

Column = list[str | None]
"""A name of each branch."""


def name_branches(root: Any, branches: Sequence[Any], tags: Tags) -> tuple[str, ...]:
    """What to call each branch: its title, its definition, its tags, its type, what it requires.

    What several branches would be called names none of them; without a name it is called by its
    place.
    """
    chains = [list(chain(root, branch)) for branch in branches]
    columns: list[Column] = [
        [_first_text(chain, "title") for chain in chains],
        [_definition(chain) for chain in chains],
        *_columns_of_tags(tags.tags, len(branches)),
        [_first_text(chain, "type") for chain in chains],
        _column_of_required(root, branches),
    ]
    names = [place_name(at) for at in range(len(branches))]
    for column in reversed(columns):
        for at, name in enumerate(column):
            if name and column.count(name) == 1:
                names[at] = name
    return tuple(names)


def place_name(at: int) -> str:
    """What a branch is called that has no name."""
    return f"branch {at + 1}"


def _first_text(chain: Iterable[dict[str, Any]], keyword: str) -> str | None:
    texts = (part.get(keyword) for part in chain)
    return next((text for text in texts if isinstance(text, str)), None)


def _definition(chain: Iterable[dict[str, Any]]) -> str | None:
    reference = _first_text(chain, "$ref")
    return steps_of(reference)[-1] if reference and "#/" in reference else None


def _columns_of_tags(tags: Sequence[Tag], branches: int) -> list[Column]:
    """`kind: a`, then `kind: a, version: 2`."""
    columns: list[Column] = []
    for tag in tags[:_MOST_TAGS]:
        before = columns[-1] if columns else [None] * branches
        columns.append([_join(before[at], _label(tag, at)) for at in range(branches)])
    return columns


def _join(*labels: str | None) -> str | None:
    return ", ".join(filter(None, labels)) or None


def _label(tag: Tag, at: int) -> str | None:
    values = tag.values([at])
    more = ["..."] if len(values) > _MOST_VALUES else []
    shown = " or ".join([*map(show, values[:_MOST_VALUES]), *more])
    return f"{'.'.join(tag.path)}: {shown}" if values else None


def _column_of_required(root: Any, branches: Sequence[Any]) -> Column:
    """`{radius, unit}`: what a branch requires, but for what all require."""
    each = [
        dict.fromkeys(name for part in parts(root, branch) for name in part.get("required", ()))
        for branch in branches
    ]
    some = [set(names) for names in each if names]
    shared = set.intersection(*some) if len(some) > 1 else set()
    return [_braced([name for name in names if name not in shared]) for names in each]


def _braced(names: Sequence[str]) -> str | None:
    more = ["..."] if len(names) > _MOST_PROPERTIES else []
    return f"{{{', '.join([*names[:_MOST_PROPERTIES], *more])}}}" if names else None
