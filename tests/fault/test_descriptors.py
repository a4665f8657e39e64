"""A process with more than 1023 open files, which select() cannot serve."""

from __future__ import annotations

import fcntl
import os
import resource
import sys
import threading
from collections.abc import Iterator
from selectors import DefaultSelector
from socket import socket, socketpair

import pytest

from pgmqgen.runtime.child.async_side import _send_now
from pgmqgen.runtime.parent.slots import Slot
from tests.fault.harness import Shop

_OPEN_MANY = """
import os

for _ in range(1100):
    os.open(os.devnull, os.O_RDONLY)
"""


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_worker_with_many_open_files(shop: Shop) -> None:
    shop.add_queues({"orders": {"notify": True}, "mails": {"asynchronous": True}})
    main = shop.folder / "main.py"
    main.write_text(_OPEN_MANY + main.read_text())
    for queue in ("orders", "mails"):
        shop.send(queue, [{"id": i, "do": "pass"} for i in range(50)])
    shop.run()
    assert len(shop.ledger("end")) == 100
    assert "failed" not in shop.logs()


def test_a_child_waits_for_its_parent_on_any_descriptor() -> None:
    ours, theirs = socketpair()
    with socket(fileno=fcntl.fcntl(ours, fcntl.F_DUPFD, 1500)) as high, theirs:
        ours.close()
        high.setblocking(False)
        sent = os.urandom(2**22)
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(_read(theirs, len(sent))))
        reader.start()
        _send_now(high, sent)
        reader.join()
    assert received == [sent]


def test_a_process_that_cannot_be_started_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with DefaultSelector() as selector:
        before = os.listdir("/dev/fd")
        for _ in range(3):
            with pytest.raises(OSError, match="/nowhere/python"):
                Slot({}, selector, lambda *_: None, lambda *_: None)
        assert os.listdir("/dev/fd") == before
        assert not selector.get_map()


def _read(sock: socket, count: int) -> bytes:
    with sock.makefile("rb") as file:
        return file.read(count)
