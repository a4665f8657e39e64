"""What a worker makes of trouble with the database: it goes on by itself, and loses nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgmqgen import local
from pgmqgen.local import cluster
from pgmqgen.local.programs import run
from tests.fault.harness import Shop
from tests.fault.proxy import Proxy

_RECOVERY_S = 5.0


@pytest.fixture
def own_server(local_directory: Path, tmp_path: Path) -> Iterator[Shop]:
    """A project on a server of the test's own."""
    with local.serve(local_directory) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(get_embedded_install_sql().encode())
        shop = Shop(tmp_path, url)
        shop.add_queues({"orders": {"notify": True}, "slow": {}})
        yield shop
        shop.stop()


def _send(shop: Shop, first: int, count: int) -> None:
    shop.send("orders", [{"id": i, "do": "pass"} for i in range(first, first + count)])


def _handled(shop: Shop) -> set[int]:
    return {line.id for line in shop.ledger("end")}


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_server(own_server: Shop, local_directory: Path, mode: str) -> None:
    shop, data = own_server, local_directory / "data"
    worker = shop.start()
    _send(shop, 0, 3000)
    shop.send("slow", [{"id": 9000 + i, "do": "sleep", "seconds": 1.5} for i in range(2)])
    shop.wait_for(lambda: len(shop.ledger("begin")) > 200)
    run(data, "pg_ctl", "stop", "-D", str(data), "-m", mode, "-w", "-t", "20")
    time.sleep(1)
    cluster.start(data)
    back_at = time.time()
    _send(shop, 3000, 10)
    shop.wait_for(lambda: {*range(3010), 9000, 9001} <= _handled(shop), timeout_s=60)
    first = min(line.at for line in shop.ledger("begin") if line.id >= 3000 and line.id < 9000)
    assert first - back_at < _RECOVERY_S
    worker.terminate()
    assert worker.wait(20) == 0
    assert shop.count("q_orders") == shop.count("q_slow") == 0
    assert shop.count("q_orders_dlq") == shop.count("q_slow_dlq") == 0


def test_shutdown_while_the_server_is_away(own_server: Shop, local_directory: Path) -> None:
    shop, data = own_server, local_directory / "data"
    worker = shop.start()
    _send(shop, 0, 10)
    shop.wait_for(lambda: len(_handled(shop)) == 10)
    cluster.stop(data)
    worker.terminate()
    assert worker.wait(15) == 0
    cluster.start(data)


def _through(proxy: Proxy, url: str) -> str:
    parts = conninfo_to_dict(url)
    return make_conninfo(dbname=parts["dbname"], user="postgres", host="127.0.0.1", port=proxy.port)


@pytest.fixture
def proxy(shop: Shop) -> Iterator[Proxy]:
    parts = conninfo_to_dict(shop.url)
    with Proxy(f"{parts['host']}/.s.PGSQL.{parts['port']}") as proxy:
        yield proxy


def test_swallowed_packets(shop: Shop, proxy: Proxy) -> None:
    """The peer is there, and takes all that is sent: no timer of TCP ever runs out."""
    shop.add_queues({"orders": {"visibility_timeout": 60}})
    worker = shop.start(database_url=_through(proxy, shop.url))
    _send(shop, 0, 10)
    shop.wait_for(lambda: len(_handled(shop)) == 10)
    proxy.swallow()
    _send(shop, 10, 10)
    shop.wait_for(lambda: len(_handled(shop)) == 20, timeout_s=25)
    worker.terminate()
    assert worker.wait(20) == 0
    assert shop.count("q_orders") == 0


def test_shutdown_while_packets_are_swallowed(shop: Shop, proxy: Proxy) -> None:
    shop.add_queues({"orders": {}})
    worker = shop.start(database_url=_through(proxy, shop.url))
    shop.send("orders", [{"id": 1, "do": "sleep", "seconds": 1}])
    shop.wait_for(lambda: len(shop.ledger("begin")) == 1)
    proxy.swallow()
    worker.terminate()
    assert worker.wait(20) == 0
    assert shop.count("q_orders") == 0


def test_a_server_that_became_read_only(shop: Shop) -> None:
    """As after a failover: another connection may lead to the new primary."""
    shop.add_queues({"orders": {}})
    worker = shop.start()
    _send(shop, 0, 10)
    shop.wait_for(lambda: len(_handled(shop)) == 10)
    name = shop.execute("SELECT current_database()")[0][0]
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgmqgen%%'"
    shop.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    shop.execute(ended)
    writable = make_conninfo(shop.url, options="-c default_transaction_read_only=off")
    with psycopg.connect(writable, autocommit=True) as connection:
        connection.execute('SELECT pgmq.send(\'orders\', \'{"id": 10, "do": "pass"}\')')
    shop.wait_for(lambda: "read-only transaction" in shop.logs())
    with psycopg.connect(writable, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" RESET ALL'.encode())
    shop.wait_for(lambda: len(_handled(shop)) == 11, timeout_s=10)
    worker.terminate()
    assert worker.wait(20) == 0
