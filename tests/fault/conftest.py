"""The project that the fault tests break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.harness import Shop


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Iterator[Shop]:
    """An empty project on a fresh database; its workers end with the test."""
    shop = Shop(tmp_path, database_url)
    yield shop
    shop.stop()
