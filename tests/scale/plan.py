"""What is measured: which workers serve which queue, and in which circumstances."""

from __future__ import annotations

from dataclasses import dataclass

SIZES = {"small": 200, "order": 1000, "slow": 200}
"""Bytes of a message, as `pgmqgen bench` makes them; handlers of slow ones wait."""
WAIT_MS = 1.0
"""What the handlers of slow messages wait, without using the CPU."""
HOST_CORES = 0.2
SERVER_CORES = 0.25
"""What a host and the server get where there are to be several hosts: worker hosts share one core."""


@dataclass(frozen=True, slots=True)
class Group:
    """Workers, one a host, that share queues.

    hosts: their numbers; far: whether a relay stands between them and the server
    pooled: whether they go through PgBouncer
    kind: of the queues; split: whether each host has a queue to itself
    """

    name: str
    hosts: tuple[int, ...]
    processes: int = 2
    far: bool = False
    pooled: bool = False
    kind: str = "standard"
    split: bool = False


SCALED = [Group(f"on_{count}", tuple(range(count))) for count in (1, 2, 3, 4)]
ALONE, FOUR = SCALED[0], SCALED[3]
ONE_PROCESS = Group("one_process", (4,), processes=1)
FOUR_PROCESSES = Group("four_processes", (5,), processes=4)
FAR_ONE = Group("far_one", (6,), far=True)
FAR_TWO = Group("far_two", (6, 7), far=True)
SPLIT = Group("split", FOUR.hosts, split=True)
UNLOGGED = Group("unlogged", FOUR.hosts, kind="unlogged")
POOLED = Group("pooled", (8, 9, 10, 11), pooled=True)
HOSTS = 12
SESSIONS = 2
"""Of the server, which all that go through PgBouncer share."""
ROUND_TRIPS_MS = (0.2, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Point:
    """A group that drains a queue in given circumstances.

    server_cores, host_cores: what the server and each host may take; all hosts together have one
    durable: synchronous_commit; commit_delay_ms: the server waits so long before it flushes
    round_trip_ms: what the relay adds
    """

    payload: str
    group: Group
    server_cores: float = 1.0
    host_cores: float = 1.0
    durable: bool = True
    commit_delay_ms: float = 0.0
    round_trip_ms: float = 0.0

    @property
    def queues(self) -> dict[str, tuple[int, ...]]:
        """The queues that are to be drained, each with the hosts that serve it."""
        name, hosts = f"{self.payload}_{self.group.name}", self.group.hosts
        if self.group.split:
            return {f"{name}_{host}": (host,) for host in hosts}
        return {name: hosts}


FITTED = {payload: Point(payload, ALONE) for payload in SIZES}
"""Where the costs of a message are taken from."""


def make_points() -> list[Point]:
    """All that the model is checked against, in the order of its table."""
    points = list(FITTED.values())
    for payload in ("small", "order"):
        points += [Point(payload, group, SERVER_CORES, HOST_CORES) for group in SCALED]
        points.append(Point(payload, FOUR, 1.0, HOST_CORES))
    for payload in ("small", "order"):
        points.append(Point(payload, ALONE, durable=False))
        points.append(Point(payload, ALONE, commit_delay_ms=5.0))
    points.append(Point("order", FOUR, 1.0, HOST_CORES, commit_delay_ms=10.0))
    points += [Point("order", FAR_ONE, round_trip_ms=each) for each in ROUND_TRIPS_MS]
    points.append(Point("small", FAR_ONE, round_trip_ms=5.0))
    points.append(Point("order", FAR_TWO, host_cores=0.5, round_trip_ms=5.0))
    points += [Point("slow", group) for group in (ONE_PROCESS, FOUR_PROCESSES)]
    points += [Point("slow", group, host_cores=1 / len(group.hosts)) for group in (SCALED[1], FOUR)]
    return points


def make_remedies() -> dict[str, Point]:
    """What may help where the server is the limit, which the first shows."""
    return {
        "one queue, four hosts": Point("order", FOUR, SERVER_CORES, HOST_CORES),
        "one host less": Point("order", SCALED[2], SERVER_CORES, HOST_CORES),
        "a queue for each host": Point("order", SPLIT, SERVER_CORES, HOST_CORES),
        "`synchronous_commit` off": Point("order", FOUR, SERVER_CORES, HOST_CORES, durable=False),
        "an unlogged queue": Point("order", UNLOGGED, SERVER_CORES, HOST_CORES),
        "PgBouncer with two sessions": Point("order", POOLED, SERVER_CORES, HOST_CORES),
        "twice the server": Point("order", FOUR, 2 * SERVER_CORES, HOST_CORES),
    }


def all_points() -> list[Point]:
    """All that is measured, each once."""
    return list(dict.fromkeys([*make_points(), *make_remedies().values()]))
