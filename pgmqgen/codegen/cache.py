"""What a project keeps between runs of `generate`, in `.pgmqgen/cache`, and by what it is known."""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pgmqgen.config import Config
from pgmqgen.memory import Memory

_PACKAGES = ("pgmqgen", "datamodel-code-generator", "inflect", "jinja2", "jsonschema-rs", "pydantic",
             "pyyaml", "ruff")  # fmt: skip
_SOURCES = (Path(__file__).parents[1], Path(__file__).parents[2] / "templates")


def cache_folder(config: Config) -> Path:
    """Where a project's cache lies."""
    return config.root / ".pgmqgen" / "cache"


def open_memory(config: Config, tools: str | None = None) -> Memory:
    """What the last run of a project kept; tools: their digest, if it is known already."""
    return Memory(cache_folder(config) / "memory", tools or tools_digest())


def tools_digest() -> str:
    """Hash of all that turns schemas into files: pgmqgen's own sources and the versions it uses."""
    digest = hashlib.sha256(repr(sys.version_info).encode())
    for name in _PACKAGES:
        digest.update(f"{name} {_version(name)}\n".encode())
    for folder in _SOURCES:
        for path in sorted(_files(folder)):
            digest.update(f"{path}\n{_hash(path.read_bytes())}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in (".py", ".jinja", ".json")]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
