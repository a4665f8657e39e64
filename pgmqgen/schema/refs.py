"""Bundles a schema file with everything that its `$ref`s reach into one self-contained schema.

What stands in the file itself stays where it is; what stands elsewhere becomes an entry of
`$defs`. Every reference of the bundle is a pointer into the bundle: nothing is fetched, and what
cannot be bundled faithfully is refused.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urlsplit

from pgmqgen.config import Config
from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.keywords import DEFAULT_DRAFT, LISTED, NAMED, ONE, draft_of, walk
from pgmqgen.schema.source import Source, read_source
from pgmqgen.schema.text import Pointer

_REFUSED = ("$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef")
_DROPPED = ("$anchor", "$id")
"""Without use in a bundle, where every reference is a pointer."""


class Library:
    """The files that references may reach, each read once."""

    def __init__(self, config: Config) -> None:
        self._root = config.root
        self._folders = (config.root, config.schemas)
        self._vendored = config.vendored
        self._sources: dict[Path, Source] = {}

    @property
    def sources(self) -> tuple[Source, ...]:
        """All files read so far."""
        return tuple(self._sources.values())

    def read(self, path: Path) -> Source:
        """Read a file, once."""
        if path not in self._sources:
            self._sources[path] = read_source(path, root=self._root)
        return self._sources[path]

    def locate(self, uri: str, source: Source) -> Path:
        """The file that a reference without its fragment names. Raises LookupError."""
        if not uri or uri == _own_id(source):
            return source.path
        if urlsplit(uri).scheme:
            return self._vendored_copy(uri)
        path = _normal(source.path.parent / unquote(uri))
        if not path.is_file():
            raise LookupError(f"there is no file `{unquote(uri)}` beside `{source.path.name}`")
        if not any(folder in path.parents for folder in self._folders):
            raise LookupError(f"`{unquote(uri)}` lies outside of the project")
        return path

    def _vendored_copy(self, uri: str) -> Path:
        for prefix, folder in sorted(self._vendored.items(), key=lambda item: -len(item[0])):
            path = _normal(folder / unquote(uri.removeprefix(prefix)).lstrip("/"))
            if uri.startswith(prefix) and folder in path.parents and path.is_file():
                return path
        raise RemoteReference(uri)


class RemoteReference(LookupError):
    """A URL that no vendored folder holds a copy of."""


class Bundler:
    """Bundles one file.

    Afterwards `diagnostics` says what could not be resolved, and `sources` which files it reached.
    """

    def __init__(self, source: Source, library: Library) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._source, self._library = source, library
        self._draft = draft_of(source.value) or DEFAULT_DRAFT
        self._inside = {pointer for pointer, _ in walk(source.value)}
        self._names: dict[tuple[Path, Pointer], str] = {}
        self._defs: dict[str, Any] = {}
        self._reached: dict[Path, Source] = {}

    @property
    def sources(self) -> tuple[Source, ...]:
        """The files that went into the bundle."""
        return tuple(self._reached.values())

    def bundle(self) -> dict[str, Any] | bool:
        """Return the bundle, without `x-pgmq`."""
        self._check(self._source)
        result: dict[str, Any] | bool = self._copy(self._source, (), self._source.value)
        if isinstance(result, dict) and self._defs:
            result["$defs"] = {**result.get("$defs", {}), **self._defs}
        return result

    def _copy(self, source: Source, pointer: Pointer, schema: Any) -> Any:
        if not isinstance(schema, dict):
            return schema
        result = {}
        for keyword, value in schema.items():
            if keyword in _DROPPED or (not pointer and self._is_dropped_at_root(source, keyword)):
                continue
            result[keyword] = self._copy_keyword(source, (*pointer, keyword), keyword, value)
        return result

    def _is_dropped_at_root(self, source: Source, keyword: str) -> bool:
        return keyword == "x-pgmq" or (keyword == "$schema" and source is not self._source)

    def _copy_keyword(self, source: Source, pointer: Pointer, keyword: str, value: Any) -> Any:
        if keyword == "$ref" and isinstance(value, str):
            return self._rewrite(source, pointer, value)
        if keyword in NAMED and isinstance(value, dict):
            return {name: self._copy(source, (*pointer, name), v) for name, v in value.items()}
        if keyword in LISTED and isinstance(value, list):
            return [self._copy(source, (*pointer, i), item) for i, item in enumerate(value)]
        return self._copy(source, pointer, value) if keyword in ONE else value

    def _rewrite(self, source: Source, pointer: Pointer, ref: str) -> str:
        uri, fragment = urldefrag(ref)
        try:
            target = self._library.read(self._library.locate(uri, source))
            self._check(target)
            if not target.parsed:
                return ref
            return self._link(target, _resolve(target, unquote(fragment)))
        except RemoteReference:
            message = f"`{ref}` is remote, and pgmqgen never fetches schemas"
            hint = "keep a copy in the project and map its URL prefix to the folder in [vendored]"
            self.diagnostics.append(source.diagnose(pointer, "PGQ202", message, hint=hint))
        except LookupError as error:
            message = f"cannot resolve `{ref}`: {error.args[0]}"
            self.diagnostics.append(source.diagnose(pointer, "PGQ201", message))
        return ref

    def _link(self, target: Source, pointer: Pointer) -> str:
        if target is self._source and pointer in self._inside:
            return "#" + _encode(pointer)
        place = (target.path, pointer)
        if place not in self._names:
            name = self._names[place] = self._free_name(target, pointer)
            self._defs[name] = None  # keeps the order of first use
            self._defs[name] = self._copy(target, pointer, _get(target.value, pointer))
        return "#" + _encode(("$defs", self._names[place]))

    def _free_name(self, target: Source, pointer: Pointer) -> str:
        last = next((step for step in reversed(pointer) if isinstance(step, str)), None)
        base = re.sub(r"\W", "_", last or target.path.stem, flags=re.ASCII)
        own = self._source.value.get("$defs", {}) if isinstance(self._source.value, dict) else {}
        taken = {name.lower() for name in [*own, *self._defs]}
        names = [base, *(f"{base}_{number}" for number in range(2, len(taken) + 3))]
        return next(name for name in names if name.lower() not in taken)

    def _check(self, source: Source) -> None:
        if source.path in self._reached:
            return
        self._reached[source.path] = source
        draft = draft_of(source.value)
        if draft not in (None, self._draft):
            message = f"`{source.label}` is written in another draft than `{self._source.label}`"
            hint = f"expected {self._draft}"
            found = source.diagnose(("$schema",), "PGQ204", message, hint=hint)
            self.diagnostics.append(found)
        for pointer, schema in walk(source.value):
            if isinstance(schema, dict):
                self._refuse(source, pointer, schema)

    def _refuse(self, source: Source, pointer: Pointer, schema: dict[str, Any]) -> None:
        for keyword in schema:
            nested_id = keyword == "$id" and pointer and not str(schema["$id"]).startswith("#")
            if keyword in _REFUSED or nested_id:
                message = f"`{keyword}` is not supported {'here' if nested_id else 'yet'}"
                hint = "use `$ref` with a file name and a JSON pointer"
                place = source.key_place((*pointer, keyword))
                self.diagnostics.append(source.diagnose(place, "PGQ203", message, hint=hint))


def _normal(path: Path) -> Path:
    """A path without `..`; a file that is a link keeps the name of the link."""
    return Path(os.path.normpath(path))


def _own_id(source: Source) -> str | None:
    found = source.value.get("$id") if isinstance(source.value, dict) else None
    return found.rstrip("#") if isinstance(found, str) else None


def _resolve(source: Source, fragment: str) -> Pointer:
    if fragment and not fragment.startswith("/"):
        return _find_anchor(source, fragment)
    pointer: Pointer = ()
    value = source.value
    for step in fragment.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            pointer, value = (*pointer, key), value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            pointer, value = (*pointer, int(key)), value[int(key)]
        else:
            raise LookupError(f"`{source.label}` has nothing at `#{fragment}`")
    if not isinstance(value, dict | bool):
        raise LookupError(f"what `{source.label}` has at `#{fragment}` is not a schema")
    return pointer


def _find_anchor(source: Source, name: str) -> Pointer:
    for pointer, schema in walk(source.value):
        if isinstance(schema, dict) and (
            schema.get("$anchor") == name or schema.get("$id") == f"#{name}"
        ):
            return pointer
    raise LookupError(f"`{source.label}` has no anchor `{name}`")


def _get(value: Any, pointer: Pointer) -> Any:
    for step in pointer:
        value = value[step]
    return value


def _encode(pointer: Pointer) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in pointer)
    return "".join("/" + quote(step, safe="$~!'()*+,;:@-._") for step in steps)
