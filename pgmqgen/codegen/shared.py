"""SchemaSet -> the modules of shared definitions: one for each file that others refer to."""

from __future__ import annotations

import keyword
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pgmqgen.codegen.cache import Memory
from pgmqgen.codegen.classes import External
from pgmqgen.codegen.models import Models, make_definitions, make_exports
from pgmqgen.codegen.shapes import class_of
from pgmqgen.config import Config
from pgmqgen.schema.load import SchemaSet
from pgmqgen.schema.names import module_name, pascal_case
from pgmqgen.schema.refs import Origin
from pgmqgen.schema.sharing import SharedSchemas

PACKAGE = "shared"


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
    shared = Shared()
    paths = _name_modules(schemas, config)
    for group in schemas.shared:
        _add_group(shared, group, paths, memory)
    return shared


def _add_group(
    shared: Shared,
    group: SharedSchemas,
    paths: Mapping[Path, tuple[str, ...]],
    memory: Memory,
) -> None:
    first, *others = group.labels
    made = make_definitions(
        group.schema,
        {ref: pascal_case(place.path.stem) or "Shared" for ref, place in group.roots.items()},
        externals=shared.visible(group.origins),
        module=paths[first],
        memory=memory,
    )
    shared.externals.update({place: made.externals[ref] for ref, place in group.roots.items()})
    if not made.models.names:
        return  # nothing but scalars and the like, which have no class
    _add_module(shared, paths[first], group.labels[first], made.models)
    for path in others:  # files that refer to each other have their classes in one module
        shapes = [made.externals[ref].shape for ref, at in group.roots.items() if at.path == path]
        names = sorted({name for shape in shapes if (name := class_of(shape))})
        if names:
            models = make_exports(names, paths[first], paths[path])
            _add_module(shared, paths[path], group.labels[path], models)


def _add_module(shared: Shared, path: tuple[str, ...], source: str, models: Models) -> None:
    shared.modules.append(SharedModule(path=path, source=source, models=models))


def _name_modules(schemas: SchemaSet, config: Config) -> dict[Path, tuple[str, ...]]:
    """Paths of the modules: those of the files, below the folder of schemas or the project."""
    files = {path: _steps(path, config) for group in schemas.shared for path in group.labels}
    named: dict[Path, tuple[str, ...]] = {}
    taken: set[tuple[str, ...]] = set()
    # The deepest first: then a folder has its name before a file beside it asks for the same.
    for path in sorted(files, key=lambda path: (-len(files[path]), files[path], path)):
        *folders, stem = files[path]
        names = [stem, *(f"{stem}_{number}" for number in range(2, len(files) + 2))]
        candidates = ((PACKAGE, *folders, name) for name in names)
        named[path] = next(module for module in candidates if module not in taken)
        taken |= {named[path][:end] for end in range(1, len(named[path]) + 1)}
    return named


def _steps(path: Path, config: Config) -> list[str]:
    inside = path.is_relative_to(config.schemas)
    relative = os.path.relpath(path, config.schemas if inside else config.root)
    steps = [*Path(relative).parent.parts, path.stem]
    if inside and len(steps) > 1 and steps[0] == PACKAGE:
        del steps[0]
    return [_module_step(step) for step in steps if step != ".."]


def _module_step(step: str) -> str:
    name = module_name(step)
    reserved = keyword.iskeyword(name) or name.startswith("__")
    return f"{name.strip('_')}_schema" if reserved else name
