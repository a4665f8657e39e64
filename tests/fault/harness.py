"""A small project whose handlers do what their payload says, and a worker process to run it.

Every handler writes a ledger: one JSON line before and one after it acts, appended in one
write, so that lines of different processes do not mix. A reader may meet such a write half done.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

_CONTRACT = """
from typing import Any

from pgmqgen import Contract

contract: Contract[Any] = Contract(
    queue="{name}",
    schema={{"type": "object", "required": ["id", "do"], "properties": {{"id": {{"type": "integer"}}}}}},
    payload=Any,
    fingerprint="test",
)
"""

_HANDLERS = """
import asyncio
import ctypes
import json
import os
import signal
import sys
import time

from pgmqgen import Reject, Retry

LEDGER = os.environ["LEDGER"]
CLOCK_AHEAD_S = float(os.environ.get("CLOCK_AHEAD_S", 0))


def note(event, message):
    line = {
        "event": event,
        "id": message.payload["id"],
        "queue": message.queue,
        "attempt": message.attempt,
        "read_count": message.read_count,
        "pid": os.getpid(),
        "at": time.time() - CLOCK_AHEAD_S,
    }
    ledger = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, (json.dumps(line) + "\\n").encode())
    os.close(ledger)


class TwoArguments(Exception):
    def __init__(self, first, second):
        super().__init__("needs both")


def handle(message, context):
    note("begin", message)
    act(message, message.payload)
    note("end", message)


def act(message, payload):
    match payload["do"]:
        case "pass":
            pass
        case "raise":
            raise TwoArguments(1, 2)
        case "exit":
            os._exit(payload.get("status", 1))
        case "system_exit":
            sys.exit(3)
        case "sleep":
            time.sleep(payload["seconds"])
        case "hold_gil":
            ctypes.PyDLL(None).usleep(int(payload["seconds"] * 1_000_000))
        case "kill_parent":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(30)
        case "retry":
            raise Retry(delay=payload["seconds"])
        case "reject":
            raise Reject("not wanted")
        case "delete_then_raise":
            assert message.delete()
            raise RuntimeError("after the delete")
        case "archive":
            assert message.archive()
        case "set_timeout":
            assert message.set_timeout(payload["seconds"])
            time.sleep(payload["then"])


async def handle_async(message, context):
    note("begin", message)
    match message.payload["do"]:
        case "sleep":
            await asyncio.sleep(message.payload["seconds"])
        case "block_loop":
            time.sleep(message.payload["seconds"])
        case "set_timeout":
            assert message.set_timeout(message.payload["seconds"])
            await asyncio.sleep(message.payload["then"])
        case "set_timeout_in_thread":
            assert await asyncio.to_thread(message.set_timeout, message.payload["seconds"])
            await asyncio.sleep(message.payload["then"])
        case "end_loop":
            asyncio.get_running_loop().call_soon(sys.exit, 3)
            await asyncio.sleep(0.05)
        case _:
            act(message, message.payload)
    note("end", message)
"""

_REGISTRY = """
from pgmqgen import Backoff, QueueSettings, QueueSpec, Registry

registry = Registry(__name__, [
{specs}
])
"""

_SPEC = """
    QueueSpec(
        QueueSettings(name="{name}", backoff=Backoff(kind="fixed", initial=0.1), {settings}),
        contract=".{name}:contract",
        handler=".handlers:{function}",
    ),
"""

# On purpose without a `__main__` guard.
_MAIN = """
import json
import logging
import os
import sys

logging.basicConfig(level="INFO", format="%(asctime)s %(process)d %(name)s %(message)s")

from shop.registry import registry
from pgmqgen import Worker

options = json.loads(sys.argv[1])
summary = Worker(registry, **options).run()
with open("counts.json", "w") as file:
    json.dump(summary.counts, file)
sys.exit(130 if summary.aborted else 0)
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger."""

    event: str
    id: int
    queue: str
    attempt: int
    read_count: int
    pid: int
    at: float


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The complete lines of a file that others append JSON lines to."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


@dataclass(slots=True)
class Shop:
    """A project in `folder`, its database, and the worker processes started for it."""

    folder: Path
    url: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    # Setting up

    def add_queues(self, queues: dict[str, dict[str, Any]], more_handlers: str = "") -> None:
        """Write the project: settings by queue; the key `asynchronous` picks the async handler.

        more_handlers: source of further functions, which the key `function` picks
        """
        package = self.folder / "shop"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "handlers.py").write_text(_HANDLERS + more_handlers)
        specs = []
        for name, settings in queues.items():
            asynchronous = settings.pop("asynchronous", False)
            function = settings.pop("function", "handle_async" if asynchronous else "handle")
            written = ", ".join(f"{key}={value!r}" for key, value in settings.items())
            specs.append(_SPEC.format(name=name, settings=written, function=function))
            (package / f"{name}.py").write_text(_CONTRACT.format(name=name))
        (package / "registry.py").write_text(_REGISTRY.format(specs="".join(specs)))
        (self.folder / "main.py").write_text(_MAIN)
        for name in queues:
            self.execute("SELECT pgmq.create(%s)", name)
            self.execute("SELECT pgmq.create(%s)", f"{name}_dlq")

    def send(self, queue: str, payloads: Iterable[dict[str, Any]]) -> None:
        """Send payloads in one statement, past all validation."""
        self.execute(
            f"INSERT INTO pgmq.q_{queue} (vt, message) "
            "SELECT clock_timestamp(), value FROM jsonb_array_elements(%s::jsonb)",
            json.dumps(list(payloads)),
        )

    # Running

    def start(self, *, within: Sequence[str] = (), **options: Any) -> subprocess.Popen[bytes]:
        """Start a worker process with options of `pgmqgen.Worker`; within: a command around it."""
        options = {"processes": 2, "database_url": self.url, **options}
        with (self.folder / f"worker-{len(self.workers)}.log").open("wb") as log:
            worker = subprocess.Popen(
                [*within, sys.executable, "main.py", json.dumps(options)],
                cwd=self.folder,
                env={**os.environ, "LEDGER": str(self.ledger_path)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        self.workers.append(worker)
        return worker

    def run(self, timeout_s: float = 60, **options: Any) -> None:
        """Run a worker until the queues are empty."""
        worker = self.start(until_empty=True, **options)
        assert worker.wait(timeout_s) == 0, self.logs()

    def stop(self) -> None:
        """End every worker that is still there."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
                worker.wait()

    # Looking

    @property
    def ledger_path(self) -> Path:
        return self.folder / "ledger.jsonl"

    def ledger(self, event: str | None = None) -> list[Line]:
        """Lines of the ledger so far."""
        lines = [Line(**line) for line in read_lines(self.ledger_path)]
        return [line for line in lines if event in (None, line.event)]

    def counts(self) -> dict[str, dict[str, int]]:
        """The counts of the summary of the last worker that ended in good order."""
        return json.loads((self.folder / "counts.json").read_text())

    def logs(self) -> str:
        """What the workers wrote."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("worker-*.log")))

    def execute(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement; its rows, if it has any."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def count(self, table: str) -> int:
        """Rows of a table of pgmq, such as `q_orders` or `a_orders`."""
        return int(self.execute(f"SELECT count(*) FROM pgmq.{table}")[0][0])

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Messages of a table with their headers, in order of their ids."""
        found = self.execute(f"SELECT to_jsonb(t) FROM pgmq.{table} AS t ORDER BY msg_id")
        return [row[0] for row in found]

    def wait_for(self, condition: Any, timeout_s: float = 20) -> None:
        """Wait until `condition()` holds; fail with the workers' logs if it does not."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"waited {timeout_s} s\n{self.logs()}"
            time.sleep(0.02)

    def wait_for_line(self, event: str, queue: str, *, after: int, timeout_s: float = 20) -> Line:
        """The line of an event of a queue that follows the first `after` ones."""

        def lines() -> list[Line]:
            return [line for line in self.ledger(event) if line.queue == queue]

        self.wait_for(lambda: len(lines()) > after, timeout_s)
        return lines()[after]


def running_children(pid: int) -> Iterator[int]:
    """Process ids of the children of `pid`."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())
