"""Chancy with its executor for async jobs."""

from __future__ import annotations

import logging
from typing import Any

import chancy

from tests.peers.programs import job

_QUEUE = chancy.Queue(
    name="default",
    concurrency=100,
    executor=chancy.Chancy.Executor.Async,
    polling_interval=1,
    eager_polling=True,
)


@chancy.job()
async def orders(**order: Any) -> None:
    job.handle(order["comment"])


async def prepare() -> None:
    async with chancy.Chancy(job.URL) as app:
        await app.migrate()
        await app.declare(_QUEUE)


async def fill(count: int) -> None:
    async with chancy.Chancy(job.URL) as app:
        for chunk in job.chunks(count):
            jobs = [orders.job.with_kwargs(**order) for order in chunk]
            async for _ in app.push_many(jobs):
                pass


async def send(count: int, rate: int) -> None:
    async with chancy.Chancy(job.URL) as app:
        await job.send_at_rate_async(
            lambda order: app.push(orders.job.with_kwargs(**order)), count, rate
        )


async def work() -> None:
    async with chancy.Chancy(job.URL) as app:
        app.log.setLevel(logging.WARNING)  # else it says something of each job
        job.wait_for_start()
        async with chancy.Worker(app) as worker:
            await worker.wait_for_shutdown()


if __name__ == "__main__":
    job.run(globals())
