"""The README's quick start, from a wheel with all extras in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgmqgen import local
from tests.docs.reader import Reader
from tests.docs.scenario import read_page

REPOSITORY = Path(__file__).parents[2]

pytestmark = [pytest.mark.timeout(600), pytest.mark.soak]  # it installs all extras


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Folder of the programs of an environment that holds the wheel with all extras."""
    folder = tmp_path / "env"
    venv.create(folder, with_pip=True)
    options = ["--quiet", "--disable-pip-version-check"]
    wheel = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path)]
    subprocess.run([*wheel, str(REPOSITORY), *options], check=True)
    (built,) = tmp_path.glob("*.whl")
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", f"{built}[all]"]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*install, *options], check=True, env=clean)
    return folder / "bin"


@pytest.fixture
def second_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folder of the second project's embedded server, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="pgmqgen-") as name:
        Path(name).chmod(0o711)
        yield Path(name)
        monkeypatch.setenv(local.DIRECTORY_VARIABLE, name)
        local.down(Path(name))


def test_two_projects_in_one_environment(
    tmp_path: Path,
    programs: Path,
    local_directory: Path,
    second_directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = [s for s in read_page(REPOSITORY / "README.md") if s.section == "Quick start"]
    assert any("pgmqgen worker" in step.text for step in steps)
    readers = []
    for name, directory in (("one", local_directory), ("two", second_directory)):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.setenv(local.DIRECTORY_VARIABLE, str(directory))
        readers.append(Reader(folder, "", tmp_path / f"notes-{name}", programs=programs))
    for step in steps:
        for reader in readers:
            reader.follow(step)
