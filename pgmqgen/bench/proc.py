"""What Linux tells of processes in /proc; elsewhere nothing is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")


def is_known() -> bool:
    """Whether this system tells what is asked for here."""
    return (_PROC / "self" / "smaps_rollup").exists()


def family(pid: int) -> list[int]:
    """Process ids of a process and of all that it has started, and these, and so on."""
    parents = {int(path.name): _parent(path) for path in _PROC.glob("[0-9]*")}
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def proportional_mb(pids: Iterable[int]) -> float:
    """Memory (PSS) in MB: of a page that n processes share, each counts an n-th."""
    return sum(map(_proportional_kb, pids)) / 1000


def cpu_s(pids: Iterable[int]) -> float:
    """Seconds for which the threads of processes have run."""
    stats = (path for pid in pids for path in (_PROC / str(pid)).glob("task/*/schedstat"))
    return sum(int(path.read_text().split()[0]) for path in stats) / 1e9


def _parent(folder: Path) -> int:
    try:
        stat = (folder / "stat").read_text()
    except OSError:  # it has ended meanwhile
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def _proportional_kb(pid: int) -> float:
    lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1.024 for line in lines if line.startswith("Pss:"))
