"""What is wrong with the user's files, and where: a value, and its printers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TextIO

Severity = Literal["error", "warning"]
Format = Literal["text", "json", "github"]

_WIDTH = 100
"""How much of a long line is shown."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\w.+$-]+|.')
"""What is marked from a place on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem in one file.

    path: the file, relative to the project's root
    line, column: its place, counted from 1
    code: stable name of the rule, such as `PGQ103`
    message: one sentence; hint: what to do about it, or None
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    hint: str | None = None
    severity: Severity = "error"


def print_diagnostics(
    diagnostics: Iterable[Diagnostic],
    *,
    form: Format = "text",
    stream: TextIO | None = None,
    root: Path | None = None,
) -> None:
    """Print diagnostics to stderr (or `stream`), sorted and without duplicates.

    As text, each shows its line of the file too if `root` says where the files are.
    """
    found = arrange(diagnostics)
    match form:
        case "text":
            text = _format_text(found, root)
        case "json":
            text = json.dumps([asdict(diagnostic) for diagnostic in found], indent=2)
        case "github":
            text = "\n".join(map(_workflow_command, found))
    if text:
        print(text, file=stream or sys.stderr)


def arrange(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sort diagnostics by place and drop duplicates."""
    return tuple(sorted(set(diagnostics), key=_sort_key))


def _sort_key(diagnostic: Diagnostic) -> tuple[str, int, int, str, str, str]:
    place = (diagnostic.path, diagnostic.line, diagnostic.column)
    return (*place, diagnostic.code, diagnostic.message, diagnostic.hint or "")


def _format_text(diagnostics: Sequence[Diagnostic], root: Path | None) -> str:
    lines: list[str] = []
    read = cache(_read_lines)
    for found in diagnostics:
        place = f"{found.path}:{found.line}:{found.column}"
        mark = "" if found.severity == "error" else f"{found.severity}: "
        lines.append(printable(f"{place}: {found.code} {mark}{found.message}"))
        if root is not None:
            lines += _excerpt(read(root / found.path), found)
        if found.hint:
            lines.append(printable(f"  help: {found.hint}"))
    return "\n".join(lines)


def printable(text: str) -> str:
    """Text on one line, without characters that would steer a terminal."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return repr(char)[1:-1] if len(repr(char)) > 3 else char


def _read_lines(path: Path) -> Sequence[str]:
    try:
        return path.read_bytes().decode("utf-8-sig", errors="replace").split("\n")
    except OSError:
        return ()


def _excerpt(lines: Sequence[str], found: Diagnostic) -> list[str]:
    """The line that a diagnostic is about, clipped around its place, and a mark under it."""
    if not 0 < found.line <= len(lines) or not lines[found.line - 1].strip():
        return []
    line = lines[found.line - 1].rstrip("\r")
    start = max(0, found.column - 1 - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = "".join(char if char.isprintable() else " " for char in line[start : start + _WIDTH])
    at = found.column - 1 - start
    token = _TOKEN.match(shown, at)
    mark = "^" * max(1, len(token[0]) if token else 1)
    gutter = " " * len(str(found.line))
    return [f"  {gutter} |", f"  {found.line} | {shown}", f"  {gutter} | {' ' * at}{mark}"]


def _workflow_command(diagnostic: Diagnostic) -> str:
    path = _escape(diagnostic.path).replace(":", "%3A").replace(",", "%2C")
    place = f"file={path},line={diagnostic.line},col={diagnostic.column}"
    hint = f"\nhelp: {diagnostic.hint}" if diagnostic.hint else ""
    text = _escape(diagnostic.message + hint)
    return f"::{diagnostic.severity} {place},title={diagnostic.code}::{text}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
