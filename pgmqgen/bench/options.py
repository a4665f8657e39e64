"""What a run of the benchmarks is asked to measure, and how much of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Final

from pgmqgen.errors import ConfigError
from pgmqgen.queue import suggest

MEASURES: Final = {
    "send": "one message at a time, against bare pgmq.send",
    "send_batch": "1,000 messages at a time, against bare pgmq.send_batch",
    "drain": "a full queue, against a loop of pgmq.read and pgmq.delete",
    "slow": "handlers that take 10 ms each",
    "async": "async handlers that take 10 ms each, against sync ones that take none",
    "delayed": "a full queue that also holds delayed messages, against one that does not",
    "latency": "from send to the start of the handler",
    "idle": "what a worker costs while its queues are empty",
    "memory": "of a worker's processes, and how soon it handles its first message",
    "processes": "drain, by the number of processes",
    "backlog": "drain, by the number of messages that wait",
}
"""Each measure in the order in which it runs, and what it measures."""
SIZES: Final = (1000, 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is measured.

    only: names of measures, all of them by default; rounds: how often each is repeated
    messages: in a drain; a tenth of it is sent one by one
    sizes: of the synthetic messages in bytes, of those in SIZES
    rate: messages a second for the latency; seconds: for which that, slow and idle run
    rest: seconds that a queue is at rest before the message whose latency after a rest is taken
    rests: how many of them a round; delayed: messages; queues: that a worker at rest serves
    backlogs: messages that wait, for the measure of that name
    """

    only: tuple[str, ...] = tuple(MEASURES)
    messages: int = 30_000
    rounds: int = 5
    processes: int = field(default_factory=lambda: os.cpu_count() or 1)
    sizes: tuple[int, ...] = SIZES
    rate: float = 20.0
    seconds: float = 20.0
    rest: float = 11.0
    rests: int = 2
    delayed: int = 1_000_000
    queues: int = 50
    backlogs: tuple[int, ...] = (1_000, 10_000, 100_000)

    def __post_init__(self) -> None:
        for name in self.only:
            if name not in MEASURES:
                known = f"known: {', '.join(MEASURES)}"
                hint = suggest(name, MEASURES) or known
                raise ConfigError(f"there is no measure `{name}`", hint=hint)
        for size in self.sizes:
            if size not in SIZES:
                expected = " or ".join(map(str, SIZES))
                raise ConfigError(f"expected a size of {expected} bytes, got `{size}`")


def make_options(**given: Any) -> Options:
    """Options from what was given; None, for one of them, leaves its default.

    Raises ConfigError for what cannot be measured.
    """
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return Options(**values | lists)
