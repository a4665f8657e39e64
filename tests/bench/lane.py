"""What a worker's lane says to the database, without the worker: it sends, leases and settles."""

from __future__ import annotations

import json
import random

import psycopg

from pgmqgen.bench import payloads
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.database import sql
from pgmqgen.runtime.database.connector import Connector
from pgmqgen.runtime.outcome import Failure, Reschedule
from pgmqgen.runtime.parent.delivery import Account, Delivery
from pgmqgen.runtime.parent.intake import MAX_BATCH, MOST_BYTES
from pgmqgen.runtime.parent.lease_store import LeaseStore, Row
from tests.bench.flows import BATCH, LARGE, Flow

_QUEUE = QueueSettings(name="bench")
_FAILURE = Failure("exception", "no")


class Lane:
    """The connection of a lane to the queue `bench`, and one that sends."""

    def __init__(self, url: str, flow: Flow) -> None:
        self._flow = flow
        self._texts = _texts(flow.size)
        self._store = LeaseStore(Connector(url), "lane", 1.0)
        self._store.connect()
        self._sender = psycopg.connect(url, application_name="lane", autocommit=True)
        self._held: list[Row] = []
        self.handled = 0

    def send(self, count: int, delay_s: float = 0.0) -> None:
        """Send so many messages by as few statements as the flow allows."""
        statement = sql.on_tables(sql.SEND_BATCH, _QUEUE.name).encode()
        batch = self._flow.sent if not delay_s else BATCH
        for _ in range(count // batch):
            text = "\n".join(self._texts[:batch])
            self._sender.execute(statement, (None, delay_s, text), prepare=True)

    def turn(self) -> None:
        """Settle what is held, and lease the next."""
        failed = [row for row in self._held if row[1] < self._flow.leases]
        if failed:
            self._store.settle(
                _QUEUE, [(_delivery(row), Reschedule(0, _FAILURE)) for row in failed]
            )
        done = [row for row in self._held if row[1] >= self._flow.leases]
        ids, counts = [row[0] for row in done], [row[1] for row in done]
        settled, self._held = self._store.exchange(_QUEUE, ids, counts, MAX_BATCH, MOST_BYTES)
        self.handled += settled

    def close(self) -> None:
        """Close both connections."""
        self._store.close()
        self._sender.close()


def _delivery(row: Row) -> Delivery:
    account = Account(row[1] - 1, 0, 0)
    return Delivery(0, row[0], row[1], account, row, lease_until=0.0)


def _texts(size: int) -> list[str]:
    if size == LARGE:
        return [json.dumps(_large(number)) for number in range(BATCH)]
    return [text.decode() for text in payloads.synthetic(size)]


def _large(number: int) -> dict[str, object]:
    """About 8 KB, which compress by half."""
    source = random.Random(number)
    lines = [
        {
            "sku": f"SKU-{number}-{i}",
            "quantity": i,
            "price": 9.99,
            "note": source.randbytes(15).hex(),
        }
        for i in range(80)
    ]
    return {"id": number, "lines": lines}
