"""Three worker hosts and one server, and a host that the network loses for a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.harness import Shop, running_children
from tests.fault.hosts import URL, Hosts, can_make_hosts, make_hosts, serve

_LEASE_S = 2.0


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    if not can_make_hosts():
        pytest.skip("only root, with the command `ip`, can make network namespaces")
    with make_hosts(3) as hosts:
        yield hosts


@pytest.fixture
def network(hosts: Hosts, local_directory: Path, tmp_path: Path) -> Iterator[Shop]:
    """A project on a server that listens in a namespace of its own, with passwords."""
    with serve(hosts, local_directory / "data") as url:
        shop = Shop(tmp_path, url)
        shop.add_queues({"orders": {"visibility_timeout": _LEASE_S}})
        yield shop
        shop.stop()


def test_nothing_is_lost_when_a_host_is_cut_off_twice(hosts: Hosts, network: Shop) -> None:
    shop = network
    workers = [shop.start(within=hosts.within(host), database_url=URL) for host in range(3)]
    shop.wait_for(lambda: shop.logs().count("ready") == 3)
    lost = set(running_children(workers[0].pid))
    for turn in range(2):
        shop.send("orders", _messages(turn, "a"))
        shop.wait_for(lambda turn=turn: _handled(shop) > 1000 * turn + 100)
        hosts.partition(0)
        time.sleep(_LEASE_S * 1.5)
        assert not any(line.pid in lost for line in shop.ledger("begin")[-50:])
        shop.wait_for(lambda turn=turn: _handled(shop) == 1000 * turn + 500)
        hosts.heal(0)
        shop.send("orders", _messages(turn, "b"))
        shop.wait_for(lambda turn=turn: _handled(shop) == 1000 * turn + 1000, timeout_s=40)
    for worker in workers:
        worker.terminate()
    assert [worker.wait(20) for worker in workers] == [0, 0, 0]
    assert shop.count("q_orders") == shop.count("q_orders_dlq") == 0
    begun = {line.pid for line in shop.ledger("begin")}
    assert begun & lost, "the host that was cut off has handled nothing"


def _messages(turn: int, half: str) -> list[dict[str, object]]:
    first = 1000 * turn + (500 if half == "b" else 0)
    ids = range(first, first + 500)
    return [{"id": number, "do": "sleep", "seconds": 0.01} for number in ids]


def _handled(shop: Shop) -> int:
    return len({line.id for line in shop.ledger("end")})
