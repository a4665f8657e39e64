"""Keeps a worker at full load, with its processes being replaced, and watches what it holds.

`python -m tests.fault.endurance --minutes 20` prints memory, descriptors, connections and processes.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from pgmq.install import get_embedded_install_sql

from pgmqgen import local
from pgmqgen.stage.project import unwinding_once
from tests.fault.harness import Shop

_HANDLERS = """
def work(message, context):
    pass
"""
_BATCH, _FULL = 2000, 6000
_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """What a worker holds at one moment; memory is proportional (PSS), in megabytes."""

    minute: float
    handled: int
    parent_mb: float
    children_mb: float
    descriptors: int
    connections: int
    processes: int


def endure(folder: Path, url: str, minutes: float) -> list[Sample]:
    """Run the worker, and return a sample every twentieth of the time."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(get_embedded_install_sql().encode())
    shop = Shop(folder, url)
    shop.add_queues({"orders": {"function": "work"}}, _HANDLERS)
    done = threading.Event()
    feeder = threading.Thread(target=_feed, args=(shop, done))
    feeder.start()
    worker = shop.start(max_messages=20_000, max_age=60)
    samples = []
    try:
        start = time.monotonic()
        for number in range(1, _SAMPLES + 1):
            time.sleep(max(0, start + number * minutes * 60 / _SAMPLES - time.monotonic()))
            samples.append(_take(shop, psutil.Process(worker.pid), time.monotonic() - start))
        worker.terminate()
        assert worker.wait(30) == 0, shop.logs()
    finally:
        done.set()
        feeder.join()
        shop.stop()
    return samples


def _feed(shop: Shop, done: threading.Event) -> None:
    """Keep the queue full."""
    number = 0
    with psycopg.connect(shop.url, autocommit=True) as connection:
        while not done.wait(0.05):
            (found,) = connection.execute("SELECT count(*) FROM pgmq.q_orders").fetchone() or (0,)
            if found < _FULL:
                shop.send("orders", [{"id": number + i, "do": "pass"} for i in range(_BATCH)])
                number += _BATCH


def _take(shop: Shop, worker: psutil.Process, seconds: float) -> Sample:
    children = worker.children()
    ((handled,),) = shop.execute("SELECT total_messages - queue_length FROM pgmq.metrics('orders')")
    ((connections,),) = shop.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgmqgen%%'"
    )
    return Sample(
        minute=seconds / 60,
        handled=handled,
        parent_mb=_pss_mb(worker),
        children_mb=sum(map(_pss_mb, children)),
        descriptors=worker.num_fds(),
        connections=connections,
        processes=len(children),
    )


def _pss_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0


@unwinding_once()
def main() -> None:
    """Print a table of the samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        with local.serve(Path(directory)) as url:
            samples = endure(Path(folder), url, minutes)
    print(
        "| minute | handled | parent, MB | children, MB | descriptors | connections | processes |"
    )
    print("|---|---|---|---|---|---|---|")
    for each in samples:
        print(
            f"| {each.minute:.0f} | {each.handled} | {each.parent_mb:.0f} | {each.children_mb:.0f} "
            f"| {each.descriptors} | {each.connections} | {each.processes} |"
        )


if __name__ == "__main__":
    main()
