"""What a commit did to the schemas: fields and settings that came, went or changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pgmqgen.docs.history import Commit, Revision
from pgmqgen.numbers import write_json
from pgmqgen.schema.keywords import children
from pgmqgen.schema.settings import KEYWORD
from pgmqgen.schema.source import SUFFIXES, parse_source
from pgmqgen.schema.text import Pointer

Verb = Literal["added", "removed", "changed"]
_ABOUT = frozenset({"$schema", "$id", "id", "$comment", "$defs", "definitions", KEYWORD})
_LONGEST = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference: `subject` is a field or a setting, `detail` how it differs."""

    verb: Verb
    subject: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What a commit did to one file; `verb` says whether the file came, went or changed."""

    label: str
    verb: Verb
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """What one commit did."""

    id: str
    date: str
    subject: str
    files: tuple[FileChange, ...]


def list_changes(commits: tuple[Commit, ...]) -> tuple[ChangeSet, ...]:
    """What each commit did, newest first; commits that changed no schema are left out."""
    found = (
        ChangeSet(
            id=commit.id,
            date=commit.date,
            subject=commit.subject,
            files=tuple(filter(None, map(_compare, commit.revisions))),
        )
        for commit in commits
    )
    return tuple(change for change in found if change.files)


def _compare(revision: Revision) -> FileChange | None:
    if Path(revision.label).suffix not in SUFFIXES:
        return None
    if revision.old is None or revision.new is None:
        verb: Verb = "added" if revision.old is None else "removed"
        return FileChange(label=revision.label, verb=verb, changes=())
    old, new = (_facts(revision.label, data) for data in (revision.old, revision.new))
    if old is None or new is None:
        note = Change(verb="changed", subject="the file", detail="one side is no valid schema file")
        return FileChange(label=revision.label, verb="changed", changes=(note,))
    changes = tuple(_differences(old, new))
    return FileChange(label=revision.label, verb="changed", changes=changes) if changes else None


def _facts(label: str, data: bytes) -> dict[str, dict[str, str]] | None:
    """What a file says of each field and setting, keyword by keyword; None if it cannot be read."""
    value = parse_source(Path(label), data, label=label).value
    if not isinstance(value, dict):
        return {} if isinstance(value, bool) else None
    facts: dict[str, dict[str, str]] = {}
    _collect(value, "", facts)
    settings = value.get(KEYWORD)
    for key, setting in settings.items() if isinstance(settings, dict) else ():
        inner = setting.items() if isinstance(setting, dict) else ()
        facts[f"{KEYWORD}.{key}"] = {"": _show(setting)} if not inner else {}
        for name, item in inner:
            facts[f"{KEYWORD}.{key}.{name}"] = {"": _show(item)}
    return facts


def _collect(schema: Any, path: str, facts: dict[str, dict[str, str]]) -> None:
    """Note what a schema says itself, then the schemas in it, by a path that people can read."""
    inside = list(children(schema))
    keywords = {str(steps[0]) for steps, _ in inside} | _ABOUT
    said = schema.items() if isinstance(schema, dict) else ()
    own = {str(key): _show(value) for key, value in said if key not in keywords}
    if isinstance(schema, dict):
        flags = sorted(key for key in keywords if isinstance(schema.get(key), bool))
        own |= {key: _show(schema[key]) for key in flags}
    if path not in facts:
        facts[path] = own
    for steps, child in inside:
        if not (isinstance(child, bool) and len(steps) == 1):
            _collect(child, _join(path, steps, child), facts)


def _join(path: str, steps: Pointer, child: Any) -> str:
    match steps:
        case ("properties", name):
            return f"{path} {name}" if path.endswith(":") else f"{path}.{name}".removeprefix(".")
        case ("$defs" | "definitions", name):
            return f"{name}:"
        case ("items",):
            return f"{path}[]"
        case ("additionalProperties",):
            return f"{path}.*"
        case ("oneOf" | "anyOf" | "allOf" as keyword, index):
            title = child.get("title", child.get("$ref")) if isinstance(child, dict) else None
            return f"{path} {keyword} {title or index}".strip()
    return " ".join([path, *map(str, steps)]).strip()


def _differences(
    old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]
) -> Iterator[Change]:
    for path in dict.fromkeys([*old, *new]):
        if path not in new:
            yield Change(verb="removed", subject=path)
        elif path not in old:
            yield Change(verb="added", subject=path, detail=_summary(new[path]))
        elif old[path] != new[path]:
            yield from _changed(path, old[path], new[path])


def _changed(path: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for keyword in dict.fromkeys([*old, *new]):
        before, after = old.get(keyword), new.get(keyword)
        if before == after:
            continue
        word = f"{keyword} " if keyword else ""
        if before is None or after is None:
            text = f"{word}{after} set" if before is None else f"{word}{before} taken away"
        else:
            text = f"{word}{before} → {after}"
        yield Change(verb="changed", subject=path or "the message", detail=text)


def _summary(said: Mapping[str, str]) -> str:
    return said.get("") or said.get("type", "").strip('"')


def _show(value: Any) -> str:
    text = write_json(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
