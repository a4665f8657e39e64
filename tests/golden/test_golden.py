"""Golden projects: the output is what it was, to the byte, and whatever the hash seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.update import FOLDER, PROJECTS, generate, read_tree


@pytest.mark.parametrize("hash_seed", ["0", "1", "4711"])
@pytest.mark.parametrize("project", PROJECTS)
def test_output(project: str, hash_seed: str, tmp_path: Path) -> None:
    generate(project, tmp_path, hash_seed=hash_seed)
    actual, expected = read_tree(tmp_path), read_tree(FOLDER / project / "expected")
    assert actual.keys() == expected.keys()
    for path, content in expected.items():
        assert actual[path].decode() == content.decode(), path


@pytest.mark.parametrize("project", PROJECTS)
def test_output_is_strictly_typed(project: str) -> None:
    root = FOLDER / project / "expected"
    source = root / "src" if (root / "src").exists() else root
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--namespace-packages",
         "--explicit-package-bases", "."],
        cwd=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_output_names_no_place_of_this_machine() -> None:
    for project in PROJECTS:
        for path, content in read_tree(FOLDER / project / "expected").items():
            assert str(Path.home()).encode() not in content, path
            assert str(FOLDER.parents[1]).encode() not in content, path


def test_there_are_projects() -> None:
    assert len(PROJECTS) >= 2
