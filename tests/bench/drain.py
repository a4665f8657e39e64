"""How fast a worker drains a queue, as a ratio to a bare pgmq loop in the same run.

The worker: 2 processes that parse, validate by JSON Schema, build the typed model and call a
handler that does nothing. The bare loop: 2 processes, each with one connection, that call
`pgmq.read` for 100 messages and `pgmq.delete` for their ids, until there are none. Both in turn,
several times; both are timed from the moment when they are ready until the queue is empty.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg
from pgmq.install import get_embedded_install_sql

from pgmqgen import local

_HANDLER = """
def handle(message, context):
    pass
"""
_HOOKS = """
from pgmqgen import Hooks


class Ready(Hooks):
    def on_ready(self):
        print("ready", flush=True)
"""
_WORKER = """
import sys

sys.path.insert(0, ".")
from generated.registry import registry
from pgmqgen import Worker

Worker(registry, database_url=sys.argv[1], processes=2, hooks="ready_hooks:Ready").run()
"""


def order(number: int) -> dict[str, object]:
    """An order of about 1 KB."""
    lines = [
        {"sku": f"SKU-{number}-{i}", "quantity": i + 1, "price": 9.99 * (i + 1), "note": "n" * 40}
        for i in range(7)
    ]
    return {
        "id": number + 1,
        "customer": "Ada Lovelace",
        "email": "ada@example.com",
        "created_at": "2026-01-02T03:04:05Z",
        "status": "new",
        "lines": lines,
        "total": 279.72,
        "comment": "c" * 120,
    }


def make_project(folder: Path) -> None:
    """A generated project with the queue `orders` and a handler that does nothing."""
    (folder / "schemas").mkdir()
    schema = Path(__file__).with_name("order.json").read_text()
    (folder / "schemas" / "orders.json").write_text(schema)
    (folder / "ready_hooks.py").write_text(_HOOKS)
    command = [Path(sys.executable).with_name("pgmqgen"), "generate"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (folder / "generated" / "handlers" / "orders.py").write_text(_HANDLER)


def fill(url: str, count: int) -> None:
    """Put `count` orders into the queue and settle the table."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.purge_queue('orders')")
        for start in range(0, count, 5000):
            batch = json.dumps([order(i) for i in range(start, min(count, start + 5000))])
            connection.execute(
                "INSERT INTO pgmq.q_orders (vt, message) "
                "SELECT clock_timestamp(), value FROM jsonb_array_elements(%s::jsonb)",
                (batch,),
            )
        connection.execute("VACUUM ANALYZE pgmq.q_orders")
        connection.execute("CHECKPOINT")


def wait_until_empty(url: str) -> float:
    """The time when the queue is seen empty."""
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute("SELECT 1 FROM pgmq.q_orders LIMIT 1").fetchone():
            time.sleep(0.01)
    return time.perf_counter()


def drain_by_worker(folder: Path, url: str) -> float:
    """Seconds that a worker takes from ready to empty."""
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, url], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        started = time.perf_counter()
        return wait_until_empty(url) - started
    finally:
        worker.terminate()
        worker.wait()


def bare_loop(url: str, barrier: Barrier) -> None:
    """Read 100 and delete 100 until there are none."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT * FROM pgmq.read('orders', 30, 0)")
        barrier.wait()
        while True:
            rows = connection.execute(
                "SELECT msg_id, read_ct, message FROM pgmq.read('orders', 30, 100)"
            ).fetchall()
            if not rows:
                return
            ids = [row[0] for row in rows]
            connection.execute("SELECT pgmq.delete('orders', %s::bigint[])", (ids,)).fetchall()


def drain_by_bare_loop(url: str) -> float:
    """Seconds that the bare loop takes on two connections."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(3)
    loops = [context.Process(target=bare_loop, args=(url, barrier)) for _ in range(2)]
    for loop in loops:
        loop.start()
    barrier.wait()
    started = time.perf_counter()
    seconds = wait_until_empty(url) - started
    for loop in loops:
        loop.join()
    return seconds


def main() -> None:
    """Run the benchmark and print the ratio first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pgmqgen-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        (folder / "project").mkdir()
        make_project(folder / "project")
        with local.serve(folder / "server") as url:
            run(folder / "project", url, options.messages, options.rounds)


def run(project: Path, url: str, messages: int, rounds: int) -> None:
    """Interleave the contestants and print each round, then the medians."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(get_embedded_install_sql().encode())
        connection.execute("SELECT pgmq.create('orders'), pgmq.create('orders_dlq')")
    size = len(json.dumps(order(0)))
    print(f"{messages} messages of {size} bytes, {os.cpu_count()} cores, {rounds} rounds")
    ratios, ours, bares = [], [], []
    for number in range(rounds):
        fill(url, messages)
        bare = messages / drain_by_bare_loop(url)
        fill(url, messages)
        worker = messages / drain_by_worker(project, url)
        ratios.append(worker / bare)
        ours.append(worker)
        bares.append(bare)
        print(
            f"round {number + 1}: worker {worker:,.0f}/s, bare loop {bare:,.0f}/s, ratio {worker / bare:.2f}"
        )
    print(
        f"ratio {statistics.median(ratios):.2f} (median; {min(ratios):.2f} to {max(ratios):.2f}); "
        f"worker {statistics.median(ours):,.0f}/s, bare loop {statistics.median(bares):,.0f}/s"
    )


if __name__ == "__main__":
    main()
