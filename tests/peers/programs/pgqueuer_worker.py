"""PgQueuer, as its guide to performance says: asyncpg, a connection of its own, `pgq autovac`."""

from __future__ import annotations

import asyncio
import json
import signal

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from tests.peers.programs import job

_ENTRYPOINT = "orders"


async def prepare() -> None:
    queries = await _open()
    await queries.install()
    await queries.optimize_autovacuum()


async def fill(count: int) -> None:
    queries = await _open()
    for orders in job.chunks(count):
        size = len(orders)
        payloads = [json.dumps(order).encode() for order in orders]
        await queries.enqueue([_ENTRYPOINT] * size, payloads, [0] * size)


async def send(count: int, rate: int) -> None:
    queries = await _open()
    await job.send_at_rate_async(
        lambda order: queries.enqueue(_ENTRYPOINT, json.dumps(order).encode()), count, rate
    )


async def work() -> None:
    connection = await asyncpg.connect(job.URL)
    queuer = PgQueuer(AsyncpgDriver(connection))

    @queuer.entrypoint(_ENTRYPOINT)
    async def orders(message: Job) -> None:
        job.handle(json.loads(message.payload or b"")["comment"])

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, queuer.shutdown.set)
    job.wait_for_start()
    await queuer.run(batch_size=100)


async def _open() -> Queries:
    return Queries(AsyncpgDriver(await asyncpg.connect(job.URL)))


if __name__ == "__main__":
    uvloop.install()
    job.run(globals())
