"""The registry of a measured worker: the project's queues with handlers of our own.

The project's handlers are never called, so that what they do does not happen.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

from pgmqgen.bench import handlers
from pgmqgen.bench.task import receive_task, say_ready
from pgmqgen.runtime.contract.validation import Contract
from pgmqgen.runtime.hooks import Hooks
from pgmqgen.runtime.registry import QueueSpec, Registry, load_registry


class ReadyHooks(Hooks):
    """Says when the worker begins."""

    def on_ready(self) -> None:
        say_ready()


class _StandIn(QueueSpec[Any]):
    """A queue with its contract and settings, but another handler, and an archive left alone."""

    def __init__(self, spec: QueueSpec[Any], handler: str) -> None:
        settings = replace(spec.settings, on_success="delete")
        super().__init__(settings, contract="", handler=f"{handlers.__name__}:{handler}")
        self._spec = spec

    @cached_property
    def contract(self) -> Contract[Any]:
        return self._spec.contract


def _make_registry() -> Registry:
    task = receive_task()
    project = load_registry(task.registry)
    return Registry(__name__, [_StandIn(project[name], task.handler) for name in task.queues])


registry = _make_registry()
