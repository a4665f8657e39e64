"""The demo from start to end: each step calls what the command of the same name calls."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pgmqgen.demo import ledger
from pgmqgen.demo.project import create_project
from pgmqgen.stage import project
from pgmqgen.stage.screen import Bars, Screen, make_console

if TYPE_CHECKING:
    from psycopg import Connection

    from pgmqgen.config import Config
    from pgmqgen.demo.balance import Balance
    from pgmqgen.demo.ledger import Entry
    from pgmqgen.demo.traffic import Traffic
    from pgmqgen.runtime.parent.report import Summary
    from pgmqgen.runtime.parent.worker import Worker
    from pgmqgen.runtime.registry import Registry

_TICK_S = 0.1
_LIMIT_S = 90
"""After which a worker that is not done is stopped; the check then says what it left."""
_NEARLY_DRAINED = 100
_PROCESSES = min(4, max(2, os.cpu_count() or 1))
"""A pool even on one core, and not all of a large machine."""


def run_demo() -> bool:
    """Run the demo; return whether every message ended where it should."""
    project.check_extras("the demo", "codegen", "local")
    screen = Screen()
    with project.unwinding_once(), project.temporary_folder() as folder:
        balances = _run(screen, folder)
    from pgmqgen.demo.report import print_report

    return print_report(make_console(stderr=False), balances)


def _run(screen: Screen, folder: Path) -> list[Balance]:
    config = create_project(folder / "project")
    with (
        project.starting_server(folder / "server") as starting,
        project.importing_from(config.root),
    ):
        _compile(screen, config)
        with screen.step("starting PostgreSQL") as step:
            url = starting.result()
            step.outcome = f"started {_server_version(url)}, embedded, in a temporary folder"
        registry = _migrate(screen, config, url)
        from pgmqgen.demo.traffic import Traffic

        with Traffic(url) as traffic:
            _send_backlog(screen, traffic)
            entries = _work(screen, registry, url, traffic, folder / "ledger")
            balances = _draw_balances(registry, url, traffic, entries)
    if any(balance.problems for balance in balances):
        screen.note(Path(ledger.log_file()).read_text())
    return balances


def _compile(screen: Screen, config: Config) -> None:
    with screen.step("compiling the schemas") as step:
        queues, comparison = project.compile_project(config)
        files = len(comparison.changed)
        step.outcome = f"compiled {queues} schemas to {files} files: models, validators, producers"


def _migrate(screen: Screen, config: Config, url: str) -> Registry:
    from pgmqgen.admin.migrate import apply
    from pgmqgen.runtime.registry import load_registry

    with screen.step("migrating") as step:
        registry = load_registry(config.registry)
        steps = apply(url, registry)
        step.outcome = f"migrated: {steps[0].title}, create {len(steps) - 1} queues"
    return registry


def _send_backlog(screen: Screen, traffic: Traffic) -> None:
    with screen.step("sending") as step:
        traffic.send_backlog()
        fates = [fate for sent in traffic.sent.values() for fate in sent.fates.values()]
        invalid = fates.count("invalid")
        good = len(fates) - invalid
        step.outcome = f"sent {good:,} messages by producers, {invalid} invalid ones by plain SQL; more will follow"


def _work(
    screen: Screen, registry: Registry, url: str, traffic: Traffic, ledger_file: Path
) -> list[Entry]:
    from pgmqgen.demo.traffic import PLANS
    from pgmqgen.runtime.database.postgres import connect
    from pgmqgen.runtime.parent.worker import Worker

    os.environ[ledger.FILE_VARIABLE] = str(ledger_file)
    logging.basicConfig(filename=ledger.log_file(), level=logging.WARNING)
    worker = Worker(registry, database_url=url, hooks=ledger.HOOKS, processes=_PROCESSES)
    totals = {queue: plan.total for queue, plan in PLANS.items()}
    with screen.bars(totals) as (step, bars), connect(url) as connection:
        with _working(worker) as working:
            _watch(connection, traffic, working, bars)
            worker.stop()
            working.result()
        entries = ledger.read_ledger(ledger_file)
        replaced = len({entry.pid for entry in entries}) - _PROCESSES
        handled = sum(len(sent.fates) for sent in traffic.sent.values())
        step.outcome = (
            f"worked through {handled:,} messages in {_PROCESSES} processes; "
            f"{replaced} were replaced, as one report kills its own"
        )
    return entries


def _watch(connection: Connection, traffic: Traffic, working: Future[Summary], bars: Bars) -> None:
    """Send the waves once the backlog is drained; return when no message is left."""
    from pgmqgen.demo.evidence import count_left

    deadline = time.monotonic() + _LIMIT_S
    while not working.done() and time.monotonic() < deadline:
        left = count_left(connection, list(traffic.sent))
        for queue, sent in traffic.sent.items():
            bars.update(queue, len(sent.fates) - left[queue])
        if traffic.finished and not any(left.values()):
            return
        if not traffic.finished and left["send_email"] + left["order_events"] < _NEARLY_DRAINED:
            traffic.send_wave()
        time.sleep(_TICK_S)


@contextmanager
def _working(worker: Worker) -> Iterator[Future[Summary]]:
    """Run a worker on a thread of its own; it is stopped when the block is left early."""
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(_run_sheltered, worker)
        try:
            yield working
        except BaseException:
            worker.abort()
            raise


def _run_sheltered(worker: Worker) -> Summary:
    # Its processes inherit this: Ctrl-C must not hit one that is only just starting.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    return worker.run()


def _draw_balances(
    registry: Registry, url: str, traffic: Traffic, entries: list[Entry]
) -> list[Balance]:
    from pgmqgen.demo.balance import draw_balance
    from pgmqgen.demo.evidence import gather_evidence
    from pgmqgen.runtime.database.postgres import connect

    with connect(url) as connection:
        found = gather_evidence(connection, registry, traffic.sent, entries)
    return [draw_balance(evidence) for evidence in found]


def _server_version(url: str) -> str:
    from pgmqgen.runtime.database.postgres import connect

    with connect(url) as connection:
        return f"PostgreSQL {connection.info.parameter_status('server_version')}"
