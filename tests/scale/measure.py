"""One measurement: a full queue, drained by a group, seen from the server in the steady middle."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from pgmqgen.bench.payloads import synthetic
from tests.fault.hosts import Hosts
from tests.scale import accounting
from tests.scale.fleet import Fleet
from tests.scale.plan import SIZES, Point
from tests.scale.quota import Quota, release

_FILL = """
INSERT INTO pgmq.q_{queue} (vt, message)
SELECT %(due)s::timestamptz - make_interval(secs => (%(count)s - n) * 1e-6),
    %(message)s::jsonb || jsonb_build_object('id', n)
FROM generate_series(1, %(count)s) AS n
"""
_EXCHANGES = """
SELECT queryid FROM pg_stat_statements
WHERE query LIKE 'WITH settled%%' AND substring(query FROM 'q_(\\w+). AS') = ANY (%s)
"""
_PROGRESS = """
SELECT coalesce(sum(calls), 0), coalesce(sum(rows), 0), coalesce(sum(total_exec_time), 0),
    coalesce(sum(wal_bytes), 0)
FROM pg_stat_statements(false) WHERE queryid = ANY (%s)
"""
_LOOK_S = 0.02
_LEAD_S = 0.4
_FIRST_PACE_S = 50e-6
"""How long a message takes to be filled in, before that was seen."""
_FIRST, _LAST = 0.15, 0.85
_PROBES = 50
_PROBE = """
import statistics, sys, time
import psycopg

with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    times = []
    for _ in range({probes}):
        begin = time.perf_counter()
        connection.execute("SELECT 1")
        times.append(time.perf_counter() - begin)
print(statistics.median(times) * 1000)
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What was so at one moment: seconds, statements, messages leased, ms in statements, WAL bytes.

    busy, cpu: seconds of all cores together, and of each kind of process
    """

    at: float
    calls: int
    messages: int
    exec_ms: float
    wal_bytes: float
    busy: float
    cpu: dict[str, float]


@dataclass(frozen=True, slots=True)
class Sample:
    """What came of one drain, in its steady part.

    rate: messages a second; batch: messages a statement; statement_ms: of one, on the server
    wal_bytes: a message; cpu_us: a message, by kind of process
    others: cores that other programs of the machine kept busy meanwhile
    """

    rate: float
    batch: float
    statement_ms: float
    wal_bytes: float
    cpu_us: dict[str, float]
    others: float


class Observer:
    """Fills the queues and looks at the server, over its Unix socket."""

    def __init__(self, url: str, postmaster: int, quota: Quota, fleet: Fleet) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        release(self.connection.info.backend_pid)
        self._postmaster = postmaster
        self._quota = quota
        self._fleet = fleet
        self._pace_s = dict.fromkeys(SIZES, _FIRST_PACE_S)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def version(self) -> str:
        """The server's."""
        return str(self._fetch("SHOW server_version")[0])

    def arrange(self, point: Point) -> None:
        """Set the circumstances of a point."""
        settings = {
            "synchronous_commit": "on" if point.durable else "off",
            "commit_delay": round(point.commit_delay_ms * 1000),
            "commit_siblings": 0,
        }
        for name, value in settings.items():
            self.connection.execute(f"ALTER SYSTEM SET {name} = {value}".encode())
        self.connection.execute("SELECT pg_reload_conf()")
        self._fleet.delay(point.round_trip_ms)

    def commit_ms(self) -> float:
        """Milliseconds that a commit of almost nothing takes, the round trip taken off."""

        def median(statement: str) -> float:
            return statistics.median(self._time(statement) for _ in range(_PROBES))

        commit = median("SELECT pg_logical_emit_message(true, '', '')")
        return max(0.0, commit - median("SELECT 1")) * 1000

    def drain(self, point: Point, count: int, on_look: Callable[[], None] | None = None) -> Sample:
        """Have `count` messages handled; `on_look` is called all the while."""
        self.connection.execute("SELECT pg_stat_statements_reset()")
        self._fill(point, count)
        self._limit(point.server_cores, point.host_cores)
        count -= count % len(point.queues)
        looks = [self._look(point)]
        for share in (_FIRST, _LAST, 1.0):
            while looks[-1].messages < share * count:
                time.sleep(_LOOK_S)
                if on_look is not None:
                    on_look()
                looks[-1] = self._look(point)
            looks.append(looks[-1])
        self._limit(None, None)
        for queue in point.queues:
            self._wait_until_empty(queue)
        return _compare(looks[0], looks[1])

    def _fill(self, point: Point, count: int) -> None:
        for queue in point.queues:
            self.connection.execute(f"TRUNCATE pgmq.q_{queue}".encode())
        self.connection.execute("CHECKPOINT")  # so that no page is logged whole while it drains
        begin = time.monotonic()
        wait_s = _LEAD_S + self._pace_s[point.payload] * count
        (due,) = self._fetch("SELECT clock_timestamp() + make_interval(secs => %s)", wait_s)
        message = synthetic(SIZES[point.payload])[0].decode()
        values = {"due": due, "count": count // len(point.queues), "message": message}
        for queue in point.queues:
            self.connection.execute(_FILL.format(queue=queue).encode(), values)
            self.connection.execute(f"ANALYZE pgmq.q_{queue}".encode())
        self._pace_s[point.payload] = (time.monotonic() - begin) / count

    def _limit(self, server_cores: float | None, host_cores: float | None) -> None:
        self._quota.limit(server_cores)
        self._fleet.limit(host_cores)

    def _look(self, point: Point) -> Look:
        ids = [row[0] for row in self.connection.execute(_EXCHANGES, [list(point.queues)])]
        calls, messages, exec_ms, wal_bytes = map(float, self._fetch(_PROGRESS, ids))
        group = point.group
        cpu = accounting.take(
            self._postmaster,
            self.connection.info.backend_pid,
            self._fleet.pids(group),
            self._fleet.relay_pids(group),
        )
        at = time.perf_counter()
        return Look(at, int(calls), int(messages), exec_ms, wal_bytes, accounting.busy(), cpu)

    def _wait_until_empty(self, queue: str) -> None:
        statement = f"SELECT count(*) FROM pgmq.q_{queue}"
        while self._fetch(statement)[0]:
            time.sleep(_LOOK_S)

    def _fetch(self, statement: str, *parameters: Any) -> tuple[Any, ...]:
        row = self.connection.execute(statement.encode(), parameters).fetchone()
        assert row is not None
        return row

    def _time(self, statement: str) -> float:
        begin = time.perf_counter()
        self.connection.execute(statement.encode())
        return time.perf_counter() - begin


def round_trip_ms(hosts: Hosts, host: int, url: str) -> float:
    """Median of the milliseconds of a `SELECT 1` from a host."""
    code = _PROBE.format(probes=_PROBES)
    command = [*hosts.within(host), sys.executable, "-c", code, url]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _compare(first: Look, last: Look) -> Sample:
    messages, calls = last.messages - first.messages, max(1, last.calls - first.calls)
    seconds = max(_LOOK_S, last.at - first.at)
    cpu = {kind: last.cpu[kind] - first.cpu[kind] for kind in accounting.KINDS}
    return Sample(
        rate=messages / seconds,
        batch=messages / calls,
        statement_ms=(last.exec_ms - first.exec_ms) / calls,
        wal_bytes=(last.wal_bytes - first.wal_bytes) / messages,
        cpu_us={kind: taken / messages * 1e6 for kind, taken in cpu.items()},
        others=max(0.0, last.busy - first.busy - sum(cpu.values())) / seconds,
    )
