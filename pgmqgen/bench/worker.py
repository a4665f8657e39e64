"""A worker in a process of its own: `python -m pgmqgen.bench.worker`."""

from __future__ import annotations

import sys
import threading

from pgmqgen.bench import stand_in
from pgmqgen.bench.task import receive_task
from pgmqgen.runtime.parent.worker import Worker


def main() -> None:
    """Serve the queues of the task until standard input is closed."""
    task = receive_task()
    worker = Worker(
        stand_in.registry,
        database_url=task.url,
        processes=task.processes,
        hooks=stand_in.ReadyHooks,
    )
    threading.Thread(target=_stop_at_end_of_input, args=(worker,), daemon=True).start()
    worker.run()


def _stop_at_end_of_input(worker: Worker) -> None:
    sys.stdin.read()
    worker.stop()


if __name__ == "__main__":
    main()
