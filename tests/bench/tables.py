"""What settings of a queue's table cost and save the server, for the work of a worker's lane.

Each setting gets a new queue, and all of them get the same messages in turn, leased and acknowledged 500
at a time by the statements of a lane. It compares processor time, WAL, blocks and sizes. Linux only.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import psutil
import psycopg
from pgmq.install import get_embedded_install_sql

from pgmqgen import local
from pgmqgen.local import cluster
from pgmqgen.stage.project import unwinding_once
from tests.bench.flows import BATCH, DEFAULT, FLOWS, SETTINGS, Flow
from tests.bench.lane import Lane

RESET = """
DROP TABLE IF EXISTS pgmq.q_bench, pgmq.a_bench;
DELETE FROM pgmq.meta;
SELECT pgmq.create('bench');
"""
_SIZES = """
SELECT pg_current_wal_insert_lsn() - '0/0', pg_table_size('pgmq.q_bench'),
    pg_indexes_size('pgmq.q_bench')
"""
_TOTALS = """
SELECT heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit
    + coalesce(toast_blks_read + toast_blks_hit + tidx_blks_read + tidx_blks_hit, 0),
    (SELECT wal_fpi FROM pg_stat_wal), n_tup_hot_upd
FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid)
WHERE relid = 'pgmq.q_bench'::regclass
"""
_LANES = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lane'"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the server has used: CPU in seconds, then bytes of WAL; and bytes of table and indexes."""

    backends_s: float
    vacuum_s: float
    others_s: float
    wal: int
    table: int
    indexes: int


@dataclass(frozen=True, slots=True)
class Result:
    """Of a run, per message: CPU in microseconds, bytes of WAL, blocks touched.

    full_pages: in the WAL, of a hundred messages; hot: HOT updates in all; sizes in MB
    """

    backends: float
    first_quarter: float
    last_quarter: float
    vacuum: float
    others: float
    wal: float
    blocks: float
    full_pages: float
    hot: int
    table_before: float
    table_after: float
    indexes_after: float

    @property
    def cpu(self) -> float:
        """Of all processes of the server."""
        return self.backends + self.vacuum + self.others


class Server:
    """The processes of a server and what they have used. Those that have ended were vacuuming."""

    def __init__(self, connection: psycopg.Connection, data: Path) -> None:
        self._connection = connection
        pid = cluster.find_postmaster(data)
        assert pid is not None
        self._postmaster = psutil.Process(pid)

    def read(self) -> Reading:
        """CPU, WAL and sizes so far."""
        ended = self._postmaster.cpu_times()
        spent = {
            "backend": 0.0,
            "vacuum": ended.children_user + ended.children_system,
            "other": 0.0,
        }
        for child in self._postmaster.children():
            try:
                times = child.cpu_times()
                spent[_kind(" ".join(child.cmdline()))] += times.user + times.system
            except psutil.Error:
                pass  # it has ended meanwhile
        wal, table, indexes = self._connection.execute(_SIZES).fetchone() or (0, 0, 0)
        backends_s, vacuum_s, others_s = spent.values()
        return Reading(backends_s, vacuum_s, others_s, int(wal), table, indexes)

    def totals(self) -> tuple[int, int, int]:
        """Blocks touched, full pages in the WAL, HOT updates of lanes; they count as they end."""
        while self._connection.execute(_LANES).fetchone() != (0,):
            pass
        return self._connection.execute(_TOTALS).fetchone() or (0, 0, 0)

    def run(self, *statements: str) -> None:
        """Run statements one by one."""
        for statement in statements:
            self._connection.execute(statement.encode())


def _kind(title: str) -> str:
    if "autovacuum worker" in title:
        return "vacuum"
    return "backend" if "[local]" in title else "other"


def work(lane: Lane, flow: Flow, server: Server) -> Iterator[Reading]:
    """Handle the messages of the flow; what the server has used, at first and after each quarter."""
    yield server.read()
    for quarter in range(1, 5):
        while lane.handled < flow.messages * quarter // 4:
            if not flow.backlog:
                lane.send(BATCH)
            lane.turn()
            lane.turn()
        yield server.read()


def fill(url: str, flow: Flow) -> None:
    """Send what is there before the measurement."""
    with closing(Lane(url, flow)) as lane:
        lane.send(flow.delayed, delay_s=86_400.0)
        lane.send(flow.messages if flow.backlog else 0)


def measure(server: Server, url: str, flow: Flow, name: str) -> Result:
    """One run on a new queue that has a setting."""
    server.run(RESET, SETTINGS[name])
    fill(url, flow)
    before = server.totals()
    server.run("CHECKPOINT")
    with closing(Lane(url, flow)) as lane:
        readings = list(work(lane, flow, server))
    after = server.totals()
    return summarise(readings, [b - a for a, b in zip(before, after, strict=True)], flow.messages)


def summarise(readings: Sequence[Reading], totals: Sequence[int], messages: int) -> Result:
    """What a message has cost between the first reading and the last."""
    first, *_, third, last = readings
    each, quarter = 1e6 / messages, 4e6 / messages
    return Result(
        first_quarter=quarter * (readings[1].backends_s - first.backends_s),
        last_quarter=quarter * (last.backends_s - third.backends_s),
        backends=each * (last.backends_s - first.backends_s),
        vacuum=each * (last.vacuum_s - first.vacuum_s),
        others=each * (last.others_s - first.others_s),
        wal=(last.wal - first.wal) / messages,
        blocks=totals[0] / messages,
        full_pages=100 * totals[1] / messages,
        hot=totals[2],
        table_before=first.table / 1e6,
        table_after=last.table / 1e6,
        indexes_after=last.indexes / 1e6,
    )


def report(flow: Flow, results: Mapping[str, list[Result]], rounds: int, naptime_s: int) -> None:
    """Print a table: medians, and ratios of the same round."""
    print(f"\n{flow.title}, {flow.messages:,} messages of {flow.size} B, {rounds} rounds, ", end="")
    print(f"autovacuum each {naptime_s} s; HOT updates: ", end="")
    print(f"{sum(result.hot for runs in results.values() for result in runs)}\n")
    print(
        "| | CPU of all / default | quarters: first, last | vacuum | WAL | full pages | blocks ",
        end="",
    )
    print("| table | indexes |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, runs in results.items():
        ratios = [a.cpu / b.cpu for a, b in zip(runs, results[DEFAULT], strict=True)]
        print(f"| {name} | {_span(ratios)} | {_row(runs)} |")


def _row(runs: Sequence[Result]) -> str:
    found = {
        field.name: statistics.median(getattr(run, field.name) for run in runs)
        for field in fields(Result)
    }
    return (
        "{first_quarter:.0f}, {last_quarter:.0f} µs | {vacuum:.1f} µs | {wal:,.0f} B "
        "| {full_pages:.1f} | {blocks:.1f} | {table_before:.0f}, {table_after:.0f} MB "
        "| {indexes_after:.1f} MB"
    ).format(**found)


def _span(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def run(server: Server, url: str, flow: Flow, rounds: int, naptime_s: int) -> None:
    """Measure each setting in turn, every other round in reverse."""
    names = [DEFAULT, *flow.tried]
    results: dict[str, list[Result]] = {name: [] for name in names}
    measure(server, url, flow, DEFAULT)  # the first run makes files that later ones find
    for number in range(rounds):
        for name in names[:: -1 if number % 2 else 1]:
            results[name].append(measure(server, url, flow, name))
    report(flow, results, rounds, naptime_s)


@contextmanager
def serving(naptime_s: int) -> Iterator[tuple[Server, str]]:
    """A server of the block's own, with no checkpoint but those that are asked for."""
    with tempfile.TemporaryDirectory(prefix="pgmqgen-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with (
            local.serve(folder / "server") as url,
            psycopg.connect(url, autocommit=True) as connection,
        ):
            server = Server(connection, folder / "server" / "data")
            server.run(
                get_embedded_install_sql(),
                f"ALTER SYSTEM SET autovacuum_naptime = {naptime_s}",
                "ALTER SYSTEM SET max_wal_size = '16GB'",
                "SELECT pg_reload_conf()",
            )
            yield server, url


@unwinding_once()
def main() -> None:
    """Run the benchmark on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flows", nargs="*", metavar="FLOW", help=", ".join(FLOWS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--naptime", type=int, default=2, help="of autovacuum, in seconds")
    options = parser.parse_args()
    with serving(options.naptime) as (server, url):
        for name in options.flows or FLOWS:
            run(server, url, FLOWS[name], options.rounds, options.naptime)


if __name__ == "__main__":
    main()
