"""The faults: each breaks something of a running trial, and returns when that was over."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pgmqgen.errors import DatabaseError
from pgmqgen.local import cluster
from pgmqgen.local.programs import run
from tests.fault import clock, pgbouncer
from tests.fault.harness import running_children

if TYPE_CHECKING:
    from tests.fault.accounts import Trial

LEASE_S = 2.0
_CLOCK_S = 300
_MAKE_FIRST = "UPDATE pgmq.q_orders SET vt = 'epoch' WHERE (message ->> 'id')::int = %s"


def kill_child(trial: Trial) -> float:
    """SIGKILL of a process that handles messages."""
    _kill(next(running_children(trial.worker.pid)))
    return time.time()


def kill_parent(trial: Trial) -> float:
    """SIGKILL of the worker itself."""
    _kill(trial.worker.pid)
    return time.time()


def kill_group(trial: Trial) -> float:
    """SIGKILL of the worker and all its processes, as when a host dies."""
    os.killpg(trial.worker.pid, signal.SIGKILL)
    return time.time()


def freeze(trial: Trial) -> float:
    """SIGSTOP for longer than the lease, while another worker goes on, then SIGCONT.

    What the frozen one has in hand it ends while the other one has it.
    """
    long = trial.count
    trial.send(1, LEASE_S * 1.5)
    trial.shop.execute(_MAKE_FIRST, long)
    trial.wait_until(lambda: _begun(trial, long) == 1)
    other = trial.start()
    os.killpg(trial.worker.pid, signal.SIGSTOP)
    time.sleep(LEASE_S * 1.5)
    trial.wait_until(lambda: _begun(trial, long) == 2)
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


def restart_pooler(trial: Trial) -> float:
    """SIGKILL of the pooler through which the worker works, and a start."""
    assert trial.pooler is not None
    trial.pooler.kill()
    time.sleep(1)
    trial.pooler.start()
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


def set_clocks(trial: Trial) -> float:
    """Two more hosts, the clock of one 5 minutes ahead, of the other 5 behind.

    Some messages outlast their leases; while they run, as many messages are sent again.
    """
    for seconds in (_CLOCK_S, -_CLOCK_S):
        trial.start(within=clock.with_clock_ahead(seconds))
    trial.wait_until(lambda: trial.shop.logs().count("ready") == 3)
    sent = trial.count
    trial.send(3, LEASE_S * 1.5)
    time.sleep(LEASE_S)
    trial.send(sent)
    return time.time()


def poison_parent(trial: Trial) -> float:
    """A message that kills the worker each time that it runs; the fault is over at its first."""
    sent_at = time.time()
    trial.shop.execute('SELECT pgmq.send(\'orders\', \'{"id": -1, "do": "kill_parent"}\'::jsonb)')
    trial.wait_until(lambda: trial.shop.count("q_orders_dlq") == 1, 60)
    trial.shop.execute("DELETE FROM pgmq.q_orders_dlq")
    return sent_at


def _begun(trial: Trial, message: int) -> int:
    return sum(1 for line in trial.shop.ledger("begin") if line.id == message)


def _kill(pid: int) -> None:
    """Kill a process that may have ended meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


FAULTS: dict[str, Callable[[Trial], float]] = {
    "a child is killed": kill_child,
    "the parent is killed": kill_parent,
    "the whole worker is killed": kill_group,
    "frozen for longer than the lease": freeze,
    "the server crashes and restarts": restart_server,
    "all connections are ended": kill_backends,
    "packets are swallowed": swallow_packets,
    "the pooler is killed and restarts": restart_pooler,
    "the server's disk is full": fill_disk,
    "clocks of hosts 5 minutes off": set_clocks,
    "a message kills its worker": poison_parent,
}


def missing(fault: str) -> str | None:
    """What a fault needs and is not here."""
    act = FAULTS[fault]
    if act is fill_disk and os.geteuid() != 0:
        return "needs root, for a small disk"
    if act is restart_pooler and pgbouncer.find_program() is None:
        return "needs PgBouncer, which `make setup` fetches where apt-get is"
    if act is set_clocks and clock.find_library() is None:
        return "needs libfaketime, which `make setup` fetches where apt-get is"
    return None
