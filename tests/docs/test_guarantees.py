"""Every row of the guarantees names its test, and each test that the page names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "guarantees.md").read_text(encoding="utf-8")
TESTS = {
    name
    for path in (REPOSITORY / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
}


@pytest.mark.parametrize("section", ["Attempts", "What happens when"])
def test_each_row_names_its_test(section: str) -> None:
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    head, _, *rows = [line for line in text.splitlines() if line.startswith("|")]
    assert head.endswith("| test |")
    assert rows
    for row in rows:
        assert re.search(r"\| `test_\w+`(, `test_\w+`)* \|$", row), row


def test_each_named_test_exists() -> None:
    assert set(re.findall(r"`(test_\w+)`", PAGE)) <= TESTS
