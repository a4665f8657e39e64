"""pgmqgen: schema-first queues on PostgreSQL with pgmq.

The names below are imported on first use, so that a producer does not pay for a worker.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgmqgen.errors import (
        ConfigError,
        DatabaseError,
        GenerateError,
        InvalidMessage,
        LeaseLost,
        PayloadTypeError,
        PgmqgenError,
        RegistryError,
        SchemaError,
        Violation,
    )
    from pgmqgen.queue import Backoff, QueueSettings
    from pgmqgen.runtime.child.context import Context
    from pgmqgen.runtime.client.producer import AsyncProducer, Producer
    from pgmqgen.runtime.client.queues import AsyncQueue, Queue, QueueMetrics, ReceivedMessage
    from pgmqgen.runtime.contract.validation import Contract
    from pgmqgen.runtime.hooks import Hooks
    from pgmqgen.runtime.message import Message
    from pgmqgen.runtime.outcome import (
        Archive,
        Delete,
        Reject,
        Release,
        Retry,
        TimeLimitExceeded,
    )
    from pgmqgen.runtime.parent.worker import Worker
    from pgmqgen.runtime.registry import QueueSpec, Registry

_HOMES = {
    "pgmqgen.errors": (
        "ConfigError", "DatabaseError", "GenerateError", "InvalidMessage", "LeaseLost",
        "PayloadTypeError", "PgmqgenError", "RegistryError", "SchemaError", "Violation",
    ),
    "pgmqgen.queue": ("Backoff", "QueueSettings"),
    "pgmqgen.runtime.client.queues": ("AsyncQueue", "Queue", "QueueMetrics", "ReceivedMessage"),
    "pgmqgen.runtime.child.context": ("Context",),
    "pgmqgen.runtime.hooks": ("Hooks",),
    "pgmqgen.runtime.message": ("Message",),
    "pgmqgen.runtime.outcome": (
        "Archive", "Delete", "Reject", "Release", "Retry", "TimeLimitExceeded",
    ),
    "pgmqgen.runtime.client.producer": ("AsyncProducer", "Producer"),
    "pgmqgen.runtime.registry": ("QueueSpec", "Registry"),
    "pgmqgen.runtime.contract.validation": ("Contract",),
    "pgmqgen.runtime.parent.worker": ("Worker",),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [
    "Archive",
    "AsyncProducer",
    "AsyncQueue",
    "Backoff",
    "ConfigError",
    "Context",
    "Contract",
    "DatabaseError",
    "Delete",
    "GenerateError",
    "Hooks",
    "InvalidMessage",
    "LeaseLost",
    "Message",
    "PayloadTypeError",
    "PgmqgenError",
    "Producer",
    "Queue",
    "QueueMetrics",
    "QueueSettings",
    "QueueSpec",
    "ReceivedMessage",
    "Registry",
    "RegistryError",
    "Reject",
    "Release",
    "Retry",
    "SchemaError",
    "TimeLimitExceeded",
    "Violation",
    "Worker",
    "__version__",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module `pgmqgen` has no attribute `{name}`")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
