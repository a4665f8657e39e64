"""Finds the definitions that files share: what one file declares and another refers to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgmqgen.queue import Formats
from pgmqgen.schema.keywords import children, walk
from pgmqgen.schema.library import Library
from pgmqgen.schema.refs import Bundler, Origin
from pgmqgen.schema.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSchemas:
    """All that one file defines, or that several files do which refer to each other.

    labels: the files by path, as diagnostics name them; schema: a bundle of `$defs`
    origins: where that stands which a reference leads to, by the reference
    definitions: references to what the files define, in their order
    others: references to what else there is a reference to
    wanted: those of both that a queue reaches from another file
    """

    labels: Mapping[Path, str]
    schema: dict[str, Any]
    origins: Mapping[str, Origin]
    definitions: tuple[str, ...]
    others: tuple[str, ...]
    wanted: frozenset[str]

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that have a module: the first, for all, and what a queue reaches."""
        if not self.wanted:
            return tuple(self.labels)[:1]
        reached = {self.origins[ref].path for ref in self.wanted}
        first, *others = self.labels
        return (first, *(path for path in others if path in reached))


def find_shared(
    bundlers: Sequence[Bundler], library: Library, is_sound: Callable[[Source], bool]
) -> tuple[SharedSchemas, ...]:
    """Find what the files of some bundles share; what refers to another comes after it.

    What is found in a file does not depend on what the bundles reach of it: so the names of
    classes do not either.
    """
    return _Finder(bundlers, library, is_sound).find()


class _Finder:
    def __init__(
        self, bundlers: Sequence[Bundler], library: Library, is_sound: Callable[[Source], bool]
    ) -> None:
        self._bundlers, self._library, self._is_sound = bundlers, library, is_sound
        self._places: set[Origin] = set()  # all that there is a reference to
        self._links: set[tuple[Path, Path]] = set()
        self._wanted: set[Origin] = set()

    def find(self) -> tuple[SharedSchemas, ...]:
        for bundler in self._bundlers:
            own = bundler.source.path
            self._wanted |= {place for place in bundler.origins.values() if place.path != own}
        if not self._wanted:
            return ()
        self._wanted |= self._reach(self._wanted)
        groups = _group(self._read(), self._links)
        return tuple(self._share(group) for group in groups)

    def _reach(self, places: Iterable[Origin]) -> set[Origin]:
        parts = sorted(places, key=repr)
        bundler = self._bundler(parts[0].path)
        bundler.bundle_parts(parts)
        self._links |= bundler.links
        return set(bundler.origins.values())

    def _read(self) -> set[Path]:
        """Look at all definitions of all files, and return those files."""
        self._places |= self._wanted
        seen: set[Path] = set()
        while pending := {place.path for place in self._places} - seen:
            for path in pending:
                self._places |= self._reach(_definitions(self._library.read(path)))
            seen |= pending
        return seen

    def _share(self, group: Sequence[Path]) -> SharedSchemas:
        sources = [self._library.read(path) for path in group]
        definitions = [place for source in sources for place in _definitions(source)]
        known = frozenset(definitions)
        others = [place for place in self._places if place.path in group and place not in known]
        bundler = self._bundler(group[0], self._formats(group))
        schema = bundler.bundle_parts([*definitions, *sorted(others, key=repr)])
        refs = {place: ref for ref, place in bundler.origins.items()}
        return SharedSchemas(
            labels={source.path: source.label for source in sources},
            schema=schema,
            origins=bundler.origins,
            definitions=tuple(refs[place] for place in definitions if place in refs),
            others=tuple(ref for ref, place in bundler.origins.items() if place in set(others)),
            wanted=frozenset(refs[place] for place in self._wanted if place.path in group),
        )

    def _formats(self, group: Sequence[Path]) -> Formats:
        """The classes must do for each queue: where formats do not count, a date may be any text."""
        used = (
            each for each in self._bundlers if any(source.path in group for source in each.sources)
        )
        return "annotate" if any(each.formats == "annotate" for each in used) else "assert"

    def _bundler(self, path: Path, formats: Formats = "assert") -> Bundler:
        return Bundler(self._library.read(path), self._library, formats, self._is_sound)


def _definitions(source: Source) -> Iterator[Origin]:
    """The whole of a file, and each of its definitions."""
    yield Origin(source.path, ())
    for pointer, schema in walk(source.value):
        for steps, _ in children(schema):
            if steps[0] in ("$defs", "definitions"):
                yield Origin(source.path, (*pointer, *steps))


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
