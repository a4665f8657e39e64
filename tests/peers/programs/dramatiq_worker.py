"""dramatiq-pg: dramatiq's worker threads, one broker a process."""

from __future__ import annotations

import signal
import threading
from typing import Any

import dramatiq
import psycopg2
from dramatiq_pg import PostgresBroker
from dramatiq_pg.schema import generate_init_sql

from tests.peers.programs import job

broker = PostgresBroker(url=job.URL, results=False)
dramatiq.set_broker(broker)


@dramatiq.actor(actor_name="orders")
def orders(order: dict[str, Any]) -> None:
    job.handle(order["comment"])


def prepare() -> None:
    with psycopg2.connect(job.URL) as connection, connection.cursor() as cursor:
        cursor.execute(generate_init_sql())


def fill(count: int) -> None:
    for chunk in job.chunks(count):
        for order in chunk:
            orders.send(order)


def send(count: int, rate: int) -> None:
    job.send_at_rate(orders.send, count, rate)


def work() -> None:
    worker = dramatiq.Worker(broker, worker_threads=8)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    job.wait_for_start()
    worker.start()
    stopping.wait()
    worker.stop()


if __name__ == "__main__":
    job.run(globals())
