"""The example project: schemas and handlers that pgmqgen ships."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgmqgen.config import Config

_PACKAGE = Path(__file__).parent
_REPOSITORY = Path(__file__).parents[2]
_CONFIGURATION = "[database]\nlocal = true\n"
_COMPILED = shutil.ignore_patterns("__pycache__")


def create_project(root: Path) -> Config:
    """Write the example project to `root`: schemas, handlers, configuration."""
    from pgmqgen.config import load_config

    root.mkdir()
    (root / "pgmqgen.toml").write_text(_CONFIGURATION)
    shutil.copytree(_find("schemas", "schemas"), root / "schemas")
    handlers = root / "generated" / "handlers"
    shutil.copytree(_find("handlers", "generated/handlers"), handlers, ignore=_COMPILED)
    return load_config(root)


def _find(shipped: str, source: str) -> Path:
    """A folder of the wheel; an editable install finds it in the repository."""
    folder = _PACKAGE / shipped
    return folder if folder.is_dir() else _REPOSITORY / source
