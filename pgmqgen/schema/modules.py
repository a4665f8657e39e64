"""Where the shared definitions of a file go: the path of its module in the generated package."""

from __future__ import annotations

import keyword
import os
from pathlib import Path

from pgmqgen.config import Config
from pgmqgen.schema.names import module_name, snake_case

_PACKAGE = "shared"


def shared_module(path: Path, config: Config) -> tuple[str, ...]:
    """The module of a file: its path below the folder of schemas, or below the project."""
    inside = path.is_relative_to(config.schemas)
    relative = os.path.relpath(path, config.schemas if inside else config.root)
    steps = [*Path(relative).parent.parts, path.stem]
    if inside and len(steps) > 1 and steps[0] == _PACKAGE:
        del steps[0]
    return (_PACKAGE, *(_module_step(step) for step in steps if step != ".."))


def _module_step(step: str) -> str:
    name = module_name(snake_case(step))
    reserved = keyword.iskeyword(name) or name.startswith("__")
    return f"{name.strip('_')}_schema" if reserved else name
