"""What a message costs in round trips, bytes and calls: counts, which no busy machine changes.

Each bound is a little above what was counted when it was set. Whoever raises one makes every message
dearer, and says what for.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import socket, socketpair
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from pgmqgen import Context, Message, Producer
from pgmqgen.bench.payloads import schema_text, synthetic
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime import progress, wire
from pgmqgen.runtime.child.resources import Resources
from pgmqgen.runtime.child.runner import ControlLine, Desk, Runner
from pgmqgen.runtime.child.sync_side import SyncSide
from pgmqgen.runtime.contract.validation import Contract
from pgmqgen.runtime.database import sql
from pgmqgen.runtime.database.connector import Connector
from pgmqgen.runtime.database.layout import CURRENT
from pgmqgen.runtime.formats import DateTime
from pgmqgen.runtime.hooks import Hooks
from pgmqgen.runtime.models import OpenModel
from pgmqgen.runtime.number_types import Number
from pgmqgen.runtime.parent.intake import MOST_BYTES
from pgmqgen.runtime.parent.lease_store import LeaseStore
from tests.fault.proxy import Proxy

BATCH = 500
ORDERS = synthetic(1000)
SIZE = sum(len(json.dumps(json.loads(order))) for order in ORDERS)
"""As PostgreSQL writes jsonb: with spaces, like Python."""


class Line(OpenModel):
    sku: str
    quantity: int
    price: Number
    note: str | None = None


class Order(OpenModel):
    id: int
    customer: str
    email: str
    created_at: DateTime
    status: str | None = None
    lines: list[Line]
    total: Number
    comment: str | None = None


CONTRACT: Contract[Order] = Contract(
    queue="orders",
    schema=json.loads(schema_text(1000)),
    payload=Order,
    fingerprint="0123456789abcdef",
)


class OrderProducer(Producer[Order]):
    contract = CONTRACT


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.create('orders'), pgmq.create('orders_dlq')")
    parts = parse_qs(urlsplit(database_url).query)
    port = parts["port"][0] if "port" in parts else "5432"
    with Proxy(f"{parts['host'][0]}/.s.PGSQL.{port}") as proxy:
        yield proxy


def through(proxy: Proxy, url: str) -> str:
    parts = urlsplit(url)
    return f"postgresql://{parts.username}@127.0.0.1:{proxy.port}{parts.path}"


def test_a_batch_of_leases_and_acknowledgements_is_one_round_trip(
    proxy: Proxy, database_url: str
) -> None:
    fill(database_url)
    store = LeaseStore(Connector(through(proxy, database_url), pooler=False), "cost", 1.0)
    settings = QueueSettings(name="orders")
    try:
        store.exchange(settings, [], [], 0, MOST_BYTES)  # connects, and prepares the statement
        before = proxy.passed()
        _, rows = store.exchange(settings, [], [], BATCH, MOST_BYTES)
        while rows:
            ids, read_counts = [row[0] for row in rows], [row[1] for row in rows]
            acknowledged, rows = store.exchange(settings, ids, read_counts, BATCH, MOST_BYTES)
            assert acknowledged == len(ids)
        spent = proxy.passed() - before
    finally:
        store.close()
    batches = len(ORDERS) // BATCH
    assert spent.answers == batches + 1
    assert (spent.received - SIZE) / len(ORDERS) < 68
    assert spent.sent / len(ORDERS) < 10


def test_what_is_acknowledged_is_looked_up_in_hashes(database_url: str) -> None:
    numbers = itertools.count(1)
    statement = CURRENT.fill(sql.EXCHANGE, queue=sql.table("q", "orders"), archive="", dlq="")
    statement = re.sub(r"%\(\w+\)s", lambda _: f"${next(numbers)}", statement)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.create('orders')")
        connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        plan = connection.execute(f"EXPLAIN (GENERIC_PLAN) {statement}".encode()).fetchall()
    filters = [line for (line,) in plan if "Filter" in line and "msg_id" in line]
    assert len(filters) == 2  # of what is acknowledged, and of what is leased
    assert all("hashed SubPlan" in line for line in filters)


def test_a_worker_asks_for_the_columns_of_all_its_queues_at_once(
    proxy: Proxy, database_url: str
) -> None:
    store = LeaseStore(Connector(through(proxy, database_url), pooler=False), "cost", 1.0)
    tables = [sql.table(kind, name) for kind in "qa" for name in ("orders", "none", "orders_dlq")]
    try:
        store.columns(*tables)  # connects, and prepares the statement
        before = proxy.passed()
        found = store.columns(*tables)
        spent = proxy.passed() - before
    finally:
        store.close()
    assert spent.answers == 1
    assert [bool(columns) for columns in found] == [True, False, True] * 2
    assert found[0] < found[3]
    assert found[3] - found[0] == {"archived_at"}


def test_a_batch_of_a_thousand_is_sent_in_one_round_trip(proxy: Proxy, database_url: str) -> None:
    orders = [CONTRACT.decode(order) for order in ORDERS]
    with OrderProducer(through(proxy, database_url)) as producer:
        for _ in range(6):  # connects; from the fifth time on the statement is prepared
            producer.send_batch(orders[:1])
        before = proxy.passed()
        producer.send_batch(orders)
        spent = proxy.passed() - before
    assert spent.answers == 1
    assert spent.sent < sum(map(len, ORDERS)) + 2 * len(ORDERS)
    assert spent.received < 20 * len(ORDERS)


def test_one_message_is_sent_in_one_round_trip(proxy: Proxy, database_url: str) -> None:
    order = CONTRACT.decode(ORDERS[0])
    with OrderProducer(through(proxy, database_url)) as producer:
        for _ in range(6):
            producer.send(order)
        before = proxy.passed()
        for _ in range(10):
            producer.send(order)
        spent = proxy.passed() - before
    assert spent.answers == 10
    assert spent.sent < 10 * (len(ORDERS[0]) + 200)


def fill(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        text = "[" + ",".join(order.decode() for order in ORDERS) + "]"
        connection.execute(
            "INSERT INTO pgmq.q_orders (vt, message) "
            "SELECT now(), value FROM jsonb_array_elements(%s::jsonb)",
            [text],
        )


def test_a_message_takes_few_calls_in_its_handlers_process() -> None:
    served: list[int] = []

    def handle(message: Message[Order], context: Context) -> None:
        served.append(message.id)

    parent, child = socketpair()
    record = progress.Progress.create()
    try:
        parent.sendall(wire.pack_frame((wire.RUN, 0, jobs(50))) + wire.pack_frame((wire.STOP,)))
        calls = count_calls(side(child, record, handle).run)
    finally:
        parent.close()
        child.close()
        record.close()
    assert served == list(range(1, 51))
    assert calls / 50 < 43


def test_results_of_messages_that_wait_are_reported_together() -> None:
    parent, child = socketpair()
    record = progress.Progress.create()
    try:
        frames = [wire.pack_frame((wire.RUN, 0, [job])) for job in jobs(100)]
        parent.sendall(b"".join([*frames, wire.pack_frame((wire.STOP,))]))
        side(child, record, lambda message, context: None).run()
        child.close()
        reports = receive(parent)
    finally:
        parent.close()
        record.close()
    assert [ticket for report in reports for ticket in report[2]] == list(range(1, 101))
    assert len(reports) < 30


def receive(sock: socket) -> list[wire.Frame]:
    """All frames until the end of file."""
    buffer, frames = wire.FrameBuffer(), []
    while data := sock.recv(wire.RECEIVE_SIZE):
        frames += buffer.feed(data)
    return frames


def side(sock: Any, record: progress.Progress, handle: Callable[..., Any]) -> SyncSide:
    desk = Desk(
        number=0, name="orders", contract=CONTRACT, handler=handle, is_async=False, timeout_s=300.0,
        layout=CURRENT, archives=False,
    )  # fmt: skip
    CONTRACT.prepare()
    runner = Runner(record, Hooks(), Resources(0, Connector("")), ControlLine(sock))
    return SyncSide(sock, wire.FrameReader(sock), [desk], runner)


def jobs(count: int) -> list[wire.Job]:
    at = bytes(8)
    return [(n, n, 1, (n, 1, at, at, None, None, ORDERS[n])) for n in range(1, count + 1)]


def count_calls(run: Callable[[], object]) -> int:
    """How many functions, of Python or C, are called by this thread meanwhile."""
    count = 0

    def note(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


_WORKER = """
import json, sys, threading
from pathlib import Path

from generated.registry import registry
from pgmqgen import Worker

count = 0

def note(frame, event, argument):
    global count
    count += event in ("call", "c_call")

threading.setprofile(note)
Worker(registry, database_url=sys.argv[1], processes=1, until_empty=True).run()
print(count)
"""


def test_a_message_takes_few_calls_in_the_parent(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "orders.json").write_text(schema_text(1000))
    command = [Path(sys.executable).with_name("pgmqgen"), "generate"]
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    handler = "def handle(message, context):\n    pass\n"
    (tmp_path / "generated" / "handlers" / "orders.py").write_text(handler)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pgmq.create('orders'), pgmq.create('orders_dlq')")
    for _ in range(10):
        fill(database_url)
    worker = [sys.executable, "-c", _WORKER, database_url]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        worker, cwd=tmp_path, check=True, timeout=120, stdout=subprocess.PIPE, env=environment
    )
    assert int(done.stdout) / (10 * len(ORDERS)) < 22
