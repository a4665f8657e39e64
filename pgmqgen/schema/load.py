"""The one entry of the schema half: a project's folder of schemas -> SchemaSet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgmqgen.config import Config
from pgmqgen.diagnostics import Diagnostic, arrange
from pgmqgen.errors import ConfigError
from pgmqgen.memory import Memory
from pgmqgen.numbers import write_json
from pgmqgen.queue import QueueSettings
from pgmqgen.schema.handlers import find_orphans
from pgmqgen.schema.library import Library
from pgmqgen.schema.lint import (
    Declaration,
    Policy,
    Subject,
    bundle_key,
    lint_bundle,
    lint_identifiers,
    lint_meaning,
    lint_modules,
    lint_names,
    lint_source,
    meaning_key,
    recall_findings,
    source_key,
)
from pgmqgen.schema.modules import shared_module
from pgmqgen.schema.names import class_prefix, module_name, payload_name
from pgmqgen.schema.refs import Bundler, Origin
from pgmqgen.schema.settings import KEYWORD, read_settings
from pgmqgen.schema.sharing import SharedSchemas, find_shared
from pgmqgen.schema.source import Source, find_all_sources, find_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSchema:
    """One queue, ready to generate.

    label: the file that declares it; schema: self-contained and without `x-pgmq`
    origins: where that stands which a reference of the schema leads to, by the reference
    """

    label: str
    settings: QueueSettings
    schema: dict[str, Any] | bool
    origins: Mapping[str, Origin]

    @property
    def name(self) -> str:
        """The queue's name in pgmq."""
        return self.settings.name

    @property
    def module(self) -> str:
        """Name of its package."""
        return module_name(self.name)

    @property
    def class_prefix(self) -> str:
        """What its classes start with."""
        return class_prefix(self.name)

    @property
    def payload(self) -> str:
        """Name of its payload's type."""
        title = self.schema.get("title") if isinstance(self.schema, dict) else None
        return payload_name(title if isinstance(title, str) else None, self.name)

    @property
    def fingerprint(self) -> str:
        """Short hash of the schema."""
        return fingerprint(self.schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaSet:
    """All queues of a project, sorted by name, and what is wrong with its files.

    Where a diagnostic is an error, the queues are incomplete. `shared` has what refers to
    another of them after it; `files` are all that were read.
    """

    queues: tuple[QueueSchema, ...]
    shared: tuple[SharedSchemas, ...]
    diagnostics: tuple[Diagnostic, ...]
    files: tuple[Path, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that forbid to generate."""
        return tuple(found for found in self.diagnostics if found.severity == "error")


def load(config: Config, memory: Memory | None = None) -> SchemaSet:
    """Read every schema file of a project. Raises ConfigError if there is no such folder.

    memory: spares looking again at what has not changed
    """
    _check_folder(config)
    return _Loader(config, memory or Memory()).load()


def lint_project(config: Config) -> tuple[tuple[Diagnostic, ...], int]:
    """What there is to say of all schema files of a project, and how many files they are.

    Other than `load`, it also looks at shared files that no queue reaches.
    """
    _check_folder(config)
    loader = _Loader(config, Memory())
    for path in find_all_sources(config.schemas):
        loader.read(path)
    return loader.load().diagnostics, loader.count


def fingerprint(schema: dict[str, Any] | bool) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a schema's canonical JSON."""
    text = write_json(schema, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_folder(config: Config) -> None:
    if not config.schemas.is_dir():
        raise ConfigError(
            f"there is no schemas folder `{config.schemas}`",
            hint="`pgmqgen init` makes a project with an example queue",
        )


class _Loader:
    def __init__(self, config: Config, memory: Memory) -> None:
        self._config, self._memory = config, memory
        self._library = Library(config)
        self._policy = Policy(config.lint)
        self._diagnostics: list[Diagnostic] = []
        self._bundlers: list[Bundler] = []
        self._bundles: dict[Path, tuple[dict[str, Any] | bool, Mapping[str, Origin]]] = {}
        self._lints: dict[Path, tuple[Diagnostic, ...]] = {}

    @property
    def count(self) -> int:
        """How many files were read."""
        return len(self._library.sources)

    def read(self, path: Path) -> None:
        """Have a file checked that no queue may reach."""
        self._library.read(path)

    def load(self) -> SchemaSet:
        """Read all queues, with what they reach."""
        paths = find_sources(self._config.schemas)
        declarations = [self._declare(self._library.read(path)) for path in paths]
        made = [queue for declared in declarations if (queue := self._make(declared))]
        for source in self._library.sources:
            self._diagnostics += self._lint(source)
            self._diagnostics += self._lint_meaning(source)
        self._diagnostics += lint_identifiers(self._library.all_resources(), self._config.schemas)
        self._diagnostics += lint_names(declarations)
        shared = find_shared(self._bundlers, self._library, self._is_sound)
        self._diagnostics += lint_modules(self._name_modules(shared))
        modules = frozenset(module_name(declared.name) for declared in declarations)
        self._diagnostics += find_orphans(self._config.handlers, modules, root=self._config.root)
        return SchemaSet(
            queues=tuple(sorted(made, key=lambda queue: queue.name)),
            shared=shared,
            diagnostics=arrange(filter(self._policy.counts, self._diagnostics)),
            files=tuple(source.path for source in self._library.sources),
        )

    def _name_modules(
        self, shared: Iterable[SharedSchemas]
    ) -> Iterator[tuple[tuple[str, ...], Source]]:
        files = (path for group in shared if group.wanted for path in group.files)
        for path in sorted(files):
            yield shared_module(path, self._config), self._library.read(path)

    def _declare(self, source: Source) -> Declaration:
        settings, found = read_settings(source, self._config.defaults)
        self._diagnostics += found
        given = source.value.get(KEYWORD) if isinstance(source.value, dict) else None
        named = given.get("queue") if isinstance(given, dict) else None
        name = named if isinstance(named, str) and named else source.path.stem
        return Declaration(source=source, name=name, settings=settings)

    def _make(self, declared: Declaration) -> QueueSchema | None:
        source = declared.source
        if not self._is_sound(source):
            return None
        formats = declared.settings.formats if declared.settings else "assert"
        bundler = Bundler(source, self._library, formats)
        schema = bundler.bundle()
        found = bundler.diagnostics
        if not found and all(map(self._is_sound, bundler.sources)):
            found = list(self._lint_bundle(source, schema))
            if not found:
                self._bundles[source.path] = schema, bundler.origins
            if not found and declared.settings is not None:
                self._bundlers.append(bundler)
                return QueueSchema(
                    label=source.label,
                    settings=declared.settings,
                    schema=schema,
                    origins=bundler.origins,
                )
        self._diagnostics += found
        return None

    def _is_sound(self, source: Source) -> bool:
        found = filter(self._policy.counts, self._lint(source))
        return not any(each.severity == "error" for each in found)

    def _lint(self, source: Source) -> tuple[Diagnostic, ...]:
        if source.path not in self._lints:
            dialect, memory = self._library.dialect_of(source), self._memory
            key = source_key(source, dialect, memory)
            self._lints[source.path] = recall_findings(key, memory, lint_source(source, dialect))
        return self._lints[source.path]

    def _lint_bundle(self, source: Source, bundle: dict[str, Any] | bool) -> tuple[Diagnostic, ...]:
        key = bundle_key(source, bundle, self._memory)
        return recall_findings(key, self._memory, lint_bundle(source, bundle))

    def _lint_meaning(self, source: Source) -> Iterator[Diagnostic]:
        """Vendored copies are not the project's to mend."""
        dialect = self._library.dialect_of(source)
        if self._config.schemas not in source.path.parents or dialect is None:
            return
        is_queue = source.path.parent == self._config.schemas
        if not is_queue and self._is_sound(source):
            yield from self._bundle_shared(source)
        if source.path in self._bundles:
            bundle, origins = self._bundles[source.path]
            subject = Subject(
                source=source, dialect=dialect, bundle=bundle, origins=origins, is_queue=is_queue
            )
            key = meaning_key(subject, self._memory)
            yield from recall_findings(key, self._memory, lint_meaning(subject))

    def _bundle_shared(self, source: Source) -> Iterator[Diagnostic]:
        bundler = Bundler(source, self._library)
        bundle = bundler.bundle()
        yield from bundler.diagnostics
        if not bundler.diagnostics and not self._lint_bundle(source, bundle):
            self._bundles[source.path] = bundle, bundler.origins
