"""Shows what writing would change, as a unified diff."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from pgmqgen.codegen.manifest import NAME
from pgmqgen.codegen.write import Comparison

_NOWHERE = "/dev/null"


def diff(comparison: Comparison, root: Path) -> Iterator[str]:
    """Yield the lines of a diff that `git apply` takes, without line ends; files by path.

    The manifest is left out: its hashes tell a reader nothing that the files do not.
    """
    for path in comparison.stale:
        if path.name == NAME:
            continue
        name = path.relative_to(root).as_posix()
        old = path.read_text(encoding="utf-8") if path.exists() else None
        new = comparison.changed[path].decode() if path in comparison.changed else None
        lines = difflib.unified_diff(
            _lines(old),
            _lines(new),
            _NOWHERE if old is None else f"a/{name}",
            _NOWHERE if new is None else f"b/{name}",
            lineterm="",
        )
        yield from lines


def _lines(text: str | None) -> list[str]:
    return text.split("\n")[:-1] if text else []
