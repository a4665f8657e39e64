"""What a commit did to the schemas: fields and settings that came, went or changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pgmqgen.docs.facts import Facts, Subject, collect_facts
from pgmqgen.docs.history import Commit, Revision
from pgmqgen.schema.source import SUFFIXES, parse_source

Verb = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference: `subject` is a field or a setting, `detail` how it differs.

    where: which messages have the field, `""` if all may
    """

    verb: Verb
    subject: str
    where: str = ""
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


def _facts(label: str, data: bytes) -> Facts | None:
    """What a file says; None if it cannot be read."""
    value = parse_source(Path(label), data, label=label).value
    if isinstance(value, dict):
        return collect_facts(value)
    return {} if isinstance(value, bool) else None


def _differences(old: Facts, new: Facts) -> Iterator[Change]:
    for subject in dict.fromkeys([*old, *new]):
        if subject not in new:
            yield _change("removed", subject)
        elif subject not in old:
            yield _change("added", subject, _summary(new[subject]))
        elif old[subject] != new[subject]:
            for detail in _details(old[subject], new[subject]):
                yield _change("changed", subject, detail)


def _details(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for keyword in dict.fromkeys([*old, *new]):
        before, after = old.get(keyword), new.get(keyword)
        if before == after:
            continue
        word = f"{keyword} " if keyword else ""
        if before is None or after is None:
            yield f"{word}{after} set" if before is None else f"{word}{before} taken away"
        else:
            yield f"{word}{before} → {after}"


def _change(verb: Verb, subject: Subject, detail: str = "") -> Change:
    return Change(verb=verb, subject=subject.name, where=subject.where, detail=detail)


def _summary(said: Mapping[str, str]) -> str:
    return said.get("") or said.get("type", "").strip('"')
