"""What the last run found in a file holds for as long as all stays as it was that it looked at."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pgmqgen.diagnostics import Diagnostic
from pgmqgen.memory import Memory
from pgmqgen.numbers import write_json
from pgmqgen.schema.drafts import Dialect
from pgmqgen.schema.lint.subject import Subject
from pgmqgen.schema.source import Source


def recall_findings(
    key: str, memory: Memory, check: Iterable[Diagnostic]
) -> tuple[Diagnostic, ...]:
    """What was found for a key, else what the iterator `check` finds now."""
    text = memory.find(key)
    if text is None:
        text = memory.keep(key, json.dumps([asdict(found) for found in check]))
    return tuple(Diagnostic(**found) for found in json.loads(text))


def source_key(source: Source, dialect: Dialect | None, memory: Memory) -> str:
    """Names all that is looked at in a file on its own."""
    return memory.key("source", source.digest, source.label, *_name(dialect))


def bundle_key(source: Source, bundle: Any, memory: Memory) -> str:
    """Names all that is looked at when a bundle is compiled."""
    return memory.key("bundle", source.digest, source.label, write_json(bundle))


def meaning_key(subject: Subject, memory: Memory) -> str:
    """Names all that is looked at in a file with what it refers to."""
    origins = ((ref, str(path), pointer) for ref, (path, pointer) in subject.origins.items())
    return memory.key(
        "meaning",
        subject.source.digest,
        subject.source.label,
        *_name(subject.dialect),
        str(subject.is_queue),
        write_json([subject.bundle, list(origins)]),
    )


def _name(dialect: Dialect | None) -> tuple[str, ...]:
    return (dialect.draft, *sorted(dialect.left_out)) if dialect else ()
