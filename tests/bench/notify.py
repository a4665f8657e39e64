"""What `notify` costs those who send: messages per second with the trigger and without.

pgbench sends, as its own cost is small: 1, 4 and 16 connections, one message a transaction, then 100. One
connection listens, as a worker does. With and without the trigger in turn; medians, as a table.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from pgmq.install import get_embedded_install_sql

from pgmqgen import local
from pgmqgen.admin import ddl
from pgmqgen.local.programs import psql_path
from pgmqgen.runtime.database import sql
from pgmqgen.stage.project import unwinding_once

_SEND = """
INSERT INTO pgmq.q_orders (vt, message)
SELECT clock_timestamp(), jsonb_build_object('id', n, 'note', repeat('x', 170))
FROM generate_series(1, {batch}) AS n;
"""
_SENDERS = ((1, 1), (4, 1), (16, 1), (1, 100), (4, 100), (16, 100))
"""Connections, and messages that each sends by one statement."""


@contextmanager
def listening(url: str) -> Iterator[None]:
    """A connection takes the notifications of the block."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.LISTEN)
        over = threading.Event()

        def take() -> None:
            while not over.is_set():
                for _ in connection.notifies(timeout=0.1):
                    pass

        taker = threading.Thread(target=take)
        taker.start()
        try:
            yield
        finally:
            over.set()
            taker.join()


def send(url: str, script: Path, connections: int, seconds: int) -> float:
    """Transactions per second of so many connections that run the script."""
    program = psql_path().with_name("pgbench")
    options = [
        "-n",
        "-M",
        "prepared",
        "-T",
        str(seconds),
        "-c",
        str(connections),
        "-f",
        str(script),
    ]
    done = subprocess.run([program, *options, url], capture_output=True, text=True, check=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def set_trigger(connection: psycopg.Connection, *, wanted: bool) -> None:
    """Empty the queue, and install the trigger or drop it."""
    connection.execute("SELECT pgmq.purge_queue('orders')")
    connection.execute(f"DROP TRIGGER IF EXISTS {ddl.TRIGGER} ON pgmq.q_orders".encode())
    if wanted:
        connection.execute(ddl.create_trigger("orders").encode())


def run(url: str, folder: Path, seconds: int, rounds: int) -> None:
    """Measure, and print a row for each kind of sender."""
    print("| connections | messages a statement | without | with | ratio |\n|---|---|---|---|---|")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(get_embedded_install_sql().encode())
        connection.execute("SELECT pgmq.create('orders')")
        connection.execute(ddl.NOTIFY_FUNCTION.encode())
        for connections, batch in _SENDERS:
            script = folder / f"send-{batch}.sql"
            script.write_text(_SEND.format(batch=batch))
            rates: dict[bool, list[float]] = {False: [], True: []}
            for _ in range(rounds):
                for wanted, found in rates.items():
                    set_trigger(connection, wanted=wanted)
                    found.append(batch * send(url, script, connections, seconds))
            ratios = [after / before for before, after in zip(*rates.values(), strict=True)]
            without, with_trigger = (statistics.median(found) for found in rates.values())
            span = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            print(f"| {connections} | {batch} | {without:,.0f} | {with_trigger:,.0f} | {span} |")


@unwinding_once()
def main() -> None:
    """Run the benchmark on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pgmqgen-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with local.serve(folder / "server") as url, listening(url):
            run(url, folder, options.seconds, options.rounds)


if __name__ == "__main__":
    main()
