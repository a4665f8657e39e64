"""The process of a slot: loads the handlers, then serves its parent's sockets.

Run as `python -m pgmqgen.runtime.child FD FD FD FD FD FD`, never imported by user code. The
descriptors: the socket of the sync side, of the async side, of the control line, the lifeline, the
progress record, and the file for stacks.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import inspect
import logging
import os
import select
import signal
import sys
import threading
from socket import socket
from typing import Any

from pgmqgen.errors import PgmqgenError
from pgmqgen.runtime import progress, wire
from pgmqgen.runtime.child.resources import Resources
from pgmqgen.runtime.child.runner import ControlLine, Desk, Runner
from pgmqgen.runtime.child.sync_side import SyncSide
from pgmqgen.runtime.database.connector import Connector
from pgmqgen.runtime.database.layout import Layout
from pgmqgen.runtime.hooks import call_hook, load_hooks
from pgmqgen.runtime.registry import load_registry

log = logging.getLogger("pgmqgen.child")

_JOIN_S = 2.0
_forking = threading.local()


def main(arguments: list[str]) -> None:
    """Serve one slot until its parent says stop or dies."""
    fds = [int(argument) for argument in arguments]
    for fd in fds:  # what a handler starts must not keep these open
        os.set_inheritable(fd, False)
    sync_sock, async_sock, control_sock, lifeline = (socket(fileno=fd) for fd in fds[:4])
    _end_with(lifeline)
    for number in wire.GROUP_SIGNALS:
        signal.signal(number, _ignore)
    os.register_at_fork(
        before=_hold_signals, after_in_parent=_let_signals_in, after_in_child=_let_signals_in_fork
    )
    faulthandler.register(wire.DUMP_SIGNAL, os.fdopen(fds[5], "wb", 0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, wire.GROUP_SIGNALS)
    threading.Thread(target=_watch_parent, args=(sync_sock,), daemon=True).start()
    frames = wire.FrameReader(sync_sock)
    options: dict[str, Any] = frames.read()[1]
    sys.path[:] = options["sys_path"]
    if options["log_level"] is not None:
        logging.basicConfig(level=options["log_level"], format=options["log_format"])
    try:
        desks = _load_desks(options)
        hooks = load_hooks(options["hooks"])
    except PgmqgenError as error:
        sync_sock.sendall(wire.pack_frame((wire.BROKEN, error.message, error.hint)))
        return
    except Exception as error:
        log.exception("cannot load the handlers")
        message = f"cannot load the handlers: {type(error).__name__}: {error}"
        sync_sock.sendall(wire.pack_frame((wire.BROKEN, message, None)))
        return
    line = ControlLine(control_sock)
    connector = Connector(options["conninfo"], options["factory"], options["pooler"])
    resources = Resources(options["number"], connector)
    record = progress.Progress(fds[4])
    loop_thread = None
    if any(desk.is_async for desk in desks):
        from pgmqgen.runtime.child.async_side import start_async_side

        loop_thread = start_async_side(async_sock, desks, record, hooks, resources, line)
    call_hook(hooks, "on_start")
    sync_sock.sendall(wire.pack_frame((wire.READY, [desk.is_async for desk in desks])))
    sync_side = SyncSide(sync_sock, frames, desks, Runner(record, hooks, resources, line))
    signal.signal(signal.SIGTERM, sync_side.interrupt)
    with contextlib.suppress(ConnectionError):
        sync_side.run()
    if loop_thread is not None and not sync_side.was_interrupted:
        loop_thread.join(_JOIN_S)


def _load_desks(options: dict[str, Any]) -> list[Desk]:
    registry = load_registry(options["registry"])
    desks = []
    queues = zip(options["queues"], options["layouts"], strict=True)
    for number, ((name, timeout_s, archives), layout) in enumerate(queues):
        spec = registry[name]
        handler = spec.load_handler()
        spec.contract.prepare()
        desks.append(
            Desk(
                number=number,
                name=name,
                contract=spec.contract,
                handler=handler,
                is_async=inspect.iscoroutinefunction(handler)
                or inspect.iscoroutinefunction(type(handler).__call__),
                timeout_s=timeout_s,
                layout=Layout(*layout),
                archives=archives,
            )
        )
    return desks


def _end_with(lifeline: socket) -> None:
    """Have the kernel end this process when the parent's end is closed, whoever holds the GIL.

    SIGIO does that on Linux; elsewhere it is ignored, and only a thread watches the parent.
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)


def _watch_parent(sock: socket) -> None:
    """End this process at once when the parent's end of `sock` is closed."""
    poll = select.poll()
    poll.register(sock, 0)  # a hang-up is reported without being asked for
    poll.poll()
    wire.end_orphaned()


def _hold_signals() -> None:
    """Before a fork: a signal right after it must not meet a function of this process."""
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, wire.GROUP_SIGNALS)


def _let_signals_in() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _let_signals_in_fork() -> None:
    """What a handler forks ends on SIGTERM, as any process; Ctrl-C it leaves to the parent as well."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _let_signals_in()


def _ignore(*_: object) -> None:
    """A signal meant for the whole group: the parent decides what happens here."""


if __name__ == "__main__":
    main(sys.argv[1:])
