"""The keyword `x-pgmq` of a schema file -> QueueSettings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.queue import QueueSettings, check_settings, make_settings
from pgmqgen.schema.source import Source

KEYWORD = "x-pgmq"
_CODES = {"unknown": "PGQ301", "wrong": "PGQ302", "unsupported": "PGQ303"}


def read_settings(
    source: Source, defaults: Mapping[str, Any]
) -> tuple[QueueSettings | None, tuple[Diagnostic, ...]]:
    """Return the settings that a file declares, or None and why not."""
    given = source.value.get(KEYWORD, {}) if isinstance(source.value, dict) else {}
    diagnostics = tuple(_check(source, given))
    if diagnostics:
        return None, diagnostics
    name = given.get("queue", source.path.stem)
    return make_settings(name, {**defaults, **given}), ()


def _check(source: Source, given: Any) -> Iterator[Diagnostic]:
    for problem in check_settings(given):
        pointer = (KEYWORD, *problem.path)
        place = source.place(pointer) if problem.kind == "wrong" else source.key_place(pointer)
        code = _CODES[problem.kind]
        yield source.diagnose(place, code, problem.message, hint=problem.hint)
