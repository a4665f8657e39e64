"""Drafts -> models: those that the last run made are recalled, the others made on all cores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import TypeAlias

from pgmqgen.codegen.drafts import Draft, refuse_deep
from pgmqgen.codegen.models import Models, make_models
from pgmqgen.codegen.pool import Pool
from pgmqgen.memory import Memory

Track: TypeAlias = Callable[[Sequence[Draft]], Iterable[Draft]]
"""Passes on what it gets, and shows how far it is."""


def recall_models(
    drafts: Sequence[Draft], memory: Memory, pool: Pool, track: Track = iter
) -> list[Models]:
    """Make the models of each draft; track: is asked for those that are not known, in turn.

    Raises ConfigError and GenerateError.
    """
    keys = [_key(draft, memory) for draft in drafts]
    unknown = {
        key: draft for key, draft in zip(keys, drafts, strict=True) if memory.find(key) is None
    }
    made = pool.map(make_models, unknown.values())
    for key, _ in zip(unknown, track(tuple(unknown.values())), strict=True):
        memory.keep(key, json.dumps(asdict(next(made))))
    return [_read(memory.find(key) or "") for key in keys]


def _key(draft: Draft, memory: Memory) -> str:
    parts = (draft.classes, draft.types, draft.imports, draft.module, draft.payload)
    with refuse_deep(draft.module):
        return memory.key("models", json.dumps(parts))


def _read(text: str) -> Models:
    found = json.loads(text)
    names, members = tuple(found["names"]), tuple(found["members"])
    return Models(source=found["source"], names=names, members=members)
