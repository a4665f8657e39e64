"""What a process of a benchmark is told, and how it says that it is ready.

The task crosses in the environment, where a database's password is not shown to others, and which
the processes of a worker inherit. A process says `ready`, begins when it is told `go`, and ends
when its standard input is closed, also because the one that started it has died.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass

VARIABLE = "PGMQGEN_BENCH_TASK"
READY, GO = "ready\n", "go\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one process does.

    registry: `module:object` of the registry that has the queues; queues: those that it serves
    handler: name of a function in `pgmqgen.bench.handlers`; ledger: file to which it may write
    """

    url: str
    registry: str
    queues: tuple[str, ...]
    processes: int = 1
    handler: str = "ignore"
    ledger: str = ""

    def environment(self) -> dict[str, str]:
        """The environment of a process that has this task."""
        task = json.dumps({"path": [os.path.abspath(path) for path in sys.path], **asdict(self)})
        return os.environ | {VARIABLE: task}


def receive_task() -> Task:
    """The task of this process, or of the one that started it; what its parent imports, it can."""
    told = json.loads(os.environ[VARIABLE])
    sys.path[:] = told.pop("path")
    return Task(**told | {"queues": tuple(told["queues"])})


def say_ready() -> None:
    """Tell the one that started this process that it can begin."""
    sys.stdout.write(READY)
    sys.stdout.flush()


def await_go() -> None:
    """Wait until it is this process's turn; exit if that never comes."""
    if sys.stdin.readline() != GO:
        sys.exit()
