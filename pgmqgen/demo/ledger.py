"""The ledger: a file to which the handlers' own log lines go, one for each run that succeeded.

The example handlers log `message` when their work is done, as handlers do. What they log is
kept apart from anything that the worker knows or counts.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

import orjson

from pgmqgen.runtime.hooks import Hooks
from pgmqgen.runtime.message import Message

HOOKS = f"{__name__}:LedgerHooks"
FILE_VARIABLE = "PGMQGEN_DEMO_LEDGER"
"""Environment variable that tells the worker's processes where the ledger is."""

_HANDLERS = "generated.handlers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line: a handler says that it is done with a message.

    done_at, enqueued_at: seconds since 1970; pid: of the handler's process
    """

    queue: str
    msg_id: int
    attempt: int
    enqueued_at: float
    done_at: float
    pid: int


class LedgerHooks(Hooks):
    """Sends what the handlers log to the ledger."""

    def on_start(self) -> None:
        logging.basicConfig(filename=log_file(), level=logging.WARNING, force=True)
        log = logging.getLogger(_HANDLERS)
        log.setLevel(logging.INFO)
        log.propagate = False
        log.addHandler(_LedgerWriter(Path(os.environ[FILE_VARIABLE])))


class _LedgerWriter(logging.Handler):
    """Appends a line for every record whose first argument is a message."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def emit(self, record: logging.LogRecord) -> None:
        match record.args:
            case (Message() as message, *_):
                # One write, appended whole: processes share the file, and one may be killed next.
                os.write(self._file, orjson.dumps(_describe(message)) + b"\n")


def log_file() -> str:
    """Where everything else is logged that would disturb the display."""
    return f"{os.environ[FILE_VARIABLE]}.log"


def read_ledger(path: Path) -> list[Entry]:
    """Read the ledger; empty if no handler has written yet."""
    if not path.exists():
        return []
    return [Entry(**orjson.loads(line)) for line in path.read_bytes().splitlines()]


def _describe(message: Message[object]) -> dict[str, object]:
    return {
        "queue": message.queue,
        "msg_id": message.id,
        "attempt": message.attempt,
        "enqueued_at": message.enqueued_at.timestamp(),
        "done_at": time.time(),
        "pid": os.getpid(),
    }
