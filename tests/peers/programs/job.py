"""The job that every contestant does, and what its program and the run tell each other.

`MARKS` is a file that handlers append to: `started NANOSECONDS` by each process at its first job,
and `waited NANOSECONDS` for a job whose comment tells when it was sent. Both by the monotonic
clock, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

URL = os.environ["PEERS_URL"]
SIZE = int(os.environ["PEERS_SIZE"])
_MARKS = os.environ["PEERS_MARKS"]
_ORDER: dict[str, Any] = json.loads(os.environ["PEERS_ORDER"])
_SENT = "sent "
_CHUNK = 1000
_started = False


def run(module: dict[str, Any]) -> None:
    """Do what the command line says: call the function of `module` that is named as the role."""
    role, *values = sys.argv[1:]
    result = module[role](*map(int, values))
    if asyncio.iscoroutine(result):
        asyncio.run(result)


def chunks(count: int) -> Iterator[list[dict[str, Any]]]:
    """`count` orders, a thousand at a time."""
    for start in range(0, count, _CHUNK):
        yield [{**_ORDER, "id": i + 1} for i in range(start, min(count, start + _CHUNK))]


def sent_order(number: int) -> dict[str, Any]:
    """An order that tells when it was made."""
    return {**_ORDER, "id": number + 1, "comment": f"{_SENT}{time.monotonic_ns()}"}


def handle(comment: str) -> None:
    """Do nothing with an order, but mark the first one and each that tells when it was sent."""
    global _started
    if comment.startswith(_SENT):
        _mark(f"waited {time.monotonic_ns() - int(comment.removeprefix(_SENT))}")
    elif not _started:
        _started = True
        _mark(f"started {time.monotonic_ns()}")


def wait_for_start() -> None:
    """Say that all is loaded, and wait until the run says that work may begin."""
    print("ready", flush=True)
    os.dup2(2, 1)  # nobody reads what else is said: it goes to the log
    sys.stdin.readline()


def send_at_rate(send: Callable[[dict[str, Any]], object], count: int, rate: float) -> None:
    """Call `send` with `count` orders, `rate` a second."""
    begin = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begin + number / rate - time.monotonic()))
        send(sent_order(number))


async def send_at_rate_async(
    send: Callable[[dict[str, Any]], Awaitable[object]], count: int, rate: float
) -> None:
    """Like `send_at_rate`, in an event loop."""
    begin = time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
        await send(sent_order(number))


def _mark(line: str) -> None:
    with open(_MARKS, "a") as file:
        file.write(f"{line}\n")
