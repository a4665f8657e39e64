"""Ctrl-C at a terminal, which sends SIGINT to parent and children alike."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.harness import Shop


class Terminal:
    """`pgmqgen worker` in the foreground of a terminal of its own."""

    def __init__(self, shop: Shop) -> None:
        self._master, slave = pty.openpty()
        command = Path(sys.executable).with_name("pgmqgen")
        self.worker = subprocess.Popen(
            [command, "worker", "--processes=2", "--registry=shop.registry:registry"],
            cwd=shop.folder,
            env={**os.environ, "LEDGER": str(shop.ledger_path), "DATABASE_URL": shop.url},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.output = b""

    def interrupt(self) -> None:
        """Type Ctrl-C."""
        os.write(self._master, b"\x03")

    def read(self) -> bytes:
        """All that it has shown so far."""
        os.set_blocking(self._master, False)
        try:
            while data := os.read(self._master, 65536):
                self.output += data
        except OSError:  # nothing more for now, or its end is closed
            pass
        return self.output

    def close(self) -> None:
        self.worker.kill()
        self.worker.wait()
        os.close(self._master)


@pytest.fixture
def terminal(shop: Shop) -> Iterator[Terminal]:
    """A worker that runs two handlers, each for a second, and has more to do."""
    shop.add_queues({"orders": {"visibility_timeout": 300.0}})
    shop.send("orders", [{"id": i, "do": "sleep", "seconds": 1} for i in range(10)])
    terminal = Terminal(shop)
    shop.wait_for(lambda: len(shop.ledger("begin")) == 2)
    yield terminal
    terminal.close()


def test_ctrl_c_is_told_once_and_finishes_what_runs(shop: Shop, terminal: Terminal) -> None:
    terminal.interrupt()
    assert terminal.worker.wait(10) == 0
    shown = terminal.read().decode()
    assert shown.count("SIGINT: finishing what runs; once more stops at once") == 1
    assert "Traceback" not in shown
    assert "orders: 2 handled" in shown
    assert len(shop.ledger("begin")) == len(shop.ledger("end")) == 2
    assert shop.execute("SELECT count(*) FROM pgmq.q_orders WHERE vt <= now()") == [(8,)]


def test_ctrl_c_twice_stops_at_once(shop: Shop, terminal: Terminal) -> None:
    terminal.interrupt()
    shop.wait_for(lambda: b"once more" in terminal.read())
    terminal.interrupt()
    assert terminal.worker.wait(10) == 130
    assert "Traceback" not in terminal.read().decode()
    assert not shop.ledger("end")
    assert shop.execute("SELECT count(*) FROM pgmq.q_orders WHERE vt <= now()") == [(10,)]
