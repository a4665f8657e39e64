"""How throughput grows with hosts, and whether the model of docs/scaling.md says so beforehand.

A server and twelve hosts in network namespaces, on a machine of two cores: the server has the first
to itself, the hosts share the second. Needs root, for namespaces and control groups.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from pgmqgen.local import cluster
from pgmqgen.local.programs import give_to_server
from pgmqgen.stage.project import unwinding_once
from tests.fault.hosts import Hosts, can_make_hosts, make_hosts, serve
from tests.fault.pgbouncer import PgBouncer, find_program
from tests.scale import profile
from tests.scale.fleet import Fleet, deploy, make_project
from tests.scale.measure import Observer, Sample, round_trip_ms
from tests.scale.plan import (
    FOUR,
    HOST_CORES,
    HOSTS,
    SERVER_CORES,
    SESSIONS,
    WAIT_MS,
    Point,
    all_points,
)
from tests.scale.quota import can_limit, make_quota
from tests.scale.report import Report
from tests.scale.result import Measured

_SERVER_CORE, _HOSTS_CORE = 0, 1
_SETTINGS = (
    "shared_preload_libraries=pg_stat_statements",
    "track_wal_io_timing=on",
    "shared_buffers=512MB",
    "max_wal_size=8GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",
)
_FIRST_COUNT, _MOST = 3000, 80_000
_SECONDS = 2.0
"""How long a drain is to take."""


class Run:
    """Measures all points, in turn."""

    def __init__(self, hosts: Hosts, fleet: Fleet, observer: Observer) -> None:
        self._hosts = hosts
        self._fleet = fleet
        self._observer = observer
        self._samples: dict[Point, list[Sample]] = {}
        self._commits: dict[Point, list[float]] = {}
        self._round_trips: dict[tuple[int, float], float] = {}
        self._counts: dict[Point, int] = {}

    def measure(self, points: list[Point], rounds: int) -> list[Measured]:
        """Each point once in each round; before that, once to see how many messages it takes."""
        for number, point in enumerate(points):
            self._try(point)
            _say(f"warm-up: {number + 1} of {len(points)}")
        for turn in range(rounds):
            for number, point in enumerate(points):
                sample = self._repeat(point)
                what = f"{point.payload} {point.group.name}: {sample.rate:,.0f}/s"
                others = f"{sample.others:.1f} cores busy otherwise"
                _say(f"round {turn + 1}: {number + 1} of {len(points)}: {what}, {others}")
        return [self._conclude(point) for point in points]

    def profile(self, points: list[Point]) -> dict[Point, profile.Profile]:
        """Where the server's time goes at some points that were measured."""
        return {point: profile.take(self._observer, point, self._counts[point]) for point in points}

    def _try(self, point: Point) -> None:
        self._observer.arrange(point)
        host = point.group.hosts[0]
        key = host, point.round_trip_ms
        if key not in self._round_trips:
            self._round_trips[key] = round_trip_ms(self._hosts, host, self._fleet.url(host))
        least = _FIRST_COUNT * len(point.group.hosts)
        rate = self._observer.drain(point, least).rate
        self._counts[point] = int(min(_MOST, max(least, rate * _SECONDS)))

    def _repeat(self, point: Point) -> Sample:
        self._observer.arrange(point)
        self._commits.setdefault(point, []).append(self._observer.commit_ms())
        sample = self._observer.drain(point, self._counts[point])
        self._samples.setdefault(point, []).append(sample)
        return sample

    def _conclude(self, point: Point) -> Measured:
        return Measured(
            point=point,
            samples=self._samples[point],
            commit_ms=statistics.median(self._commits[point]),
            round_trip_ms=self._round_trips[point.group.hosts[0], point.round_trip_ms],
        )


@unwinding_once()
def main() -> None:
    """Measure, print the tables, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--write", action="store_true", help="write docs/scaling.md and its plot")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all is removed then, too
    if missing := _missing():
        sys.exit(f"scale: needs {missing}")
    report = _run(options.rounds)
    for title, body in report.sections().items():
        print(f"## {title}\n\n{body}\n")
    if options.json:
        options.json.write_text(json.dumps(report.as_json(), indent=1))
    if options.write:
        report.write()


def _missing() -> str | None:
    """What this machine lacks, if anything."""
    if not can_make_hosts():
        return "root, and the command `ip`, to make network namespaces"
    if not can_limit():
        return "control groups of version 1, and the right to make some"
    if not {_SERVER_CORE, _HOSTS_CORE} <= os.sched_getaffinity(0):
        return "two cores"
    if find_program() is None:
        return "PgBouncer, which `make setup` fetches where it can"
    return None


def _run(rounds: int) -> Report:
    begin = time.monotonic()
    with _made() as (hosts, fleet, observer):
        run = Run(hosts, fleet, observer)
        measured = run.measure(all_points(), rounds)
        profiled = [
            Point("small", FOUR, SERVER_CORES, HOST_CORES),
            Point("order", FOUR, SERVER_CORES, HOST_CORES),
            Point("order", FOUR, 1.0, HOST_CORES),
        ]
        profiles = run.profile(profiled)
        version, wait_us = observer.version(), _wait_us()
    _say(f"took {time.monotonic() - begin:.0f} s")
    others = statistics.median(sample.others for each in measured for sample in each.samples)
    facts = (
        f"PostgreSQL {version}, Python {sys.version.split()[0]}, {os.cpu_count()} cores, of which other "
        f"programs kept {others:.1f} busy, {rounds} rounds, {datetime.date.today()}:"
    )
    return Report(facts, measured, profiles, wait_us)


@contextmanager
def _made() -> Iterator[tuple[Hosts, Fleet, Observer]]:
    """The hosts, the server, the workers, all with their share of the cores."""
    os.sched_setaffinity(0, {_HOSTS_CORE})
    with (
        tempfile.TemporaryDirectory(prefix="pgmqgen-") as name,
        make_hosts(HOSTS) as hosts,
        make_quota("server") as quota,
    ):
        folder = Path(name)
        data = folder / "server" / "data"
        data.parent.mkdir()
        for each in (folder, data.parent):
            each.chmod(0o711)
        give_to_server(data.parent)
        with serve(hosts, data, _SETTINGS) as url:
            postmaster = cluster.find_postmaster(data)
            assert postmaster is not None
            quota.add(postmaster)
            os.sched_setaffinity(postmaster, {_SERVER_CORE})
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION pg_stat_statements")
            make_project(folder / "project", url)
            _say("starting the workers")
            with (
                PgBouncer(url, sessions=SESSIONS) as pooler,
                deploy(hosts, pooler.url, folder / "project", {_HOSTS_CORE}) as fleet,
                closing(Observer(url, postmaster, quota, fleet)) as observer,
            ):
                yield hosts, fleet, observer


def _wait_us() -> float:
    """Microseconds that a handler's wait takes, which the kernel makes a little longer."""
    times = []
    for _ in range(100):
        begin = time.perf_counter()
        time.sleep(WAIT_MS / 1000)
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e6


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
