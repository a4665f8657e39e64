"""What a worker was asked to do, checked: its queues, processes, database and hooks."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pgmqgen.errors import ConfigError
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.database.connector import Connector
from pgmqgen.runtime.hooks import Hooks
from pgmqgen.runtime.parent.limits import Limits
from pgmqgen.runtime.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a worker was asked to do.

    registry: of the project
    settings: of each queue served, in order; a queue's number is its place here
    hooks: `module:object` of its hooks, None if it has none
    options: what every child is told
    """

    registry: Registry
    settings: tuple[QueueSettings, ...]
    processes: int
    connector: Connector
    hooks: str | None
    options: dict[str, Any]
    limits: Limits

    @property
    def lock_timeout_s(self) -> float:
        """How long a statement waits for what somebody has locked.

        Well under the shortest lease, since leases must be extended meanwhile.
        """
        shortest = min(settings.visibility_timeout for settings in self.settings)
        return max(0.05, min(1.0, shortest / 5))

    @property
    def lanes(self) -> int:
        """How many lanes lease: two keep the database and the slots busy at the same time."""
        return min(2, self.processes)


def make_plan(
    registry: Registry,
    *,
    connector: Connector,
    queues: Sequence[str] | None,
    processes: int | None,
    hooks: str | type[Hooks] | None,
    overrides: Mapping[str, float | int | None],
    limits: Limits,
) -> Plan:
    """Make a plan; `overrides` are settings for every queue, None leaves a queue its own.

    Raises ConfigError, and RegistryError for a queue that is not in the registry.
    """
    settings = _choose_queues(registry, queues, overrides)
    if connector.conninfo is None and connector.factory is None:
        raise ConfigError(
            "no database is configured",
            hint="give database_url, or set PGMQGEN_DATABASE_URL or DATABASE_URL",
        )
    hooks_name = _name_of(hooks)
    return Plan(
        registry=registry,
        settings=settings,
        processes=_check_processes(processes),
        connector=connector,
        hooks=hooks_name,
        options=_child_options(registry, settings, connector, hooks_name),
        limits=limits,
    )


def _choose_queues(
    registry: Registry, names: Sequence[str] | None, overrides: Mapping[str, float | int | None]
) -> tuple[QueueSettings, ...]:
    changes: dict[str, Any] = {key: v for key, v in overrides.items() if v is not None}
    for key, value in changes.items():
        if value <= 0:
            raise ConfigError(f"`{key}` must be above 0, got {value}")
    chosen = list(dict.fromkeys(names)) if names else list(registry)
    if not chosen:
        raise ConfigError(
            "the registry has no queues", hint="add a schema and run `pgmqgen generate`"
        )
    return tuple(replace(registry[name].settings, **changes) for name in chosen)


def _check_processes(processes: int | None) -> int:
    if processes is None:
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if processes < 1:
        raise ConfigError(f"`processes` must be at least 1, got {processes}")
    return processes


def _name_of(hooks: str | type[Hooks] | None) -> str | None:
    if hooks is None or isinstance(hooks, str):
        return hooks
    if hooks.__module__ == "__main__":
        raise ConfigError(
            f"hooks `{hooks.__qualname__}` are defined in the main script, which no child imports",
            hint="move the class to a module of its own",
        )
    return f"{hooks.__module__}:{hooks.__qualname__}"


def _child_options(
    registry: Registry,
    settings: Sequence[QueueSettings],
    connector: Connector,
    hooks_name: str | None,
) -> dict[str, Any]:
    """What a child needs to know, in plain values."""
    if registry.import_name.startswith("__main__:"):
        raise ConfigError(
            "the registry is defined in the main script, which no child imports",
            hint="move it to a module of its own",
        )
    root = logging.getLogger()
    formatter = root.handlers[0].formatter if root.handlers else None
    style = getattr(formatter, "_style", None)
    return {
        "sys_path": [os.path.abspath(path) for path in sys.path],
        "registry": registry.import_name,
        "queues": [(s.name, s.timeout, s.on_success == "archive") for s in settings],
        "hooks": hooks_name,
        "conninfo": connector.conninfo,
        "factory": connector.factory,
        "pooler": connector.pooler,
        "log_level": root.level if root.handlers else None,
        "log_format": style._fmt if type(style) is logging.PercentStyle else None,
    }
