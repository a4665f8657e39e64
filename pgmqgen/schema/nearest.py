"""What a reference that leads nowhere was probably meant to lead to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pgmqgen.schema.pointers import encode
from pgmqgen.schema.resources import Resource

T = TypeVar("T")
_MANY = 1000
"""So many names are compared; a name that is exactly the same is found among more."""
_FEW = 6
"""So many definitions are listed where none has a name that is close."""


class DeadEnd(LookupError):
    """A reference leads to nothing. `suggest` says what may have been meant, if it can tell."""

    def __init__(self, message: str, suggest: Callable[[], str | None]) -> None:
        super().__init__(message)
        self.suggest = suggest


def suggest_definition(resource: Resource, address: str, fragment: str) -> str | None:
    """A hint that names a definition of a resource; `address` is how it is referred to."""
    if meant := _definition(resource, fragment):
        return _hint(f"{address}{meant}")
    if 0 < len(resource.definitions) <= _FEW:
        names = ", ".join(f"`{name}`" for name in resource.definitions)
        return f"`{resource.source.label}` defines {names}"
    return None


def suggest_file(path: Path, files: Iterable[Path], referrer: Resource) -> str | None:
    """A hint that names a file, or a definition of the file that refers to `path`."""
    is_bare_name = not path.suffix and path.parent == referrer.source.path.parent
    if is_bare_name and (meant := _definition(referrer, path.name)):
        return _hint(meant)
    by_name: dict[str, Path] = {}
    for file in sorted(files, key=lambda file: file.parent != path.parent):
        by_name.setdefault(file.stem, file)
    if found := find_nearest(path.stem, by_name):
        return _hint(Path(os.path.relpath(found, referrer.source.path.parent)).as_posix())
    return None


def find_nearest(name: str, known: Mapping[str, T]) -> T | None:
    """What is known by this name, else by the one that is closest, if any is close."""
    if name in known:
        return known[name]
    lowered = {each.lower(): each for each in reversed([*known][:_MANY])}
    close = get_close_matches(name.lower(), lowered, n=1)
    return known[lowered[close[0]]] if close else None


def _definition(resource: Resource, fragment: str) -> str | None:
    name = fragment.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    if pointer := find_nearest(name, resource.definitions):
        return f"#{encode(pointer[len(resource.pointer) :])}"
    anchor = find_nearest(name, {each: each for each in resource.anchors})
    return anchor and f"#{anchor}"


def _hint(reference: str) -> str:
    return f"did you mean `{reference}`?"
