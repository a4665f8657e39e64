"""What a project keeps between runs, in files that are safe to delete at any time.

An entry is replaced as a whole and carries a checksum, so that concurrent runs and torn files
cost time, never a wrong result.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any


class Memory:
    """Texts that took long to make, by what they were made from.

    Only those that the last run used are kept, so it does not grow.
    """

    def __init__(self, file: Path | None = None, tools: str = "") -> None:
        self._file, self._tools = file, tools
        found = read_entry(file) if file else None
        self._known: dict[str, str] = found if isinstance(found, dict) else {}
        self._used: dict[str, str] = {}

    def key(self, *parts: str) -> str:
        """Name of what these parts make, with these tools."""
        return _hash(json.dumps([self._tools, *parts]).encode())

    def find(self, key: str) -> str | None:
        """The text of a key, if it is known."""
        text = self._known.get(key)
        if text is not None:
            self._used[key] = text
        return text

    def keep(self, key: str, text: str) -> str:
        """Remember the text of a key, and return it."""
        self._known[key] = self._used[key] = text
        return text

    def save(self) -> None:
        """Keep what was used for the next run."""
        if self._file is not None:
            write_entry(self._file, self._used)


def read_entry(file: Path) -> Any:
    """The value of an entry, None if there is none that is whole."""
    try:
        checksum, _, body = file.read_bytes().partition(b"\n")
        return json.loads(body) if checksum.decode() == _hash(body) else None
    except (OSError, ValueError):
        return None


def write_entry(file: Path, value: Any) -> None:
    """Replace an entry; where nothing can be written, there is none."""
    body = json.dumps(value).encode()
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / ".gitignore").write_text("*\n")
        handle, name = tempfile.mkstemp(dir=file.parent)
        try:
            with open(handle, "wb") as beside:
                beside.write(_hash(body).encode() + b"\n" + body)
            os.replace(name, file)
        except OSError:
            Path(name).unlink(missing_ok=True)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
