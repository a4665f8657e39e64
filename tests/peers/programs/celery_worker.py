"""Celery with kombu-pgmq as its broker."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import quote

import psycopg
from celery import Celery
from pgmq.install import get_embedded_install_sql
from psycopg.conninfo import conninfo_to_dict

from tests.peers.programs import job

# kombu-pgmq makes a URL without a socket's folder from this one: the name of the database brings it.
_PLACE = conninfo_to_dict(job.URL)
_DATABASE = quote(f"{_PLACE['dbname']}?host={_PLACE['host']}", safe="")

app = Celery(
    "peers",
    broker_transport="kombu_pgmq.transport:TransportPsycopg",
    broker_url=f"postgresql://postgres:postgres@localhost:5432/{_DATABASE}",
)
app.conf.update(
    broker_transport_options={
        "check_extension": False,
        "pool": False,
        "polling_interval": 0.1,
        "visibility_timeout": 600,
    },
    task_ignore_result=True,
    worker_prefetch_multiplier=100,
    worker_send_task_events=False,
)


@app.task(name="orders")
def orders(**order: Any) -> None:
    job.handle(order["comment"])


def prepare() -> None:
    with psycopg.connect(job.URL, autocommit=True) as connection:
        connection.execute(get_embedded_install_sql().encode())


def fill(count: int) -> None:
    for chunk in job.chunks(count):
        for order in chunk:
            orders.apply_async(kwargs=order)


def send(count: int, rate: int) -> None:
    job.send_at_rate(lambda order: orders.apply_async(kwargs=order), count, rate)


def work() -> None:
    job.wait_for_start()
    sys.argv = sys.argv[:1]
    options = "--without-gossip --without-mingle --without-heartbeat --loglevel WARNING"
    app.worker_main(["worker", "--concurrency", "2", *options.split()])


if __name__ == "__main__":
    job.run(globals())
