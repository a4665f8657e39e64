"""Handler files that no queue belongs to."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from pgmqgen.diagnostics import Diagnostic

_DEFINES_HANDLE = re.compile(r"^(async +def|def) +handle\b|^handle *[:=]", re.MULTILINE)


def find_orphans(folder: Path, modules: frozenset[str], *, root: Path) -> Iterator[Diagnostic]:
    """Report every file of the handlers' folder that handles a queue which is gone.

    A file without `handle` is one that handlers share.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.py"))} if folder.is_dir() else {}
    homeless = sorted(modules - files.keys())
    for stem, path in files.items():
        if stem in modules or stem.startswith("_") or not _defines_handle(path):
            continue
        label = Path(os.path.relpath(path, root)).as_posix()
        yield Diagnostic(
            path=label,
            line=1,
            column=1,
            code="PGQ501",
            message=f"there is no queue for the handler `{stem}`",
            hint=_hint(label, stem, homeless),
        )


def _hint(label: str, stem: str, homeless: list[str]) -> str:
    if not homeless:
        return "delete the file if the queue is gone for good"
    close = difflib.get_close_matches(stem, homeless, n=1, cutoff=0) or homeless
    target = label.removesuffix(f"{stem}.py") + f"{close[0]}.py"
    return f"if the queue was renamed, rename the file to `{target}`"


def _defines_handle(path: Path) -> bool:
    return bool(_DEFINES_HANDLE.search(path.read_text(encoding="utf-8", errors="replace")))
