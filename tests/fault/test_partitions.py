"""Three worker hosts and one server, and a host that the network loses for a while."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql

from pgmqgen.local import cluster
from tests.fault.harness import Shop, running_children
from tests.fault.hosts import SERVER, Hosts, can_make_hosts, make_hosts

_LEASE_S = 2.0
_PASSWORD = "a secret"
_START = """
import sys
from pathlib import Path
from pgmqgen.local.programs import run

data = sys.argv[1]
options = f"-p 5432 -c listen_addresses={sys.argv[2]} -c password_encryption=scram-sha-256 -k {data}"
run(Path(data), "pg_ctl", "start", "-D", data, "-w", "-l", f"{data}/server.log", "-o", options)
"""


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    if not can_make_hosts():
        pytest.skip("only root, with the command `ip`, can make network namespaces")
    with make_hosts(3) as hosts:
        yield hosts


@pytest.fixture
def network(hosts: Hosts, local_directory: Path, tmp_path: Path) -> Iterator[Shop]:
    """A project on a server that listens in a namespace of its own, with passwords."""
    data = local_directory / "data"
    cluster.start(data)
    cluster.stop(data)
    with (data / "pg_hba.conf").open("a") as file:
        file.write("host all all all scram-sha-256\n")
    command = [sys.executable, "-c", _START, str(data), SERVER]
    subprocess.run([*hosts.within(None), *command], check=True)
    try:
        shop = Shop(tmp_path, f"postgresql://postgres@/postgres?host={data}&port=5432")
        with psycopg.connect(shop.url, autocommit=True) as connection:
            connection.execute(get_embedded_install_sql().encode())
            connection.execute(f"ALTER USER postgres PASSWORD '{_PASSWORD}'".encode())
        shop.add_queues({"orders": {"visibility_timeout": _LEASE_S}})
        yield shop
        shop.stop()
    finally:
        cluster.stop(data)


def test_nothing_is_lost_when_a_host_is_cut_off_twice(hosts: Hosts, network: Shop) -> None:
    shop = network
    url = f"host={SERVER} user=postgres dbname=postgres password='{_PASSWORD}'"
    workers = [shop.start(within=hosts.within(host), database_url=url) for host in range(3)]
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
