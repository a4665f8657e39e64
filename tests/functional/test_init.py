"""`pgmqgen init`: a project that generates, and leaves what is there alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
FILES = ("schemas/send_email.json", "pgmqgen.toml", ".gitattributes", "ruff.toml", ".gitignore")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_project_generates(
    tmp_path: Path, run_pgmqgen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run_pgmqgen("init", "shop")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:5] == [f"created shop/{name}" for name in FILES]
    for step in ("cd shop", "generate", "fill in", "dev up", "migrate", "send", "worker"):
        assert step in done.stdout
    monkeypatch.chdir(tmp_path / "shop")
    assert run_pgmqgen("generate").returncode == 0
    assert run_pgmqgen("generate", "--check").returncode == 0


def test_ruff_checks_the_handlers_only(
    tmp_path: Path, run_pgmqgen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_pgmqgen("init")
    run_pgmqgen("generate")
    command = [sys.executable, "-m", "ruff", "check", "--show-files"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    files = {Path(line).relative_to(tmp_path).as_posix() for line in done.stdout.splitlines()}
    assert files - {"ruff.toml"} == {"generated/handlers/send_email.py"}


def test_in_the_current_folder(run_pgmqgen: Run) -> None:
    done = run_pgmqgen("init")
    assert done.stdout.startswith("created schemas/send_email.json\n")
    assert "cd " not in done.stdout


def test_nothing_is_overwritten(tmp_path: Path, run_pgmqgen: Run) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    done = run_pgmqgen("init")
    assert "kept    .gitignore" in done.stdout
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    again = run_pgmqgen("init")
    assert again.returncode == 0
    assert [line for line in again.stdout.splitlines() if line.startswith("kept")] == [
        f"kept    {name}" for name in FILES
    ]


def test_a_ruff_configuration_in_pyproject_is_not_shadowed(
    tmp_path: Path, run_pgmqgen: Run
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\nline-length = 80\n")
    assert "kept    ruff.toml" in run_pgmqgen("init").stdout
    assert not (tmp_path / "ruff.toml").exists()


def test_a_file_in_the_way(tmp_path: Path, run_pgmqgen: Run) -> None:
    (tmp_path / "shop").write_text("a file")
    done = run_pgmqgen("init", "shop")
    assert done.returncode == 2
    assert "error: cannot make a project in `shop`" in done.stderr
    assert "Traceback" not in done.stderr
