"""SchemaSet -> the modules of shared definitions: one for each file that others refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pgmqgen.codegen.classes import Classes, External
from pgmqgen.codegen.drafts import Definitions, Draft, draft_definitions
from pgmqgen.codegen.models import Models, make_exports
from pgmqgen.config import Config
from pgmqgen.errors import GenerateError
from pgmqgen.schema.load import SchemaSet
from pgmqgen.schema.modules import shared_module
from pgmqgen.schema.names import pascal_case
from pgmqgen.schema.refs import Origin
from pgmqgen.schema.sharing import SharedSchemas

_MOST_IN_A_ROW = 100
"""Shared files; an import takes some seven frames of the thousand that Python's stack has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedModule:
    """A module of shared definitions; path: below the generated package; source: its file."""

    path: tuple[str, ...]
    source: str
    models: Models


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedGroup:
    """The files whose classes are in one module, for they refer to each other.

    draft: of the module of all, which is the first file's; labels: where the files are
    exports: what each file defines: names in the module of all, each with that of the file
    """

    draft: Draft
    labels: Mapping[Path, str]
    exports: Mapping[Path, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """All that is shared, and what can be imported from it; paths: where each file's module is."""

    paths: Mapping[Path, tuple[str, ...]]
    groups: list[SharedGroup] = field(default_factory=list)
    externals: dict[Origin, External] = field(default_factory=dict)

    def visible(self, origins: Mapping[str, Origin]) -> dict[str, External]:
        """What references can be imported, by the reference."""
        return {
            ref: self.externals[place] for ref, place in origins.items() if place in self.externals
        }


def draft_shared(schemas: SchemaSet, config: Config) -> Shared:
    """Draft the modules, each before those that import from it."""
    _check_depth(schemas)
    files = (path for group in schemas.shared for path in group.files)
    paths = {path: shared_module(path, config) for path in files}
    drafted, wanted = Shared(paths=paths), Shared(paths=paths)
    for group in schemas.shared:
        definitions = _define(group, drafted)
        exports = _find_exports(group, definitions)
        homes = _find_homes(exports, paths)
        for ref, external in definitions.externals.items():
            external = replace(external, imports={**external.imports, **homes})
            drafted.externals[group.origins[ref]] = external
            if ref in group.wanted:
                wanted.externals[group.origins[ref]] = external
        made = SharedGroup(draft=definitions.draft, labels=group.labels, exports=exports)
        wanted.groups.append(made)
    return wanted


def finish_shared(shared: Shared, models: Iterable[Models]) -> Iterator[SharedModule]:
    """The modules of all groups; models: those of each group's draft."""
    for group, made in zip(shared.groups, models, strict=True):
        first, *others = group.exports
        if made.names:  # else they are scalars and the like, which have no class
            place = _place(first, shared.paths)
            yield SharedModule(path=place, source=group.labels[first], models=made)
        for path in others:
            if group.exports[path]:
                place = _place(path, shared.paths)
                passed = make_exports(group.exports[path], shared.paths[first], place)
                yield SharedModule(path=place, source=group.labels[path], models=passed)


def _check_depth(schemas: SchemaSet) -> None:
    """Refuse modules that import each other through more of them than Python can."""
    depths: dict[Path, int] = {}
    for group in schemas.shared:  # after those that it refers to
        others = {place.path for place in group.origins.values()} - group.labels.keys()
        depth = 1 + max((depths.get(path, 0) for path in others), default=0)
        depths |= dict.fromkeys(group.labels, depth)
        if group.wanted and depth > _MOST_IN_A_ROW:
            label = next(iter(group.labels.values()))
            message = f"`{label}` leads through more than {_MOST_IN_A_ROW} files in a row"
            raise GenerateError(message, hint="merge some of the files")


def _define(group: SharedSchemas, drafted: Shared) -> Definitions:
    def name(refs: Iterable[str]) -> dict[str, str]:
        return {ref: pascal_case(group.origins[ref].path.stem) or "Shared" for ref in refs}

    first = group.files[0]
    return draft_definitions(
        group.schema,
        name(group.definitions),
        name(group.others),
        wanted=group.wanted,
        externals=drafted.visible(group.origins),
        module=drafted.paths[first],
        place=_place(first, drafted.paths),
    )


def _find_exports(group: SharedSchemas, made: Definitions) -> dict[Path, dict[str, str]]:
    """What each file of a group defines: names in the module of all, each with that of the file."""
    wanted = {made.names[ref] for ref in group.wanted & made.names.keys()}
    exports: dict[Path, dict[str, str]] = {}
    for path in group.files:
        names = Classes(frozenset())
        found: dict[str, str] = {}
        for ref in (*group.definitions, *group.others):
            name = made.names.get(ref) if group.origins[ref].path == path else None
            if name and name not in found:
                found[name] = names.name(made.bases[name])
        exports[path] = {name: own for name, own in found.items() if name in wanted}
    return exports


def _find_homes(
    exports: Mapping[Path, Mapping[str, str]], paths: Mapping[Path, tuple[str, ...]]
) -> dict[str, tuple[tuple[str, ...], str]]:
    """Where to import the names of a group from that other modules than that of all have."""
    first, *others = exports
    return {
        name: (paths[path], own)
        for path in reversed(others)
        for name, own in exports[path].items()
        if name not in exports[first]
    }


def _place(path: Path, paths: Mapping[Path, tuple[str, ...]]) -> tuple[str, ...]:
    """Where a file's module is written: a package that holds others is its own `__init__`."""
    module = paths[path]
    holds = any(other[: len(module)] == module != other for other in paths.values())
    return (*module, "__init__") if holds else module
