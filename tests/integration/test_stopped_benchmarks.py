"""What somebody stops halfway takes its server and its folder with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

_STARTED = "*/*/data/postmaster.pid"


@pytest.mark.parametrize("module", ["tests.bench.notify", "tests.bench.snapshot", "tests.peers"])
def test_a_stopped_benchmark_leaves_no_server(module: str, local_directory: Path) -> None:
    local_directory.chmod(0o777)
    environment = os.environ | {"TMPDIR": str(local_directory)}
    command = [sys.executable, "-m", module]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as benchmark:
        try:
            postmaster = _wait_for_server(local_directory, benchmark)
        finally:
            benchmark.terminate()
        assert benchmark.wait(30) == 128 + signal.SIGTERM
    assert not _runs(postmaster)
    assert list(local_directory.iterdir()) == []


def _wait_for_server(directory: Path, benchmark: subprocess.Popen[bytes]) -> int:
    """The process id of the server, once the file that tells it is complete."""
    for _ in range(3000):
        assert benchmark.poll() is None
        for file in directory.glob(_STARTED):
            lines = file.read_text().splitlines()
            if lines and lines[-1].strip() == "ready":
                return int(lines[0])
        time.sleep(0.01)
    raise AssertionError("no server was started")


def _runs(pid: int) -> bool:
    """Whether a process has not ended; whoever must wait for it may not have done so yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
