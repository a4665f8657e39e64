"""The database of the model's test, and the connections of the workers that share it."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from pgmqgen.queue import Backoff, QueueSettings
from pgmqgen.runtime.database.connector import Connector
from pgmqgen.runtime.message import Message
from pgmqgen.runtime.parent.delivery import Delivery
from pgmqgen.runtime.parent.lease_store import LeaseStore
from tests.fault.model import ABSENT

WORKERS = 3
LONG_S = 3600.0
_LOCK_TIMEOUT_S = 0.01
MAX_ATTEMPTS = 3

SETTINGS = {
    on_success: QueueSettings(
        name="orders",
        visibility_timeout=LONG_S,
        max_attempts=MAX_ATTEMPTS,
        on_success=on_success,
        backoff=Backoff(initial=LONG_S),
    )
    for on_success in ("delete", "archive")
}
_SEND = """
INSERT INTO pgmq.q_orders (vt, message, headers)
VALUES (
    clock_timestamp() + make_interval(secs => %s),
    jsonb_build_object('number', %s::int, 'rest', %s::jsonb), %s::jsonb
)
RETURNING msg_id, message::text
"""
_LOOK = """
SELECT 'queue', msg_id, read_ct, vt <= clock_timestamp(), message::text,
    coalesce(headers, to_jsonb(%(absent)s::text)), vt
FROM pgmq.q_orders
UNION ALL
SELECT 'archive', msg_id, read_ct, false, message::text,
    coalesce(headers, to_jsonb(%(absent)s::text)), vt
FROM pgmq.a_orders
UNION ALL
SELECT 'dead', (headers -> 'x-pgmqgen' ->> 'msg_id')::bigint, read_ct, vt <= clock_timestamp(),
    message::text, headers, vt
FROM pgmq.q_orders_dlq
"""
_REDRIVE = """
WITH dead AS (
    DELETE FROM pgmq.q_orders_dlq WHERE headers -> 'x-pgmqgen' -> 'msg_id' = to_jsonb(%s::bigint)
    RETURNING message, headers
)
INSERT INTO pgmq.q_orders (vt, message, headers) SELECT clock_timestamp(), message, headers FROM dead
RETURNING msg_id
"""


class Bench:
    """Connections: one for each worker, one for each one's handlers, and one to look on."""

    def __init__(self, url: str) -> None:
        self.stores = [
            LeaseStore(Connector(url), f"worker {number}", _LOCK_TIMEOUT_S)
            for number in range(WORKERS)
        ]
        self.handlers = [psycopg.connect(url, autocommit=True) for _ in range(WORKERS)]
        self.observer = psycopg.connect(url, autocommit=True)
        for handler in self.handlers:
            handler.execute(f"SET lock_timeout = {int(_LOCK_TIMEOUT_S * 1000)}".encode())
        for queue in ("orders", "orders_dlq"):
            self.observer.execute("SELECT pgmq.create(%s)", [queue])

    def close(self) -> None:
        for connection in (*self.stores, *self.handlers, self.observer):
            connection.close()

    def clear(self) -> None:
        """Start anew; the ids go on."""
        for handler in self.handlers:
            handler.execute("ROLLBACK")
        self.observer.execute("TRUNCATE pgmq.q_orders, pgmq.a_orders, pgmq.q_orders_dlq")

    def send(self, number: int, payload: str, headers: Any, delay_s: float) -> tuple[int, str]:
        """Send a message past all validation; its id, and its payload as PostgreSQL writes it."""
        text = None if headers == ABSENT else json.dumps(headers)
        id_, written = self._run(_SEND, delay_s, number, payload, text)[0]
        return id_, written

    def redrive(self, id_: int) -> int:
        """Move back the dead letter of a message as the docs say; its new id."""
        ((new_id,),) = self._run(_REDRIVE, id_)
        return int(new_id)

    def make_due(self, id_: int) -> None:
        """End a lease or a delay."""
        self.observer.execute(
            "UPDATE pgmq.q_orders SET vt = clock_timestamp() WHERE msg_id = %s", [id_]
        )

    def look(self) -> list[tuple[Any, ...]]:
        """All messages: place, id in the queue, read_ct, whether visible, payload, headers, vt."""
        return self.observer.execute(_LOOK.encode(), {"absent": ABSENT}).fetchall()

    def _run(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.observer.execute(statement.encode(), parameters).fetchall()


class _NoControls:
    """For a message that is only acknowledged."""

    def delete(self, ticket: int) -> bool:
        raise NotImplementedError

    archive = delete

    def set_timeout(self, ticket: int, seconds: float) -> bool:
        raise NotImplementedError


def as_message(delivery: Delivery) -> Message[Any]:
    """What a handler gets, as far as it matters to its acknowledgement."""
    assert delivery.row is not None
    return Message(
        delivery.row,
        queue="orders",
        payload=None,
        attempt=delivery.account.attempt,
        controls=_NoControls(),
        ticket=0,
    )
