"""pgmq's own Python client: read a hundred, delete a hundred."""

from __future__ import annotations

import psycopg
from pgmq import PGMQueue
from pgmq.install import get_embedded_install_sql
from psycopg_pool import ConnectionPool

from tests.peers.programs import job

_QUEUE = "orders"


def prepare() -> None:
    with psycopg.connect(job.URL, autocommit=True) as connection:
        connection.execute(get_embedded_install_sql().encode())
    _open().create_queue(_QUEUE)


def fill(count: int) -> None:
    queue = _open()
    for orders in job.chunks(count):
        queue.send_batch(_QUEUE, orders)


def send(count: int, rate: int) -> None:
    queue = _open()
    job.send_at_rate(lambda order: queue.send(_QUEUE, order), count, rate)


def work() -> None:
    queue = _open()
    job.wait_for_start()
    while True:
        messages = queue.read_with_poll(_QUEUE, vt=30, qty=100, poll_interval_ms=100)
        for message in messages:
            job.handle(message.message["comment"])
        if messages:
            queue.delete_batch(_QUEUE, [message.msg_id for message in messages])


def _open() -> PGMQueue:
    return PGMQueue(pool=ConnectionPool(job.URL, min_size=1, open=True), init_extension=False)


if __name__ == "__main__":
    job.run(globals())
