"""Finds the definitions that files share: what one file declares and another refers to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgmqgen.schema.library import Library
from pgmqgen.schema.refs import Bundler, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSchemas:
    """What other files refer to in one file, or in several files that refer to each other.

    labels: the files by path, as diagnostics name them; schema: a bundle of `$defs`
    origins: where that stands which a reference leads to, by the reference
    """

    labels: Mapping[Path, str]
    schema: dict[str, Any]
    origins: Mapping[str, Origin]

    @property
    def roots(self) -> dict[str, Origin]:
        """What stands in these files; the rest of the bundle is there for it."""
        return {ref: place for ref, place in self.origins.items() if place.path in self.labels}


def find_shared(bundlers: Sequence[Bundler], library: Library) -> tuple[SharedSchemas, ...]:
    """Find what the files of some bundles share; what refers to another comes after it."""
    parts: set[Origin] = set()
    links: set[tuple[Path, Path]] = set()
    for bundler in bundlers:
        parts |= {place for place in bundler.origins.values() if place.path != bundler.source.path}
        links |= bundler.links
    groups = _group({place.path for place in parts}, links)
    return tuple(_share(group, parts, bundlers, library) for group in groups)


def _share(
    group: Sequence[Path], parts: Iterable[Origin], bundlers: Sequence[Bundler], library: Library
) -> SharedSchemas:
    wanted = sorted((place for place in parts if place.path in group), key=repr)
    # The classes must do for each queue: where formats do not count, a date may be any text.
    used = (each for each in bundlers if any(source.path in group for source in each.sources))
    loose = any(each.formats == "annotate" for each in used)
    bundler = Bundler(library.read(group[0]), library, "annotate" if loose else "assert")
    schema = bundler.bundle_parts(wanted)
    labels = {path: library.read(path).label for path in group}
    return SharedSchemas(labels=labels, schema=schema, origins=bundler.origins)


def _group(paths: Iterable[Path], links: Iterable[tuple[Path, Path]]) -> list[list[Path]]:
    """Put files together that reach each other, those that reach the fewest first."""
    reached = {path: _reach(path, links) for path in paths}
    groups: dict[frozenset[Path], list[Path]] = {}
    for path in sorted(reached, key=lambda path: (len(reached[path]), path)):
        groups.setdefault(reached[path], []).append(path)
    return list(groups.values())


def _reach(path: Path, links: Iterable[tuple[Path, Path]]) -> frozenset[Path]:
    found, pending = {path}, [path]
    while pending:
        at = pending.pop()
        more = {target for source, target in links if source == at} - found
        found |= more
        pending += more
    return frozenset(found)
