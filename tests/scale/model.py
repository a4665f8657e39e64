"""How many messages a second hosts, server and network can take: five bounds, and how they meet.

Each message costs CPU time on the server, in its worker's parent and in a child. Each statement that
leases also waits for the network and for the commit, and each lane runs one at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LANES = 2
"""Of a worker with two processes or more."""
LOAD = 0.7
_SHARPNESS = 3.0
"""How late a bound makes itself felt. A lane waits in a queue while others are served, so near where
two bounds cross, less than both is reached. The greater, the closer it comes to the least bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a message takes, in microseconds.

    server_us, parent_us, child_us: of CPU time; wait_us: what its handler waits
    crowd_us: of CPU time of the server more for each lane that its statement meets there
    batch: messages a statement leases while there are enough
    """

    server_us: float
    parent_us: float
    child_us: float
    crowd_us: float = 0.0
    wait_us: float = 0.0
    batch: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One server, and some hosts with one worker each.

    host_cores: of one host
    commit_ms: of one small commit; round_trip_ms: between a host and the server
    """

    hosts: int
    processes: int = 2
    host_cores: float
    server_cores: float
    commit_ms: float
    round_trip_ms: float


def bounds(costs: Costs, setup: Setup) -> dict[str, float]:
    """Messages a second that each part could take if the others were infinitely fast."""
    hosts = setup.hosts
    lanes = hosts * min(LANES, setup.processes)
    parent_us = costs.parent_us / min(1.0, setup.host_cores)
    server_us = costs.server_us / min(1.0, setup.server_cores)
    waits_us = (setup.commit_ms + setup.round_trip_ms) * 1000 / costs.batch
    crowded_us = costs.server_us + costs.crowd_us * max(0, lanes - LANES)
    return {
        "server": 1e6 * setup.server_cores / crowded_us,
        "hosts": 1e6 * hosts * setup.host_cores / (costs.parent_us + costs.child_us),
        "parents": 1e6 * hosts / parent_us,
        "handlers": 1e6 * hosts * setup.processes / (costs.child_us + costs.wait_us),
        "lanes": 1e6 * lanes / (server_us + parent_us + waits_us),
    }


def predict(costs: Costs, setup: Setup) -> float:
    """Messages a second that are handled."""
    each = bounds(costs, setup).values()
    return float(sum(bound**-_SHARPNESS for bound in each) ** (-1 / _SHARPNESS))


@dataclass(frozen=True, slots=True)
class Need:
    """What so many messages a second take at least.

    workers: of which each parent keeps a core; processes: of all workers together
    """

    server_cores: float
    host_cores: float
    workers: int
    processes: int


def need(costs: Costs, rate: float, waits_ms: float) -> Need:
    """What has to be there so that nothing is busy for more than `LOAD` of the time.

    rate: messages a second; waits_ms: of a commit and a round trip together
    """
    busy = rate / 1e6 / LOAD
    lane_us = costs.server_us + costs.parent_us + waits_ms * 1000 / costs.batch
    return Need(
        server_cores=busy * costs.server_us,
        host_cores=busy * (costs.parent_us + costs.child_us),
        workers=math.ceil(busy * max(costs.parent_us, lane_us / LANES)),
        processes=math.ceil(busy * (costs.child_us + costs.wait_us)),
    )


def limit(costs: Costs, setup: Setup) -> str:
    """What limits most."""
    each = bounds(costs, setup)
    return min(each, key=each.__getitem__)
