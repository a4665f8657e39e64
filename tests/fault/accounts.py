"""Breaks a running worker in each of the ways there are, and accounts for every message.

Handlers write a ledger. `python -m tests.fault.accounts` prints what was lost, what ran twice, and
how long the longest pause was once the fault was over: the table of docs/guarantees.md.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from pgmq.install import get_embedded_install_sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgmqgen import local
from pgmqgen.errors import DatabaseError
from pgmqgen.local import cluster
from pgmqgen.local.programs import run
from tests.fault.harness import Shop, running_children
from tests.fault.proxy import Proxy

_LEASE_S = 2.0
_PAUSE_S = 0.05
_WORK_S = 0.004
_DISK_MB = 220


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the messages under one fault.

    twice: how many were begun more than once
    recovery_s: the longest time after the end of the fault in which no message was handled
    """

    fault: str
    sent: int
    lost: int
    twice: int
    recovery_s: float


class Trial:
    """A worker that is started again whenever it ends, on a server of its own, behind a proxy."""

    def __init__(self, folder: Path, data: Path, url: str, proxy: Proxy, count: int) -> None:
        self.shop = Shop(folder, url)
        self.data = data
        self.proxy = proxy
        self.count = count
        parts = conninfo_to_dict(url)
        self._url = make_conninfo(
            dbname=parts["dbname"], user="postgres", host="127.0.0.1", port=proxy.port
        )
        self._done = threading.Event()
        self._keeper = threading.Thread(target=self._keep)

    def run(self, name: str, fault: Callable[[Trial], float]) -> Account:
        """Send messages, break something once they flow, and wait until all are handled."""
        settings = {"visibility_timeout": _LEASE_S, "max_attempts": 5}
        self.shop.add_queues({"orders": settings})
        ids = range(self.count)
        self.shop.send("orders", [{"id": i, "do": "sleep", "seconds": _WORK_S} for i in ids])
        self.worker = self._start()
        self._keeper.start()
        try:
            self.wait_until(lambda: self._handled() >= self.count / 10)
            healed_at = fault(self)
            self.wait_until(lambda: self._handled() >= self.count and self._left() == 0, 90)
        finally:
            self._done.set()
            self._keeper.join()
            self.shop.stop()
        return self._settle_account(name, healed_at)

    def wait_until(self, condition: Callable[[], bool], most_s: float = 30) -> None:
        """Wait; after too long go on, and let the account say what is missing."""
        deadline = time.monotonic() + most_s
        while time.monotonic() < deadline and not condition():
            time.sleep(_PAUSE_S)

    def kill(self, pid: int) -> None:
        """Kill a process that may have ended meanwhile."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def _start(self) -> subprocess.Popen[bytes]:
        return self.shop.start(database_url=self._url)

    def _keep(self) -> None:
        """What a supervisor does."""
        while not self._done.wait(_PAUSE_S):
            if self.worker.poll() is not None:
                self.worker = self._start()

    def _handled(self) -> int:
        return len({line.id for line in self.shop.ledger("end")})

    def _left(self) -> int:
        with suppress(psycopg.Error):
            return self.shop.count("q_orders") + self.shop.count("q_orders_dlq")
        return -1

    def _settle_account(self, name: str, healed_at: float) -> Account:
        begun = [line.id for line in self.shop.ledger("begin")]
        ends = sorted({healed_at, *(line.at for line in self.shop.ledger("end"))})
        later = [at for at in ends if at >= healed_at]
        return Account(
            fault=name,
            sent=self.count,
            lost=self.count - self._handled() + max(0, self._left()),
            twice=sum(1 for each in set(begun) if begun.count(each) > 1),
            recovery_s=max((b - a for a, b in pairwise(later)), default=0.0),
        )


def kill_child(trial: Trial) -> float:
    """SIGKILL of a process that handles messages."""
    trial.kill(next(running_children(trial.worker.pid)))
    return time.time()


def kill_parent(trial: Trial) -> float:
    """SIGKILL of the worker itself."""
    trial.kill(trial.worker.pid)
    return time.time()


def kill_group(trial: Trial) -> float:
    """SIGKILL of the worker and all its processes, as when a host dies."""
    os.killpg(trial.worker.pid, signal.SIGKILL)
    return time.time()


def freeze(trial: Trial) -> float:
    """SIGSTOP for longer than the lease, while another worker goes on, then SIGCONT."""
    other = trial._start()
    os.killpg(trial.worker.pid, signal.SIGSTOP)
    time.sleep(_LEASE_S * 1.5)
    os.killpg(trial.worker.pid, signal.SIGCONT)
    healed_at = time.time()
    time.sleep(1)
    other.terminate()
    return healed_at


def restart_server(trial: Trial) -> float:
    """An immediate stop of the server, and a start."""
    run(trial.data, "pg_ctl", "stop", "-D", str(trial.data), "-m", "immediate", "-w")
    time.sleep(1)
    cluster.start(trial.data)
    return time.time()


def kill_backends(trial: Trial) -> float:
    """pg_terminate_backend of every connection of the worker."""
    trial.shop.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name LIKE 'pgmqgen%%' AND pid <> pg_backend_pid()"
    )
    return time.time()


def swallow_packets(trial: Trial) -> float:
    """The network takes what the worker sends, and passes on nothing."""
    trial.proxy.swallow()
    return time.time()


def fill_disk(trial: Trial) -> float:
    """The server's disk is full for two seconds."""
    ballast = trial.data.parent / "ballast"
    with suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(2**16))
    time.sleep(2)
    ballast.unlink()
    healed_at = time.time()
    while True:
        with suppress(DatabaseError):
            cluster.start(trial.data)  # it may have had to give up
            return healed_at
        time.sleep(0.5)


def poison_parent(trial: Trial) -> float:
    """A message that kills the worker each time that it runs; the fault is over at its first."""
    sent_at = time.time()
    trial.shop.execute('SELECT pgmq.send(\'orders\', \'{"id": -1, "do": "kill_parent"}\'::jsonb)')
    trial.wait_until(lambda: trial.shop.count("q_orders_dlq") == 1, 60)
    trial.shop.execute("DELETE FROM pgmq.q_orders_dlq")
    return sent_at


FAULTS = {
    "a child is killed": kill_child,
    "the parent is killed": kill_parent,
    "the whole worker is killed": kill_group,
    "frozen for longer than the lease": freeze,
    "the server crashes and restarts": restart_server,
    "all connections are ended": kill_backends,
    "packets are swallowed": swallow_packets,
    "the server's disk is full": fill_disk,
    "a message kills its worker": poison_parent,
}
NEEDS_ROOT = frozenset({"the server's disk is full"})


def account_for(fault: str, folder: Path, directory: Path, count: int) -> Account:
    """Run one trial; folder: for the project, directory: for the server."""
    with _small_disk(directory, fault in NEEDS_ROOT), local.serve(directory) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(get_embedded_install_sql().encode())
        parts = conninfo_to_dict(url)
        with Proxy(f"{parts['host']}/.s.PGSQL.{parts['port']}") as proxy:
            trial = Trial(folder, directory / "data", url, proxy, count)
            return trial.run(fault, FAULTS[fault])


@contextmanager
def _small_disk(directory: Path, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    options = f"size={_DISK_MB}m,mode=711"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", directory], check=True)


def main() -> None:
    """Print the table of all faults."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2000)
    count: Any = parser.parse_args().messages
    print("| fault | sent | lost | begun twice | longest pause after it, s |")
    print("|---|---|---|---|---|")
    for fault in FAULTS:
        if fault in NEEDS_ROOT and os.geteuid() != 0:
            print(f"{fault}: needs root, left out", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o711)
            found = account_for(fault, Path(folder), Path(directory), count)
        print(
            f"| {fault} | {found.sent} | {found.lost} | {found.twice} | {found.recovery_s:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
