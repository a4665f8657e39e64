"""Procrastinate: an async worker with concurrency, which deletes the jobs that succeeded."""

from __future__ import annotations

from typing import Any

from procrastinate import App, PsycopgConnector

from tests.peers.programs import job

app = App(connector=PsycopgConnector(conninfo=job.URL, max_size=12))


@app.task(name="orders")
async def orders(**order: Any) -> None:
    job.handle(order["comment"])


async def prepare() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def fill(count: int) -> None:
    async with app.open_async():
        for chunk in job.chunks(count):
            await orders.batch_defer_async(*chunk)


async def send(count: int, rate: int) -> None:
    async with app.open_async():
        await job.send_at_rate_async(lambda order: orders.defer_async(**order), count, rate)


async def work() -> None:
    async with app.open_async():
        job.wait_for_start()
        await app.run_worker_async(concurrency=10, delete_jobs="successful")


if __name__ == "__main__":
    job.run(globals())
