"""The CPU time that each kind of process has taken, as the kernel accounts for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

import psutil

KINDS = ("backend", "wal", "other", "parent", "child", "relay", "observer")
"""Of the server: those that serve lanes and scouts, the WAL writer, the rest. Of the workers: the
parents and their children. What stands for the network. This process and its backend."""


def take(
    postmaster: int, observer: int, workers: Iterable[int], relays: Iterable[int]
) -> dict[str, float]:
    """Seconds of CPU so far, user and system, by kind.

    postmaster, workers, relays: process ids; observer: that of this one's backend
    """
    taken: dict[str, float] = defaultdict(float)
    for process in psutil.Process(postmaster).children():
        with suppress(psutil.Error):
            kind = "observer" if process.pid == observer else _kind(process.cmdline())
            taken[kind] += _seconds(process)
    for pid in workers:
        worker = psutil.Process(pid)
        taken["parent"] += _seconds(worker)
        taken["child"] += sum(map(_seconds, worker.children()))
    taken["relay"] += sum(_seconds(psutil.Process(pid)) for pid in relays)
    taken["observer"] += _seconds(psutil.Process())
    return taken


def take_server(postmaster: int, observer: int) -> float:
    """Seconds of CPU so far of a whole server, with its processes that have ended, without one of them.

    postmaster: process id; observer: that of the one left out
    """
    server = psutil.Process(postmaster)
    while True:
        children, times = server.children(), server.cpu_times()
        taken = _seconds(server) + times.children_user + times.children_system
        for process in children:
            with suppress(psutil.Error):
                taken += _seconds(process) if process.pid != observer else 0.0
        if server.children() == children:  # else one may be counted twice, or not at all
            return taken


def busy() -> float:
    """Seconds that all cores together have been busy so far, whoever they worked for."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _kind(command: list[str]) -> str:
    title = " ".join(command)
    if "walwriter" in title:
        return "wal"
    # A client's process is called after it: user, database, and where it connects from.
    return "backend" if "(" in title or "[local]" in title else "other"


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
