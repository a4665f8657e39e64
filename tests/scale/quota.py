"""Shares of a core for a test's processes: control groups of the kernel, which only root can make."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup/cpu")
_PERIOD_US = 5000


def can_limit() -> bool:
    """Whether there are control groups of version 1 here, which this process may make."""
    return (_ROOT / "cpu.cfs_quota_us").exists() and os.access(_ROOT, os.W_OK)


class Quota:
    """A group of processes that takes no more than a share of a core."""

    def __init__(self, name: str) -> None:
        self._folder = _ROOT / f"pgmqgen-{os.getpid()}-{name}"
        self._folder.mkdir()
        self._write("cpu.cfs_period_us", _PERIOD_US)

    def add(self, pid: int) -> None:
        """Count a process in, and those that it starts from now on."""
        self._write("cgroup.procs", pid)

    def limit(self, cores: float | None) -> None:
        """Allow so many cores, in all; None: as many as there are."""
        self._write("cpu.cfs_quota_us", -1 if cores is None else round(cores * _PERIOD_US))

    def remove(self) -> None:
        """Let its processes go, and remove it."""
        for pid in (self._folder / "cgroup.procs").read_text().split():
            release(int(pid))
        self._folder.rmdir()

    def _write(self, name: str, value: int) -> None:
        (self._folder / name).write_text(str(value))


@contextmanager
def make_quota(name: str) -> Iterator[Quota]:
    """Make a quota that ends with the block."""
    quota = Quota(name)
    try:
        yield quota
    finally:
        quota.remove()


def release(pid: int) -> None:
    """Let a process take what it wants."""
    try:
        (_ROOT / "cgroup.procs").write_text(str(pid))
    except ProcessLookupError:
        pass  # it has ended
