"""What is wrong with the user's files, and where: a value, and its printers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TextIO

Severity = Literal["error", "warning"]
Format = Literal["text", "json", "github"]


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
    diagnostics: Iterable[Diagnostic], *, form: Format = "text", stream: TextIO | None = None
) -> None:
    """Print diagnostics to stderr (or `stream`), sorted and without duplicates."""
    text = _PRINTERS[form](arrange(diagnostics))
    if text:
        print(text, file=stream or sys.stderr)


def arrange(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sort diagnostics by place and drop duplicates."""
    return tuple(sorted(set(diagnostics), key=_sort_key))


def _sort_key(diagnostic: Diagnostic) -> tuple[str, int, int, str, str, str]:
    place = (diagnostic.path, diagnostic.line, diagnostic.column)
    return (*place, diagnostic.code, diagnostic.message, diagnostic.hint or "")


def _format_text(diagnostics: Sequence[Diagnostic]) -> str:
    return "\n".join(line for diagnostic in diagnostics for line in _text_lines(diagnostic))


def _text_lines(diagnostic: Diagnostic) -> list[str]:
    place = f"{diagnostic.path}:{diagnostic.line}:{diagnostic.column}"
    mark = "" if diagnostic.severity == "error" else f"{diagnostic.severity}: "
    lines = [f"{place}: {diagnostic.code} {mark}{diagnostic.message}"]
    if diagnostic.hint:
        lines.append(f"  help: {diagnostic.hint}")
    return lines


def _format_json(diagnostics: Sequence[Diagnostic]) -> str:
    return json.dumps([asdict(diagnostic) for diagnostic in diagnostics], indent=2)


def _format_github(diagnostics: Sequence[Diagnostic]) -> str:
    return "\n".join(_workflow_command(diagnostic) for diagnostic in diagnostics)


def _workflow_command(diagnostic: Diagnostic) -> str:
    path = _escape(diagnostic.path).replace(":", "%3A").replace(",", "%2C")
    place = f"file={path},line={diagnostic.line},col={diagnostic.column}"
    hint = f"\nhelp: {diagnostic.hint}" if diagnostic.hint else ""
    text = _escape(diagnostic.message + hint)
    return f"::{diagnostic.severity} {place},title={diagnostic.code}::{text}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


_PRINTERS: dict[Format, Callable[[Sequence[Diagnostic]], str]] = {
    "text": _format_text,
    "json": _format_json,
    "github": _format_github,
}
