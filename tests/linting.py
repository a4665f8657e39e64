"""Lints schemas of a project that is made for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pgmqgen.config import load_config
from pgmqgen.diagnostics import Diagnostic
from pgmqgen.schema.load import load


def find_diagnostics(folder: Path, **files: Any) -> list[Diagnostic]:
    """What is found in a new project of these schemas; `shared__a` is the file `shared/a.json`."""
    (folder / "pgmqgen.toml").touch()
    (folder / "schemas" / "shared").mkdir(parents=True)
    for name, schema in files.items():
        path = folder / "schemas" / f"{name.replace('__', '/')}.json"
        path.write_text(json.dumps(schema))
    return list(load(load_config(folder)).diagnostics)
