"""Every rule of the linter: its bad example gives exactly this text, its good one gives none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgmqgen.schema.lint import RULES
from tests.golden.update import FOLDER, lint


@pytest.mark.parametrize("code", RULES)
def test_bad_example(code: str, tmp_path: Path) -> None:
    expected = (FOLDER / "lint" / f"{code}.txt").read_text(encoding="utf-8")
    printed = lint(RULES[code], RULES[code].bad, tmp_path)
    assert printed == expected
    assert f": {code} " in printed


@pytest.mark.parametrize("code", RULES)
def test_good_example(code: str, tmp_path: Path) -> None:
    assert lint(RULES[code], RULES[code].good, tmp_path) == ""


def test_nothing_is_left_of_rules_that_are_gone() -> None:
    assert {path.stem for path in (FOLDER / "lint").iterdir()} == set(RULES)
