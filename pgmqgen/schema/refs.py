"""Bundles a schema file with everything that its `$ref`s reach into one self-contained schema.

What stands in the file itself stays where it is; what stands elsewhere becomes an entry of
`$defs`. Every reference of the bundle is a pointer into the bundle, a dynamic one too: what a
`$dynamicRef` means depends on the way to it, so what lies behind it is copied once for each way.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urldefrag, urlsplit

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.queue import Formats
from pgmqgen.schema.drafts import (
    INERT_BESIDE_REF,
    MEANINGLESS,
    Dialect,
    newest,
    stays,
    upgrade,
)
from pgmqgen.schema.keywords import DRAFTS, LISTED, NAMED, ONE, children
from pgmqgen.schema.library import Library, RemoteReference
from pgmqgen.schema.nearest import DeadEnd
from pgmqgen.schema.pointers import encode, get
from pgmqgen.schema.resources import Resource, join
from pgmqgen.schema.source import Source
from pgmqgen.schema.targets import resolve
from pgmqgen.schema.text import Pointer

T = TypeVar("T")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_NAMING = frozenset({"$anchor", "$dynamicAnchor", "$id", "$recursiveAnchor", "$vocabulary"})
"""Without use in a bundle, where every reference is a pointer."""
_SUGGESTIONS = 100
"""With so many findings, no more is said of what was meant: to find that takes time."""
Scope = tuple[tuple[str, Path, Pointer], ...]
"""Where each dynamic anchor leads: to the first resource on the way that declares it."""


class Origin(NamedTuple):
    """Where a schema stands that a bundle has a copy of."""

    path: Path
    pointer: Pointer


class Site(NamedTuple):
    """A place in a resource, and the way to it."""

    resource: Resource
    pointer: Pointer
    scope: Scope = ()

    @property
    def source(self) -> Source:
        """The file."""
        return self.resource.source

    def step(self, *steps: str | int) -> Site:
        """A place further inside."""
        return Site(self.resource, (*self.pointer, *steps), self.scope)


@cache
def _silent(dialect: Dialect) -> frozenset[str]:
    return dialect.left_out | MEANINGLESS[dialect.draft] | _NAMING


class Bundler:
    """Bundles one file, or parts of some.

    Afterwards `diagnostics` says what could not be resolved, `sources` which files it reached,
    `origins` where that stands which a reference of the bundle leads to, and `links` which
    file refers to which other.
    """

    def __init__(
        self,
        source: Source,
        library: Library,
        formats: Formats = "assert",
        is_sound: Callable[[Source], bool] = lambda source: source.parsed,
    ) -> None:
        """Start; a bundle in which formats do not count has none, and nothing of unsound files."""
        self.diagnostics: list[Diagnostic] = []
        self._is_sound = is_sound
        self.source, self.formats, self._library = source, formats, library
        self._root = library.resources(source.path).root
        self._draft = self._root.dialect.draft

    @property
    def sources(self) -> tuple[Source, ...]:
        """The files that went into the bundle."""
        return tuple(self._reached.values())

    def bundle(self) -> dict[str, Any] | bool:
        """Return the file's bundle, without `x-pgmq`."""
        return self._settle(self._bundle)

    def bundle_parts(self, parts: Sequence[Origin]) -> dict[str, Any]:
        """Return a bundle of nothing but `$defs`: some places, and what they refer to."""
        return self._settle(lambda: self._bundle_parts(parts))

    def _settle(self, make: Callable[[], T]) -> T:
        while True:
            self._begin()
            result = make()
            if (draft := newest(self._drafts)) == self._draft:
                return result
            self._draft = draft  # files of several drafts are said in terms of the newest

    def _begin(self) -> None:
        self.diagnostics.clear()
        self.origins: dict[str, Origin] = {}
        self.links: set[tuple[Path, Path]] = set()
        self._drafts = {self._draft}
        self._reached: dict[Path, Source] = {self.source.path: self.source}
        self._names: dict[tuple[Path, Pointer, Scope], str] = {}
        self._own: dict[Pointer, Scope] = {}
        self._own_names: frozenset[str] = frozenset()
        self._defs: dict[str, Any] = {}
        self._pending: deque[tuple[str, Site]] = deque()

    def _bundle(self) -> dict[str, Any] | bool:
        self._own = self._own_places()
        if not self._own[()]:
            self.origins["#"] = Origin(self.source.path, ())
        if isinstance(self.source.value, dict):
            self._own_names = frozenset(self.source.value.get("$defs", {}))
        result: dict[str, Any] | bool = self._copy(Site(self._root, ()), self.source.value)
        self._fill()
        if isinstance(result, dict) and self._defs:
            result["$defs"] = {**result.get("$defs", {}), **self._defs}
        return result

    def _bundle_parts(self, parts: Sequence[Origin]) -> dict[str, Any]:
        for path, pointer in parts:
            self._link(Site(self._library.resources(path).around(pointer), pointer))
        self._fill()
        return {"$schema": self._draft, "$defs": self._defs}

    def _own_places(self) -> dict[Pointer, Scope]:
        """The schemas of the file itself that keep their place."""
        found: dict[Pointer, Scope] = {}
        pending: list[tuple[Site, Any]] = [(Site(self._root, ()), self.source.value)]
        while pending:
            site, schema = pending.pop()
            site = self._enter(site)
            found[site.pointer] = site.scope
            upgraded = site.resource.dialect.draft != self._draft
            for steps, child in children(self._kept(site, schema)):
                if not upgraded or stays(steps[0]):
                    pending.append((site.step(*steps), child))
        return found

    def _copy(self, site: Site, schema: Any) -> Any:
        if not isinstance(schema, dict):
            return schema
        site = self._enter(site)
        draft = site.resource.dialect.draft
        self._drafts.add(draft)
        result: dict[str, Any] = {}
        for keyword, value in self._kept(site, schema).items():
            if keyword in _REFERENCES and isinstance(value, str):
                if ref := self._rewrite(site.step(keyword), keyword, value):
                    _add_reference(result, ref)
            elif keyword == "allOf" and "allOf" in result:
                result["allOf"] += self._copy_keyword(site, keyword, value)
            else:
                result[keyword] = self._copy_keyword(site, keyword, value)
        if "$schema" in result and self._draft != str(result["$schema"]).rstrip("#"):
            result["$schema"] = self._draft
        return upgrade(result, draft, self._draft)

    def _copy_keyword(self, site: Site, keyword: str, value: Any) -> Any:
        if keyword in NAMED and isinstance(value, dict):
            return {
                name: self._copy(site.step(keyword, name), each) for name, each in value.items()
            }
        if keyword in LISTED and isinstance(value, list):
            return [self._copy(site.step(keyword, index), each) for index, each in enumerate(value)]
        return self._copy(site.step(keyword), value) if keyword in ONE else value

    def _kept(self, site: Site, schema: Any) -> dict[str, Any]:
        """What a bundle keeps of a schema object."""
        if not isinstance(schema, dict):
            return {}
        dialect = site.resource.dialect
        left_out = _silent(dialect)
        if self.formats == "annotate":
            left_out |= {"format"}
        if site.pointer or site.source is not self.source:
            left_out |= {"$schema"}
        if not site.pointer:
            left_out |= {"x-pgmq"}
        if isinstance(schema.get(dialect.id_keyword), str):
            left_out |= {dialect.id_keyword}
        if dialect.is_ref_alone(schema):
            left_out |= INERT_BESIDE_REF
        return {keyword: value for keyword, value in schema.items() if keyword not in left_out}

    def _enter(self, site: Site) -> Site:
        """The same place, in the resource that begins there if one does."""
        begun = self._library.resources(site.source.path).at(site.pointer)
        resource = begun or site.resource
        if begun is None and not resource.dynamic:
            return site
        known = {name for name, *_ in site.scope}
        added = ((name, site.source.path, at) for name, at in resource.dynamic.items())
        scope = {*site.scope, *(entry for entry in added if entry[0] not in known)}
        return Site(resource, site.pointer, tuple(sorted(scope, key=repr)))

    def _rewrite(self, site: Site, keyword: str, ref: str) -> str | None:
        """The reference that a bundle has for another; None if that leads to nothing sound."""
        try:
            target = self._find(site, ref)
            if target is None:
                return join(site.resource.uri, ref)
            self._reached.setdefault(target.source.path, target.source)
            if not self._is_sound(target.source):
                return None
            if target.source is not site.source:
                self.links.add((site.source.path, target.source.path))
            return self._link(self._bind(target, keyword, urldefrag(ref)[1]))
        except RemoteReference:
            message = f"`{ref}` is remote, and pgmqgen never fetches schemas"
            hint = "keep a copy in the project and map its URL prefix to the folder in [vendored]"
            found = site.source.diagnose(site.pointer, "PGQ202", message, hint=hint)
        except LookupError as error:
            found = site.source.diagnose(
                site.pointer,
                "PGQ201",
                f"cannot resolve `{ref}`: {error.args[0]}",
                hint=self._suggest(error),
            )
        self.diagnostics.append(found)
        return None

    def _suggest(self, error: LookupError) -> str | None:
        few = len(self.diagnostics) < _SUGGESTIONS
        return error.suggest() if few and isinstance(error, DeadEnd) else None

    def _find(self, site: Site, ref: str) -> Site | None:
        """What a reference leads to before dynamic scope; None for the metaschema of a draft."""
        uri, fragment = urldefrag(join(site.resource.uri, ref))
        if uri in DRAFTS:
            return None
        try:
            resource = self._library.locate(uri, site.resource)
        except RemoteReference:
            if urlsplit(ref).scheme:
                raise
            # An `$id` gives the file another address, and yet its neighbours lie beside it.
            beside = urldefrag(join(site.source.path.as_uri(), ref))[0]
            resource = self._library.locate(beside, site.resource)
        if not resource.source.parsed:
            return Site(resource, ())
        pointer = resolve(resource, ref.partition("#")[0], unquote(fragment))
        around = self._library.resources(resource.source.path).around(pointer)
        return Site(around, pointer, site.scope)

    def _bind(self, target: Site, keyword: str, name: str) -> Site:
        """Follow a dynamic reference to where its scope says."""
        recursive = keyword == "$recursiveRef"
        anchor = "" if recursive else name
        if keyword == "$ref" or target.resource.dynamic.get(anchor) != target.pointer:
            return target
        for known, path, pointer in target.scope:
            if known == anchor:
                resource = self._library.resources(path).around(pointer)
                return Site(resource, pointer, target.scope)
        return target

    def _link(self, target: Site) -> str:
        target = self._enter(target)
        if target.source is self.source and self._own.get(target.pointer) == target.scope:
            ref = "#" + encode(target.pointer)
        else:
            ref = "#" + encode(("$defs", self._define(target)))
        if not target.scope:
            self.origins[ref] = Origin(target.source.path, target.pointer)
        return ref

    def _define(self, target: Site) -> str:
        place = (target.source.path, target.pointer, target.scope)
        if place not in self._names:
            name = self._names[place] = self._free_name(target)
            self._defs[name] = None  # keeps the order of first use
            self._pending.append((name, target))  # not at once: a chain of them may be long
        return self._names[place]

    def _fill(self) -> None:
        while self._pending:
            name, target = self._pending.popleft()
            self._defs[name] = self._copy(target, get(target.source.value, target.pointer))

    def _free_name(self, target: Site) -> str:
        last = next((step for step in reversed(target.pointer) if isinstance(step, str)), None)
        base = re.sub(r"\W", "_", last or target.source.path.stem)
        taken = {name.lower() for name in [*self._own_names, *self._defs]}
        names = [base, *(f"{base}_{number}" for number in range(2, len(taken) + 3))]
        return next(name for name in names if name.lower() not in taken)


def _add_reference(schema: dict[str, Any], ref: str) -> None:
    if "$ref" in schema:
        schema["allOf"] = [*schema.get("allOf", []), {"$ref": ref}]
    else:
        schema["$ref"] = ref
