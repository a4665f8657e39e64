"""SchemaSet -> the modules of shared definitions: one for each file that others refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pgmqgen.codegen.cache import Memory
from pgmqgen.codegen.classes import Classes, External
from pgmqgen.codegen.models import Definitions, Models, make_definitions, make_exports
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


@dataclass(frozen=True, slots=True)
class Shared:
    """All modules of shared definitions, and what can be imported from them."""

    modules: list[SharedModule] = field(default_factory=list)
    externals: dict[Origin, External] = field(default_factory=dict)

    def visible(self, origins: Mapping[str, Origin]) -> dict[str, External]:
        """What references can be imported, by the reference."""
        return {
            ref: self.externals[place] for ref, place in origins.items() if place in self.externals
        }


def make_shared(schemas: SchemaSet, config: Config, memory: Memory) -> Shared:
    """Make the modules, each before those that import from it."""
    _check_depth(schemas)
    made, wanted = Shared(), Shared()
    files = (path for group in schemas.shared for path in group.files)
    paths = {path: shared_module(path, config) for path in files}
    for group in schemas.shared:
        definitions = _define(group, made, paths, memory)
        exports = _find_exports(group, definitions)
        homes = _find_homes(exports, paths)
        for ref, external in definitions.externals.items():
            external = replace(external, imports={**external.imports, **homes})
            made.externals[group.origins[ref]] = external
            if ref in group.wanted:
                wanted.externals[group.origins[ref]] = external
        wanted.modules.extend(_make_modules(group, definitions.models, exports, paths))
    return wanted


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


def _define(
    group: SharedSchemas, made: Shared, paths: Mapping[Path, tuple[str, ...]], memory: Memory
) -> Definitions:
    def name(refs: Iterable[str]) -> dict[str, str]:
        return {ref: pascal_case(group.origins[ref].path.stem) or "Shared" for ref in refs}

    return make_definitions(
        group.schema,
        name(group.definitions),
        name(group.others),
        wanted=group.wanted,
        externals=made.visible(group.origins),
        module=paths[group.files[0]],
        place=_place(paths[group.files[0]], paths),
        memory=memory,
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


def _make_modules(
    group: SharedSchemas,
    models: Models,
    exports: Mapping[Path, Mapping[str, str]],
    paths: Mapping[Path, tuple[str, ...]],
) -> Iterator[SharedModule]:
    first, *others = group.files
    if models.names:  # else they are scalars and the like, which have no class
        place = _place(paths[first], paths)
        yield SharedModule(path=place, source=group.labels[first], models=models)
    for path in others:  # files that refer to each other have their classes in one module
        if exports[path]:
            place = _place(paths[path], paths)
            passed = make_exports(exports[path], paths[first], place)
            yield SharedModule(path=place, source=group.labels[path], models=passed)


def _place(module: tuple[str, ...], paths: Mapping[Path, tuple[str, ...]]) -> tuple[str, ...]:
    """Where a module is written: a package that holds others is its own `__init__`."""
    holds = any(other[: len(module)] == module != other for other in paths.values())
    return (*module, "__init__") if holds else module
