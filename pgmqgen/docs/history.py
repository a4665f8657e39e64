"""What git knows of the schema files: which commit changed which, and their content then."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT_S = 60
_MOST_COMMITS = 500
_ID_LENGTH = 10
_COMMIT = "\x1e"
"""Goes before each commit in git's output; no text field of ours can hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One file as one commit changed it; `label` is its path from the project's root.

    old, new: its content before and after, None where it was not there
    """

    label: str
    old: bytes | None
    new: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit that changed schema files."""

    id: str
    date: str
    subject: str
    revisions: tuple[Revision, ...]


def read_history(folder: Path, *, root: Path) -> tuple[Commit, ...] | None:
    """The commits that changed files of `folder`, newest first; None if git cannot tell."""
    if shutil.which("git") is None:
        return None
    log = _git(
        root, "log", f"--max-count={_MOST_COMMITS}", "--raw", "-z", "--no-abbrev", "--no-renames",
        "--no-show-signature", "--relative", f"--format={_COMMIT}%H%x00%cs%x00%s%x00", "--", str(folder),
    )  # fmt: skip
    if log is None:
        return None
    entries = list(_parse(log))
    blobs = _read_blobs(
        root, sorted({blob for *_, files in entries for _, *pair in files for blob in pair})
    )
    return tuple(
        Commit(
            id=name[:_ID_LENGTH],
            date=date,
            subject=subject,
            revisions=tuple(
                Revision(label=label, old=blobs.get(old), new=blobs.get(new))
                for label, old, new in files
            ),
        )
        for name, date, subject, files in entries
    )


def _parse(log: bytes) -> Iterator[tuple[str, str, str, list[tuple[str, str, str]]]]:
    for chunk in log.decode(errors="replace").split(_COMMIT)[1:]:
        name, date, subject, *rest = chunk.split("\0")
        fields = [text.strip("\n") for text in rest if text.strip("\n")]
        files = []
        for facts, label in zip(fields[::2], fields[1::2], strict=False):
            _, _, old, new, *_ = facts.split()
            files.append((label, old, new))
        if files:
            yield name, date, subject, files


def _read_blobs(root: Path, names: list[str]) -> dict[str, bytes]:
    wanted = [name for name in names if name.strip("0")]
    output = _git(root, "cat-file", "--batch", stdin="".join(f"{name}\n" for name in wanted))
    blobs: dict[str, bytes] = {}
    at = 0
    while output and at < len(output):
        end = output.index(b"\n", at)
        name, kind, *size = output[at:end].decode().split()
        at = end + 1
        if kind == "blob":
            blobs[name] = output[at : at + int(size[0])]
            at += int(size[0]) + 1
    return blobs


def _git(root: Path, *arguments: str, stdin: str = "") -> bytes | None:
    """What a git command prints, None if it fails. It reads only, and asks for nothing."""
    try:
        done = subprocess.run(
            ["git", "--no-pager", *arguments],
            cwd=root,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
            input=stdin.encode(),
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
