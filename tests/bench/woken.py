"""A worker that notes when it hears of a message, asks for it and has leased it.

Run as `python -m tests.bench.woken` by `tests.bench.wake`; it is `pgmqgen.bench.worker` with three stamps.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from pgmqgen.bench import worker
from pgmqgen.bench.task import receive_task
from pgmqgen.runtime.parent.lane import Lane
from pgmqgen.runtime.parent.lease_store import LeaseStore


def stamped(method: Callable[..., Any], before: str, after: str = "") -> Callable[..., Any]:
    """The method, which notes the system's clock in ns before and after it runs."""

    def run(*arguments: Any) -> Any:
        _note(before)
        found = method(*arguments)
        if after:
            _note(after)
        return found

    return run


def _note(what: str) -> None:
    os.write(_STAMPS, f"{what} {time.time_ns()}\n".encode())


if __name__ == "__main__":
    _STAMPS = os.open(
        f"{receive_task().ledger}.stamps", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
    )
    Lane.wake = stamped(Lane.wake, "heard")  # type: ignore[method-assign]
    LeaseStore.exchange = stamped(LeaseStore.exchange, "asked", "leased")  # type: ignore[method-assign]
    worker.main()
