"""How far `generate` is, as a terminal shows it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

_COMMAND = [str(Path(sys.executable).with_name("pgmqgen")), "generate"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "schemas").mkdir()
    for number in range(3):
        (tmp_path / "schemas" / f"q{number}.json").write_text('{"type": "object"}')
    return tmp_path


def test_a_terminal_shows_how_far_it_is(project: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            _COMMAND, cwd=project, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True,
            env=os.environ | {"TERM": "xterm"},
        )  # fmt: skip
        shown = os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "compiling the schemas" in shown
    assert "100%" in shown
    assert done.stdout.startswith("3 queue(s): ")


def test_a_pipe_gets_no_progress(project: Path) -> None:
    done = subprocess.run(_COMMAND, cwd=project, capture_output=True, text=True, check=True)
    assert done.stderr == ""
