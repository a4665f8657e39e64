"""The distribution's packages that `make setup` has unpacked beside the virtual environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def folder_of(package: str) -> Path:
    """Where a package is unpacked; the folder is missing where there is no such package."""
    return Path(sys.prefix) / "debian" / package


def environment_of(package: str) -> dict[str, str]:
    """The environment of its programs, which find its libraries; this one's if it is missing."""
    libraries = ":".join(map(str, folder_of(package).glob("**/*-linux-gnu")))
    return os.environ | ({"LD_LIBRARY_PATH": libraries} if libraries else {})
