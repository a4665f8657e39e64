"""What the last run found in a file holds for as long as all stays as it was that it looked at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.memory import Memory
from pgmqgen.numbers import write_json
from pgmqgen.schema.lint.subject import Subject


def recall_findings(
    subject: Subject, memory: Memory, check: Callable[[Subject], Iterable[Diagnostic]]
) -> tuple[Diagnostic, ...]:
    """What `check` finds in a subject, and nothing else may tell it."""
    key = _key(subject, memory)
    text = memory.find(key)
    if text is None:
        text = memory.keep(key, json.dumps([asdict(found) for found in check(subject)]))
    return tuple(Diagnostic(**found) for found in json.loads(text))


def _key(subject: Subject, memory: Memory) -> str:
    source, dialect = subject.source, subject.dialect
    origins = ((ref, str(path), pointer) for ref, (path, pointer) in subject.origins.items())
    return memory.key(
        "findings",
        source.digest,
        source.label,
        dialect.draft,
        *sorted(dialect.left_out),
        str(subject.is_queue),
        write_json([subject.bundle, list(origins)]),
    )
