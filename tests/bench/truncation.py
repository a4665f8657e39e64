"""How long a lane waits while VACUUM gives the end of an empty queue's table back to the system.

For that it locks the table against everybody. A lane looks for messages all the while; the longest look
while a drained table is vacuumed is compared with the longest before, and without truncation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import psycopg

from tests.bench.flows import FLOWS
from tests.bench.lane import Lane
from tests.bench.tables import RESET, Server, fill, serving, work

FLOW = replace(FLOWS["drained"], messages=40_000)
_REST_S = 0.5
"""Before and after VACUUM."""


def vacuum(url: str) -> None:
    """Vacuum the queue after a rest, and rest again."""
    with psycopg.connect(url, autocommit=True) as connection:
        time.sleep(_REST_S)
        connection.execute("VACUUM pgmq.q_bench")
        time.sleep(_REST_S)


def longest_look_ms(lane: Lane, is_over: Callable[[], bool]) -> float:
    """The longest of the looks until then."""
    longest_s = 0.0
    while not is_over():
        began = time.monotonic()
        lane.turn()
        longest_s = max(longest_s, time.monotonic() - began)
        time.sleep(0.001)
    return longest_s * 1000


def measure(server: Server, url: str, setting: str) -> str:
    """Fill and drain a new queue, and vacuum it: a row of the table."""
    server.run(RESET, f"ALTER TABLE pgmq.q_bench SET (vacuum_truncate = {setting})")
    fill(url, FLOW)
    with closing(Lane(url, FLOW)) as lane, ThreadPoolExecutor() as pool:
        *_, drained = work(lane, FLOW, server)
        lane.turn()
        rest = time.monotonic() + 2 * _REST_S
        before = longest_look_ms(lane, lambda: time.monotonic() > rest)
        during = longest_look_ms(lane, pool.submit(vacuum, url).done)
    left = server.read().table
    return f"{before:.0f} ms | {during:.0f} ms | {drained.table / 1e6:.0f}, {left / 1e6:.0f} MB"


def main() -> None:
    """Run the benchmark on a server of its own, whose autovacuum rests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| `vacuum_truncate` | longest look before | meanwhile | table |\n|---|---|---|---|")
    with serving(naptime_s=3600) as (server, url):
        for _ in range(options.rounds):
            for setting in ("on", "off"):
                print(f"| {setting} | {measure(server, url, setting)} |", flush=True)


if __name__ == "__main__":
    main()
