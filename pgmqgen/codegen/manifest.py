"""The manifest: which generated files pgmqgen owns, and what it last wrote into each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

NAME = "manifest.json"


def read_manifest(output: Path) -> dict[str, str]:
    """Hashes by path relative to the output; `{}` if there is no manifest that can be read."""
    try:
        files = json.loads((output / NAME).read_text(encoding="utf-8"))["files"]
        return {path: digest for path, digest in files.items() if _is_inside(path)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def render_manifest(hashes: Mapping[str, str]) -> str:
    """The manifest's text."""
    content = {"files": dict(sorted(hashes.items()))}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def digest(content: bytes) -> str:
    """Hash of a file's content; a checkout with other line ends has the same."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts
