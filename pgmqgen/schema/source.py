"""The schema files of a project: found, parsed, and with the place of every value kept.

A place is the line and column of a JSON pointer's value, or of its key in the object above.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.json_text import JsonParser
from pgmqgen.schema.text import Place, Pointer, Problem

SUFFIXES = (".json", ".yaml", ".yml")
_LARGEST_JSON = 16_000_000
_LARGEST_YAML = 1_000_000
"""Bytes; PyYAML needs about as long for the one as our parser for the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One parsed file.

    label: its path as diagnostics show it; value: its content, None if it does not parse
    values, keys: the place of each pointer's value and of its key
    diagnostics: syntax errors and duplicate keys
    digest: hash of its text, empty if it cannot be read
    """

    path: Path
    label: str
    value: Any
    values: Mapping[Pointer, Place]
    keys: Mapping[Pointer, Place]
    diagnostics: tuple[Diagnostic, ...] = ()
    digest: str = ""

    @property
    def parsed(self) -> bool:
        """Whether the file holds one well-formed value."""
        return bool(self.values)

    def place(self, pointer: Pointer) -> Place:
        """Place of the value at `pointer`, or of the nearest value above it."""
        while pointer not in self.values and pointer:
            pointer = pointer[:-1]
        return self.values.get(pointer, Place(1, 1))

    def key_place(self, pointer: Pointer) -> Place:
        """Place of the key at `pointer`, or of its value where there is no key."""
        return self.keys.get(pointer) or self.place(pointer)

    def diagnose(
        self,
        place: Place | Pointer,
        code: str,
        message: str,
        *,
        hint: str | None = None,
    ) -> Diagnostic:
        """Make a diagnostic at a place, or at the value of a pointer."""
        at = place if isinstance(place, Place) else self.place(place)
        return Diagnostic(
            path=self.label, line=at.line, column=at.column, code=code, message=message, hint=hint
        )


def find_sources(folder: Path) -> Iterator[Path]:
    """Yield the schema files at the top of a folder, sorted by name."""
    for path in sorted(folder.iterdir()):
        if _is_source(path) and not path.name.startswith("."):
            yield path


def find_all_sources(folder: Path) -> Iterator[Path]:
    """Yield the schema files of a folder and of all folders in it, sorted by path."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and _is_source(path):
            yield path


def _is_source(path: Path) -> bool:
    """Whether to read a file, or to say of a link that it leads nowhere."""
    return path.suffix in SUFFIXES and (path.is_file() or (path.is_symlink() and not path.exists()))


def read_source(path: Path, *, root: Path, within: Sequence[Path] = ()) -> Source:
    """Read and parse one file; what is wrong with it is in its `diagnostics`.

    A link out of the folders `within`, which are real paths, is not followed.
    """
    label = Path(os.path.relpath(path, root)).as_posix()
    return _make(path, label, partial(_read, path, within))


def parse_source(path: Path, data: bytes, *, label: str) -> Source:
    """Parse what a file of this path holds, or once held."""
    return _make(path, label, lambda: data)


def _make(path: Path, label: str, read: Callable[[], bytes]) -> Source:
    keys: dict[Pointer, Place] = {}
    values: dict[Pointer, Place] = {}
    digest = ""
    try:
        content = read()
        digest = hashlib.sha256(content).hexdigest()
        value, problems = _parse(path, _decode(content), keys, values)
    except Problem as problem:
        value, problems = None, [problem]
        values.clear()
    found = tuple(
        Diagnostic(
            path=label,
            line=problem.place.line,
            column=problem.place.column,
            code=problem.code,
            message=problem.message,
            hint=problem.hint,
        )
        for problem in problems
    )
    return Source(
        path=path,
        label=label,
        value=value,
        values=values,
        keys=keys,
        diagnostics=found,
        digest=digest,
    )


def _read(path: Path, within: Sequence[Path]) -> bytes:
    _check_link(path, within)
    return _read_bytes(path)


def _check_link(path: Path, within: Sequence[Path]) -> None:
    real = Path(os.path.realpath(path))
    if within and not any(folder in real.parents for folder in within):
        message = "the file is a link that leads out of the project"
        hint = "copy the file, or map a URL prefix to its folder in [vendored]"
        raise Problem("PGQ001", Place(1, 1), message, hint)


def _read_bytes(path: Path) -> bytes:
    largest = _LARGEST_JSON if path.suffix == ".json" else _LARGEST_YAML
    try:
        # Between finding and opening it, a file may have become a pipe that never ends.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Problem("PGQ001", Place(1, 1), "expected a file")
            content = file.read(largest + 1)
    except OSError as error:
        message = f"the file cannot be read: {(error.strerror or str(error)).lower()}"
        raise Problem("PGQ001", Place(1, 1), message) from error
    if len(content) > largest:
        message = (
            f"the file is larger than {largest // 1_000_000} MB, which is the most that is read"
        )
        hint = "move large enumerations out of it" if path.suffix == ".json" else "write it as JSON"
        raise Problem("PGQ001", Place(1, 1), message, hint)
    return content


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8: byte {error.start} is `{content[error.start]:#04x}`"
        line = content.count(b"\n", 0, error.start) + 1
        raise Problem("PGQ001", Place(line, 1), message, "save it as UTF-8") from error


def _parse(
    path: Path, text: str, keys: dict[Pointer, Place], values: dict[Pointer, Place]
) -> tuple[Any, list[Problem]]:
    if path.suffix == ".json":
        return JsonParser(text, keys, values).parse()
    from pgmqgen.schema.yaml_text import parse_yaml

    return parse_yaml(text, keys, values)
