"""What stands in for the project's handlers while its queues are measured."""

from __future__ import annotations

import functools
import os
import time
from typing import Any

from pgmqgen.bench.task import receive_task
from pgmqgen.runtime.child.context import Context
from pgmqgen.runtime.message import Message

SLOW_S = 0.01


def ignore(message: Message[Any], context: Context) -> None:
    """Do nothing."""


def pause(message: Message[Any], context: Context) -> None:
    """Take as long as a handler that waits for something."""
    time.sleep(SLOW_S)


async def pause_async(message: Message[Any], context: Context) -> None:
    """The same, while others of its process run."""
    import asyncio  # sync handlers do without

    await asyncio.sleep(SLOW_S)


def note(message: Message[Any], context: Context) -> None:
    """Write into the ledger which message this is, and the time of the system's clock in ns."""
    now = time.time_ns()
    os.write(_ledger(), f"{message.id} {now}\n".encode())


@functools.cache
def _ledger() -> int:
    return os.open(receive_task().ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
