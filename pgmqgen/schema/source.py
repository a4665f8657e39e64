"""The schema files of a project: found, parsed, and with the place of every value kept.

A place is the line and column of a JSON pointer's value, or of its key in the object above.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.json_text import JsonParser
from pgmqgen.schema.text import Place, Pointer, Problem

SUFFIXES = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One parsed file.

    label: its path as diagnostics show it; value: its content, None if it does not parse
    values, keys: the place of each pointer's value and of its key
    diagnostics: syntax errors and duplicate keys
    """

    path: Path
    label: str
    value: Any
    values: Mapping[Pointer, Place]
    keys: Mapping[Pointer, Place]
    diagnostics: tuple[Diagnostic, ...] = ()

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
        if path.suffix in SUFFIXES and path.is_file() and not path.name.startswith("."):
            yield path


def find_all_sources(folder: Path) -> Iterator[Path]:
    """Yield the schema files of a folder and of all folders in it, sorted by path."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in SUFFIXES and path.is_file() and not hidden:
            yield path


def read_source(path: Path, *, root: Path) -> Source:
    """Read and parse one file; what is wrong with it is in its `diagnostics`."""
    label = Path(os.path.relpath(path, root)).as_posix()
    return parse_source(path, path.read_bytes(), label=label)


def parse_source(path: Path, data: bytes, *, label: str) -> Source:
    """Parse what a file of this path holds, or once held."""
    keys: dict[Pointer, Place] = {}
    values: dict[Pointer, Place] = {}
    try:
        text = data.decode("utf-8-sig")
        value, problems = _parse(path, text, keys, values)
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8: byte {error.start} is `{error.object[error.start]:#04x}`"
        value, problems = None, [Problem("PGQ001", Place(1, 1), message)]
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
    return Source(path=path, label=label, value=value, values=values, keys=keys, diagnostics=found)


def _parse(
    path: Path, text: str, keys: dict[Pointer, Place], values: dict[Pointer, Place]
) -> tuple[Any, list[Problem]]:
    if path.suffix == ".json":
        return JsonParser(text, keys, values).parse()
    from pgmqgen.schema.yaml_text import parse_yaml

    return parse_yaml(text, keys, values)
