"""Ends statements that get no answer: a network that swallows packets tells nobody.

TCP's own timers do not see a peer, such as a proxy, that takes all that is sent and passes on
nothing. So each connection notes since when it waits, and one thread looks at all of them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import SHUT_RDWR, socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

_LOOK_S = 0.5
SILENCE_S = 10.0
"""A statement of the worker that takes longer is taken for lost; most take milliseconds."""
_SILENCE_AT_STOP_S = 2.0


class Wait:
    """Since when one connection waits for an answer; one thread notes it, another looks.

    hurries: whether it waits less once the worker stops
    """

    def __init__(self, *, hurries: bool = True) -> None:
        self.hurries = hurries
        self._since: float | None = None
        self._connection: psycopg.Connection[Any] | None = None

    @contextmanager
    def on(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """The statements of this block are waited for."""
        self._connection, self._since = connection, time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def end(self, silence_s: float) -> None:
        """Cut the connection if it has waited for longer: its thread gets an error."""
        since, connection = self._since, self._connection
        if since is not None and connection is not None and time.monotonic() - since > silence_s:
            _cut(connection)


class Watchdog(threading.Thread):
    """Looks at waits; a context manager, at whose end it ends."""

    def __init__(self, is_stopping: Callable[[], bool]) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._waits: list[Wait] = []
        self._is_stopping = is_stopping
        self._done = threading.Event()

    def watch(self, *waits: Wait) -> None:
        """Look at these, too."""
        self._waits += waits

    def run(self) -> None:
        while not self._done.wait(_LOOK_S):
            for wait in self._waits:
                hurried = wait.hurries and self._is_stopping()
                wait.end(_SILENCE_AT_STOP_S if hurried else SILENCE_S)

    def __enter__(self) -> Watchdog:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()


def _cut(connection: psycopg.Connection[Any]) -> None:
    try:
        with socket(fileno=os.dup(connection.fileno())) as sock:
            sock.shutdown(SHUT_RDWR)
    except Exception:  # closed meanwhile, in another thread
        return
