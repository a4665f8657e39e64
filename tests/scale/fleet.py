"""The workers of all groups, each on its host, and the relays of those that are far."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pgmqgen.bench.payloads import schema_text
from tests.fault.hosts import SERVER, URL, Hosts
from tests.scale.plan import HOSTS, SIZES, WAIT_MS, Group, all_points
from tests.scale.quota import Quota, make_quota

_HANDLER = """
def handle(message, context):
    pass
"""
_SLOW_HANDLER = f"""
import time

def handle(message, context):
    time.sleep({WAIT_MS / 1000})
"""
_WORKER = """
import json
import os
import sys

options = json.loads(sys.argv[1])
os.sched_setaffinity(0, options.pop("cores"))
sys.path.insert(0, ".")
from generated.registry import registry
from pgmqgen import Worker

Worker(registry, hooks="ready_hooks:Ready", **options).run()
"""
_HOOKS = """
from pgmqgen import Hooks


class Ready(Hooks):
    def on_ready(self):
        print("ready", flush=True)
"""


def make_project(folder: Path, url: str) -> None:
    """A project with the queues of all points, whose handlers do nothing."""
    (folder / "schemas").mkdir(parents=True)
    (folder / "ready_hooks.py").write_text(_HOOKS)
    for point in all_points():
        for queue in point.queues:
            schema = {
                **json.loads(schema_text(SIZES[point.payload])),
                "title": queue,
                "x-pgmq": {"kind": point.group.kind},
            }
            (folder / "schemas" / f"{queue}.json").write_text(json.dumps(schema))
    _pgmqgen(folder, "generate")
    for point in all_points():
        handler = _SLOW_HANDLER if point.payload == "slow" else _HANDLER
        for queue in point.queues:
            (folder / "generated" / "handlers" / f"{queue}.py").write_text(handler)
    _pgmqgen(folder, "migrate", "--database-url", url)


class Fleet:
    """One worker a host, which serves all queues of that host, and those hosts' relays."""

    def __init__(self, hosts: Hosts, pooler_url: str, project: Path, cores: set[int]) -> None:
        self._hosts = hosts
        self._pooler_url = pooler_url
        self._project = project
        self._cores = cores
        self._ending = ExitStack()
        self.workers: list[subprocess.Popen[str]] = []
        self._relays: dict[int, subprocess.Popen[str]] = {}
        self._quotas: list[Quota] = []

    def start(self) -> None:
        """Start them, and return when all are ready."""
        for host in range(HOSTS):
            self._quotas.append(self._ending.enter_context(make_quota(f"host-{host}")))
            if _groups(host)[0].far:
                self._relays[host] = self._start_relay(host)
        for host in range(HOSTS):
            self.workers.append(self._start_worker(host))
        for worker in self.workers:
            _expect(worker, "ready")

    def pids(self, group: Group) -> list[int]:
        """The workers of a group."""
        return [self.workers[host].pid for host in group.hosts]

    def relay_pids(self, group: Group) -> list[int]:
        """The relays of a group."""
        return [self._relays[host].pid for host in group.hosts if host in self._relays]

    def limit(self, cores: float | None) -> None:
        """Give each host so many cores; None: what it wants."""
        for quota in self._quotas:
            quota.limit(cores)

    def delay(self, round_trip_ms: float) -> None:
        """Make all relays add so much to a round trip."""
        for relay in self._relays.values():
            assert relay.stdin is not None
            relay.stdin.write(f"{round_trip_ms}\n")
            relay.stdin.flush()
            _expect(relay, "set")

    def close(self) -> None:
        """End them, and wait for that."""
        self._ending.close()

    def url(self, host: int) -> str:
        """The server's, as a host reaches it."""
        if _groups(host)[0].pooled:
            return self._pooler_url
        return URL.replace(SERVER, "127.0.0.1") if host in self._relays else URL

    def _start_worker(self, host: int) -> subprocess.Popen[str]:
        queues = [
            queue for point in all_points() for queue, on in point.queues.items() if host in on
        ]
        options = {
            "cores": list(self._cores),
            "database_url": self.url(host),
            "processes": _groups(host)[0].processes,
            "queues": list(dict.fromkeys(queues)),
        }
        return self._run(host, "-c", _WORKER, json.dumps(options))

    def _start_relay(self, host: int) -> subprocess.Popen[str]:
        relay = self._run(host, str(Path(__file__).with_name("relay.py")), SERVER)
        os.sched_setaffinity(relay.pid, self._cores)
        _expect(relay, "ready")
        return relay

    def _run(self, host: int, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*self._hosts.within(host), sys.executable, *arguments],
            cwd=self._project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._quotas[host].add(process.pid)
        self._ending.callback(_end, process)
        return process


@contextmanager
def deploy(hosts: Hosts, pooler_url: str, project: Path, cores: set[int]) -> Iterator[Fleet]:
    """Run a fleet during the block.

    pooler_url: of the server through a pooler, over a Unix socket; cores: what the workers and relays run on
    """
    fleet = Fleet(hosts, pooler_url, project, cores)
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.close()


def _groups(host: int) -> list[Group]:
    return [point.group for point in all_points() if host in point.group.hosts]


def _expect(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    said = process.stdout.readline().strip()
    if said != line:
        raise RuntimeError(f"expected `{line}` of a process on a host, got `{said}`")


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate()


def _pgmqgen(folder: Path, *arguments: str) -> None:
    command = [str(Path(sys.executable).with_name("pgmqgen")), *arguments]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
