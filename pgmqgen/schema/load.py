"""The one entry of the schema half: a project's folder of schemas -> SchemaSet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pgmqgen.config import Config
from pgmqgen.diagnostics import Diagnostic, arrange
from pgmqgen.errors import ConfigError
from pgmqgen.queue import QueueSettings
from pgmqgen.schema.handlers import find_orphans
from pgmqgen.schema.lint import Declaration, is_ignored, lint_bundle, lint_names, lint_source
from pgmqgen.schema.names import class_prefix, module_name, payload_name
from pgmqgen.schema.refs import Bundler, Library
from pgmqgen.schema.settings import KEYWORD, read_settings
from pgmqgen.schema.source import Source, find_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSchema:
    """One queue, ready to generate.

    label: the file that declares it; schema: self-contained and without `x-pgmq`
    """

    label: str
    settings: QueueSettings
    schema: dict[str, Any] | bool

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

    Where a diagnostic is an error, the queues are incomplete.
    """

    queues: tuple[QueueSchema, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that forbid to generate."""
        return tuple(found for found in self.diagnostics if found.severity == "error")


def load(config: Config) -> SchemaSet:
    """Read every schema file of a project. Raises ConfigError if there is no such folder."""
    if not config.schemas.is_dir():
        raise ConfigError(
            f"there is no schemas folder `{config.schemas}`",
            hint="`pgmqgen init` makes a project with an example queue",
        )
    library = Library(config.root, config.vendored)
    sources = [library.read(path) for path in find_sources(config.schemas)]
    diagnostics: list[Diagnostic] = []
    declarations = [_declare(source, config, diagnostics) for source in sources]
    queues = [
        queue for item in declarations if (queue := _make(item, library, config, diagnostics))
    ]
    diagnostics += (found for source in library.sources for found in lint_source(source))
    diagnostics += _lint_project(config, declarations)
    kept = [found for found in diagnostics if not is_ignored(found, config.lint_ignore)]
    queues.sort(key=lambda queue: queue.name)
    return SchemaSet(queues=tuple(queues), diagnostics=arrange(kept))


def fingerprint(schema: dict[str, Any] | bool) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a schema's canonical JSON."""
    text = json.dumps(schema, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _declare(source: Source, config: Config, diagnostics: list[Diagnostic]) -> Declaration:
    settings, found = read_settings(source, config.defaults)
    diagnostics += found
    given = source.value.get(KEYWORD) if isinstance(source.value, dict) else None
    named = given.get("queue") if isinstance(given, dict) else None
    name = named if isinstance(named, str) and named else source.path.stem
    return Declaration(source=source, name=name, settings=settings)


def _make(
    declared: Declaration, library: Library, config: Config, diagnostics: list[Diagnostic]
) -> QueueSchema | None:
    source = declared.source
    serious = (not is_ignored(found, config.lint_ignore) for found in lint_source(source))
    if not isinstance(source.value, dict | bool) or any(serious):
        return None
    bundler = Bundler(source, library)
    schema = bundler.bundle()
    found = bundler.diagnostics or list(lint_bundle(source, schema))
    diagnostics += found
    if found or declared.settings is None:
        return None
    return QueueSchema(label=source.label, settings=declared.settings, schema=schema)


def _lint_project(config: Config, declarations: list[Declaration]) -> Iterator[Diagnostic]:
    yield from lint_names(declarations)
    modules = frozenset(module_name(declared.name) for declared in declarations)
    yield from find_orphans(config.handlers, modules, root=config.root)
