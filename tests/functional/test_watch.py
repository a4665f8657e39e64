"""`generate --watch`: a real process, and files edited as people and editors do."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class _Watcher:
    """A running `pgmqgen generate --watch`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("pgmqgen"), "generate", "--watch"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._lines.put(line.rstrip("\n"))

    def expect(self, text: str) -> None:
        """Wait for a line that has `text` in it."""
        seen = []
        while True:
            try:
                seen.append(self._lines.get(timeout=30))
            except queue.Empty:
                raise AssertionError(f"no line with {text!r} after {seen}") from None
            if text in seen[-1]:
                return

    def stop(self) -> int:
        """Interrupt it, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=30)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[_Watcher]:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "pgmqgen.toml").touch()
    _write(tmp_path, "ping", {"n": {"type": "integer"}})
    watcher = _Watcher(tmp_path)
    try:
        watcher.expect("1 queue(s): 10 file(s) written")
        yield watcher
    finally:
        watcher.stop()


def _write(folder: Path, name: str, properties: dict[str, Any]) -> None:
    """Write as editors do: into another file, which then takes the place of the old one."""
    beside = folder / "schemas" / f".{name}.tmp"
    beside.write_text(json.dumps({"type": "object", "properties": properties}))
    beside.replace(folder / "schemas" / f"{name}.json")


def test_edits_new_files_and_removed_ones(tmp_path: Path, watcher: _Watcher) -> None:
    _write(tmp_path, "ping", {"more": {"type": "string"}})
    watcher.expect("1 queue(s): 3 file(s) written")
    assert "more: str" in (tmp_path / "generated" / "ping" / "models.py").read_text()
    _write(tmp_path, "pong", {})
    watcher.expect("2 queue(s)")
    (tmp_path / "schemas" / "shared").mkdir()
    (tmp_path / "schemas" / "shared" / "s.json").write_text('{"type": "object"}')
    _write(tmp_path, "pong", {"s": {"$ref": "shared/s.json"}})
    watcher.expect("2 queue(s)")
    (tmp_path / "generated" / "handlers" / "pong.py").unlink()
    (tmp_path / "schemas" / "pong.json").unlink()
    watcher.expect("1 queue(s)")
    assert watcher.stop() == 130


def test_a_broken_schema_is_waited_out(tmp_path: Path, watcher: _Watcher) -> None:
    before = (tmp_path / "generated" / "ping" / "models.py").read_bytes()
    (tmp_path / "schemas" / "ping.json").write_text('{"type": ')
    watcher.expect("schemas/ping.json:1:")
    watcher.expect("error: ")
    assert (tmp_path / "generated" / "ping" / "models.py").read_bytes() == before
    _write(tmp_path, "ping", {"mended": {"type": "string"}})
    watcher.expect("1 queue(s): 3 file(s) written")


def test_configuration_and_templates(tmp_path: Path, watcher: _Watcher) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "package.py.jinja").write_text('"""First."""\n')
    (tmp_path / "pgmqgen.toml").write_text('templates = "own"\n')
    watcher.expect("1 queue(s): 2 file(s) written")
    (tmp_path / "own" / "package.py.jinja").write_text('"""Second."""\n')
    watcher.expect("1 queue(s): 2 file(s) written")
    assert "Second" in (tmp_path / "generated" / "__init__.py").read_text()
    (tmp_path / "pgmqgen.toml").write_text("templates = 3\n")
    watcher.expect("error: ")
    (tmp_path / "pgmqgen.toml").write_text("")
    watcher.expect("1 queue(s): 2 file(s) written")
