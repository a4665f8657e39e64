"""Finds what a URI names: a file of the project, a vendored copy, or a schema by its `$id`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pgmqgen.config import Config
from pgmqgen.schema.drafts import Dialect, find_draft, make_dialect
from pgmqgen.schema.nearest import DeadEnd, suggest_file
from pgmqgen.schema.resources import Resource, Resources
from pgmqgen.schema.source import Source, find_all_sources, read_source


class RemoteReference(LookupError):
    """A URL that no vendored folder holds a copy of."""


class Library:
    """The files that references may reach, each read once. Nothing is ever fetched."""

    def __init__(self, config: Config) -> None:
        self._root, self._schemas = config.root, config.schemas
        self._vendored = config.vendored
        folders = (config.root, config.schemas, *config.vendored.values())
        self._within = tuple(Path(os.path.realpath(folder)) for folder in folders)
        self._sources: dict[Path, Source] = {}
        self._resources: dict[Path, Resources] = {}
        self._by_uri: dict[str, Resource] = {}
        self._indexed = False

    @property
    def sources(self) -> tuple[Source, ...]:
        """All files read so far."""
        return tuple(self._sources.values())

    def all_resources(self) -> Iterator[Resource]:
        """The resources of all files read so far."""
        for source in self.sources:
            if source.parsed:
                yield from self.resources(source.path)

    def read(self, path: Path) -> Source:
        """Read a file, once."""
        if path not in self._sources:
            self._sources[path] = read_source(path, root=self._root, within=self._within)
        return self._sources[path]

    def resources(self, path: Path, dialect: Dialect | None = None) -> Resources:
        """The resources of a file; `dialect` is what it is written in if it does not say."""
        if path not in self._resources:
            found = Resources(self.read(path), dialect or Dialect(), self.find_dialect)
            self._resources[path] = found
            for resource in found:
                self._by_uri.setdefault(resource.uri, resource)
        return self._resources[path]

    def locate(self, uri: str, referrer: Resource) -> Resource:
        """The resource that an absolute URI without fragment names.

        Raises LookupError with the reason; RemoteReference if only a fetch could help.
        """
        own = self.resources(referrer.source.path)
        known = next((each for each in own if each.uri == uri), None) or self._by_uri.get(uri)
        if known is not None:
            return known
        try:
            path = self._vendored_copy(uri) or self._project_file(uri, referrer)
        except LookupError:
            self._index()
            if uri not in self._by_uri:
                raise
            return self._by_uri[uri]
        return self.resources(path, referrer.dialect).root

    def find_dialect(self, uri: str) -> Dialect | None:
        """What a `$schema` stands for, None if it names no draft and no metaschema at hand."""
        if draft := find_draft(uri):
            return Dialect(draft)
        path = self._vendored_copy(uri)
        return make_dialect(self.read(path).value) if path else None

    def dialect_of(self, source: Source) -> Dialect | None:
        """What a file is written in, None if its `$schema` stands for nothing known."""
        declared = source.value.get("$schema") if isinstance(source.value, dict) else None
        if declared is None:
            return self.resources(source.path).root.dialect
        return self.find_dialect(declared.rstrip("#")) if isinstance(declared, str) else None

    def _project_file(self, uri: str, referrer: Resource) -> Path:
        if not uri.startswith("file:"):
            raise RemoteReference(uri)
        path = Path(os.path.normpath(unquote(urlsplit(uri).path)))
        folder = referrer.source.path.parent
        name = Path(os.path.relpath(path, folder)).as_posix()
        if not any(root in path.parents for root in (self._root, self._schemas)):
            raise LookupError(f"`{name}` lies outside of the project")
        if not path.is_file():
            suggest = partial(suggest_file, path, self._files, referrer)
            message = f"there is no file `{name}` beside `{referrer.source.path.name}`"
            raise DeadEnd(message, suggest)
        return path

    def _vendored_copy(self, uri: str) -> Path | None:
        for prefix, folder in sorted(self._vendored.items(), key=lambda item: -len(item[0])):
            if not uri.startswith(prefix):
                continue
            path = Path(os.path.normpath(folder / unquote(uri.removeprefix(prefix)).lstrip("/")))
            if folder in path.parents and path.is_file():
                return path
        return None

    @cached_property
    def _files(self) -> tuple[Path, ...]:
        return tuple(find_all_sources(self._schemas))

    def _index(self) -> None:
        """Read all schemas of the project, for one of them may have the `$id` that is asked for."""
        if not self._indexed:
            self._indexed = True
            for path in self._files:
                if (path not in self._resources) and self.read(path).parsed:
                    self.resources(path)
