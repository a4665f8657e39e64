"""What a worker makes of trouble with the database: it goes on by itself, and loses nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgmqgen import local
from pgmqgen.local import cluster
from pgmqgen.local.programs import run
from tests.fault.harness import Shop
from tests.fault.proxy import Proxy
from tests.fault.standby import following

_RECOVERY_S = 5.0
_END = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgmqgen%%'"
)


@pytest.fixture
def own_server(local_directory: Path, tmp_path: Path) -> Iterator[Shop]:
    """A project on a server of the test's own."""
    with local.serve(local_directory) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(get_embedded_install_sql().encode())
        shop = Shop(tmp_path, url)
        lease = {"visibility_timeout": 5}
        shop.add_queues({"orders": {"notify": True, **lease}, "slow": lease})
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


@pytest.mark.parametrize(
    ("cue", "after"),
    [
        (b"pg_backend_pid", 0),  # whether there is a pooler, asked by the main thread
        (b"pg_backend_pid", 1),  # and by a lane or the scout
        (b"attname", 0),  # whether the queues are there
    ],
)
def test_a_server_that_falls_silent_while_a_worker_starts(
    shop: Shop, proxy: Proxy, cue: bytes, after: int
) -> None:
    shop.add_queues({"orders": {}})
    proxy.swallow_from(cue, after=after)
    worker = shop.start(database_url=_through(proxy, shop.url))
    shop.wait_for(lambda: proxy.cued > after)
    worker.terminate()
    assert worker.wait(8) == 0, shop.logs()


@pytest.mark.soak
def test_a_server_that_is_silent_at_first_is_asked_again(shop: Shop, proxy: Proxy) -> None:
    shop.add_queues({"orders": {}})
    shop.send("orders", [{"id": 1, "do": "pass"}])
    proxy.swallow_from(b"pg_backend_pid", after=0)
    worker = shop.start(database_url=_through(proxy, shop.url), until_empty=True)
    shop.wait_for(lambda: "trying again" in shop.logs())
    proxy.swallow_from(b"pg_backend_pid", after=1000)
    assert worker.wait(20) == 0
    assert len(shop.ledger("end")) == 1


def test_a_server_that_became_read_only(shop: Shop) -> None:
    """As after a failover: another connection may lead to the new primary."""
    shop.add_queues({"orders": {}})
    worker = shop.start()
    _send(shop, 0, 10)
    shop.wait_for(lambda: len(_handled(shop)) == 10)
    name = shop.execute("SELECT current_database()")[0][0]
    shop.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    shop.execute(_END)
    writable = make_conninfo(shop.url, options="-c default_transaction_read_only=off")
    with psycopg.connect(writable, autocommit=True) as connection:
        connection.execute('SELECT pgmq.send(\'orders\', \'{"id": 10, "do": "pass"}\')')
    shop.wait_for(lambda: "read-only transaction" in shop.logs())
    with psycopg.connect(writable, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" RESET ALL'.encode())
    shop.wait_for(lambda: len(_handled(shop)) == 11, timeout_s=10)
    worker.terminate()
    assert worker.wait(20) == 0


def test_a_smart_stop_waits_for_the_workers(own_server: Shop, local_directory: Path) -> None:
    """It lets those that are connected go on, and nobody in: a worker that comes waits, too."""
    shop, data = own_server, local_directory / "data"
    first = shop.start()
    shop.wait_for(lambda: "ready" in shop.logs())
    sender = psycopg.connect(shop.url, autocommit=True)
    run(data, "pg_ctl", "stop", "-D", str(data), "-m", "smart", "-W")
    second = shop.start()
    shop.wait_for(lambda: "the database system is shutting down; trying again" in shop.logs())
    with sender:
        sender.execute('SELECT pgmq.send(\'orders\', \'{"id": 1, "do": "pass"}\')')
    shop.wait_for(lambda: _handled(shop) == {1})
    first.terminate()
    assert first.wait(20) == 0
    shop.wait_for(lambda: cluster.find_postmaster(data) is None)
    cluster.start(data)
    back_at = time.time()
    _send(shop, 2, 1)
    shop.wait_for(lambda: _handled(shop) == {1, 2})
    assert shop.ledger("begin")[-1].at - back_at < _RECOVERY_S
    second.terminate()
    assert second.wait(20) == 0


def test_too_many_connections(own_server: Shop, local_directory: Path) -> None:
    shop, data = own_server, local_directory / "data"
    shop.execute("ALTER SYSTEM SET max_connections = 20")
    cluster.stop(data)
    cluster.start(data)
    worker = shop.start()
    shop.wait_for(lambda: "ready" in shop.logs())
    _send(shop, 0, 1000)
    shop.wait_for(lambda: len(_handled(shop)) > 100)
    with contextlib.ExitStack() as others:
        _take_all_connections(shop, others).execute(_SEND_MORE)
        time.sleep(1)
    freed_at = time.time()
    shop.wait_for(lambda: len(_handled(shop)) == 1100)
    first = min(line.at for line in shop.ledger("begin") if line.at > freed_at)
    assert first - freed_at < _RECOVERY_S
    worker.terminate()
    assert worker.wait(20) == 0
    assert "sorry, too many clients already; trying again in" in shop.logs()
    assert "Traceback" not in shop.logs()
    assert "Warning" not in shop.logs()


_SEND_MORE = """
INSERT INTO pgmq.q_orders (vt, message)
SELECT clock_timestamp(), jsonb_build_object('id', id, 'do', 'pass') FROM generate_series(1000, 1099) AS id
"""


def _take_all_connections(
    shop: Shop, others: contextlib.ExitStack
) -> psycopg.Connection[tuple[Any, ...]]:
    """Leave the worker none; return one of them."""
    first = others.enter_context(psycopg.connect(shop.url, autocommit=True))
    ended = [(True,)]
    while ended:
        ended = first.execute(_END.encode(), []).fetchall()
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                others.enter_context(psycopg.connect(shop.url))
    return first


def _lock_up(shop: Shop, data: Path) -> str:
    """Have a role `shop` give its password; the URL with it."""
    rules = data / "pg_hba.conf"
    rules.write_text("local all shop scram-sha-256\n" + rules.read_text())
    shop.execute("CREATE ROLE shop SUPERUSER LOGIN PASSWORD 'first'")
    shop.execute("SELECT pg_reload_conf()")
    return make_conninfo(shop.url, user="shop", password="first")


def test_a_password_that_is_changed(own_server: Shop, local_directory: Path) -> None:
    shop = own_server
    url = _lock_up(shop, local_directory / "data")
    worker = shop.start(database_url=url)
    shop.wait_for(lambda: "ready" in shop.logs())
    shop.execute("ALTER ROLE shop PASSWORD 'second'")
    _send(shop, 0, 10)
    shop.wait_for(lambda: len(_handled(shop)) == 10)  # who is connected stays so
    shop.execute(_END)
    shop.wait_for(lambda: 'password authentication failed for user "shop"; trying' in shop.logs())
    _send(shop, 10, 1)
    short = shop.start(database_url=url, fail_after=0.5)
    assert short.wait(10) == 1
    shop.execute("ALTER ROLE shop PASSWORD 'first'")
    changed_at = time.time()
    shop.wait_for(lambda: len(_handled(shop)) == 11)
    assert shop.ledger("begin")[-1].at - changed_at < _RECOVERY_S
    worker.terminate()
    assert worker.wait(20) == 0
    assert "Warning" not in shop.logs()


@pytest.fixture
def standby(own_server: Shop, local_directory: Path) -> Iterator[Path]:
    """The data of a streaming standby of the test's server."""
    with following(local_directory) as data:
        yield data


def test_a_failover_to_a_standby(own_server: Shop, local_directory: Path, standby: Path) -> None:
    """One worker knows both addresses, the other one only that of the standby, which is read-only."""
    shop, primary = own_server, local_directory / "data"
    both = make_conninfo(
        shop.url, host=f"{standby},{primary}", target_session_attrs="read-write", connect_timeout=2
    )
    worker = shop.start(database_url=both)
    _send(shop, 0, 1000)
    shop.wait_for(lambda: len(_handled(shop)) == 1000)
    early = shop.start(database_url=make_conninfo(shop.url, host=str(standby)))
    shop.wait_for(lambda: "read-only transaction; trying again" in shop.logs())
    _send(shop, 1000, 10)
    shop.send("slow", [{"id": 2000, "do": "sleep", "seconds": 2}])
    shop.wait_for(lambda: len(shop.ledger("begin")) == 1011)
    cluster.stop(primary)
    run(standby, "pg_ctl", "promote", "-D", str(standby), "-w")
    promoted_at = time.time()
    shop.url = make_conninfo(shop.url, host=str(standby))
    _send(shop, 3000, 1000)
    shop.wait_for(lambda: len(_handled(shop)) == 2011)
    first = min(line.at for line in shop.ledger("begin") if line.id >= 3000)
    assert first - promoted_at < _RECOVERY_S
    for each in (worker, early):
        each.terminate()
        assert each.wait(20) == 0
    assert shop.count("q_orders") == shop.count("q_slow") == 0
    assert "Traceback" not in shop.logs()
