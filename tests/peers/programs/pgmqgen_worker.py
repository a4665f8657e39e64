"""pgmqgen: a generated project, whose worker decodes, validates and builds the typed model."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from pgmqgen import Worker
from pgmqgen.bench.payloads import schema_text
from tests.peers.programs import job

_HANDLER = """
from tests.peers.programs import job


def handle(message, context):
    job.handle(message.payload.comment)
"""


def prepare() -> None:
    schema = json.loads(schema_text(job.SIZE)) | {"x-pgmq": {"notify": True}}
    Path("schemas").mkdir(exist_ok=True)
    Path("schemas/orders.json").write_text(json.dumps(schema))
    _pgmqgen("generate")
    Path("generated/handlers/orders.py").write_text(_HANDLER)
    _pgmqgen("migrate", "--database-url", job.URL)


def fill(count: int) -> None:
    orders = _generated("orders")
    with orders.OrdersProducer(job.URL) as producer:
        for chunk in job.chunks(count):
            producer.send_batch([_typed(order) for order in chunk])


def send(count: int, rate: int) -> None:
    orders = _generated("orders")
    with orders.OrdersProducer(job.URL) as producer:

        def send_one(order: dict[str, Any]) -> None:
            producer.send(_typed(order))

        job.send_at_rate(send_one, count, rate)


def work() -> None:
    registry = _generated("registry").registry
    job.wait_for_start()
    Worker(registry, database_url=job.URL, processes=2).run()


def _typed(order: dict[str, Any]) -> Any:
    return _generated("registry").registry["orders"].contract.payload.model_validate(order)


def _pgmqgen(*arguments: str) -> None:
    command = [Path(sys.executable).with_name("pgmqgen"), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _generated(name: str) -> Any:
    sys.path.insert(0, ".")
    return import_module(f"generated.{name}")


if __name__ == "__main__":
    job.run(globals())
