"""The distribution's packages that `make setup` has unpacked beside the virtual environment."""

from __future__ import annotations

import sys
from pathlib import Path


def folder_of(package: str) -> Path:
    """Where a package is unpacked; the folder is missing where there is no such package."""
    return Path(sys.prefix) / "debian" / package
