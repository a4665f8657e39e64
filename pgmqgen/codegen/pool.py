"""Processes that compile on all cores; they end with their parent, however that ends."""

from __future__ import annotations

import atexit
import os
import signal
from collections.abc import Callable, Collection, Iterator
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pgmqgen.errors import GenerateError

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

MANY = 20
"""Schemas whose models take as long to make as a process that makes them takes to start."""
_PROCESSES = min(4, os.cpu_count() or 1)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Pool:
    """Maps functions, as a context manager: in this process until `start` makes others."""

    def __init__(self, processes: int = _PROCESSES) -> None:
        self._processes = processes
        self._executor: ProcessPoolExecutor | None = None
        self._first: Future[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    def start(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Have a process call a function meanwhile, so that it has imported what that needs."""
        if self._processes == 1 or self._executor is not None:
            return
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        context = get_context("spawn")  # a fork would copy the locks of running threads
        self._executor = ProcessPoolExecutor(self._processes, context, initializer=_prepare)
        self._first = self._executor.submit(function, *arguments)

    def map(
        self, function: Callable[[_Item], _Result], items: Collection[_Item]
    ) -> Iterator[_Result]:
        """Yield the results in order. Raises what the function does, and GenerateError."""
        from concurrent.futures.process import BrokenProcessPool

        if self._executor is None or self._first is None:
            yield from map(function, items)
            return
        try:
            yield from self._executor.map(function, items, chunksize=self._chunk(items))
        except BrokenProcessPool as error:
            message = "a process of the compiler was killed"
            raise GenerateError(message, hint="see whether there is enough memory") from error

    def _chunk(self, items: Collection[_Item]) -> int:
        """How many one process gets at once: few all go to the first, once that is ready."""
        if len(items) >= MANY or self._first is None:
            return 1
        self._first.result()  # with no process idle, the executor would start another
        return max(1, len(items))


def _prepare() -> None:
    """Leave an interrupt from the terminal to the parent, and end when that is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    atexit.register(os._exit, 0)  # the parent waits, and to take all modules down takes a while
    Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    from multiprocessing import parent_process

    if parent := parent_process():
        parent.join()
        os._exit(1)
