"""After a handler that took long, a child decodes the next messages together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from socket import socketpair
from typing import Any, cast

import pytest

from pgmqgen.runtime import progress, wire
from pgmqgen.runtime.child import sync_side
from pgmqgen.runtime.child.resources import Resources
from pgmqgen.runtime.child.runner import Desk, Runner
from pgmqgen.runtime.child.sync_side import SyncSide
from pgmqgen.runtime.contract.validation import Contract
from pgmqgen.runtime.database.connector import Connector
from pgmqgen.runtime.database.layout import CURRENT
from pgmqgen.runtime.hooks import Hooks
from pgmqgen.runtime.message import Controls, Message

SCHEMA = {"type": "object", "required": ["id"]}
SLOW_S = 0.002


class _Noting(Contract[Any]):
    """A contract that tells what is decoded."""

    def __init__(self, note: Callable[[bytes | str], None]) -> None:
        super().__init__(queue="q", schema=SCHEMA, payload=Any, fingerprint="")
        self._note = note

    def decode(self, raw: bytes | str) -> Any:
        self._note(raw)
        return super().decode(raw)


class Child:
    """The sync side of a child, whose handler notes what it gets and takes `takes_s`."""

    def __init__(self, takes_s: float) -> None:
        self.events: list[tuple[str, Any]] = []
        self.record = progress.Progress.create()
        self._takes_s = takes_s
        self._parent, self._socket = socketpair()
        contract = _Noting(self.note_decoding)
        desk = Desk(
            number=0, name="q", contract=contract, handler=self.handle, is_async=False,
            timeout_s=60.0, layout=CURRENT, archives=False,
        )  # fmt: skip
        resources = Resources(0, cast(Connector, None))
        runner = Runner(self.record, Hooks(), resources, cast(Controls, None))
        self._side = SyncSide(self._socket, wire.FrameReader(self._socket), [desk], runner)

    def note_decoding(self, raw: bytes | str) -> None:
        running = [i for i in range(20) if self.record.states[i] == progress.RUNNING]
        self.events.append(("decode", (raw, running)))

    def handle(self, message: Message[Any], context: object) -> None:
        self.events.append(("handle", message.payload["id"]))
        time.sleep(self._takes_s)

    def run(self, *payloads: bytes | None) -> dict[int, str]:
        """Handle a chunk; what came of each message, by its ticket."""
        jobs = [
            (number + 1, number, 1, (number, 1, b"", b"", None, None, raw))
            for number, raw in enumerate(payloads)
        ]
        self._parent.sendall(wire.pack_frame((wire.RUN, 0, jobs)) + wire.pack_frame((wire.STOP,)))
        self._side.run()
        results: dict[int, str] = {}
        for _, _, completed, others, _ in wire.FrameBuffer().feed(self._parent.recv(1 << 20)):
            results |= dict.fromkeys(completed, "completed")
            results |= {packed[0]: packed[1] for packed in others}
        return results

    def decoded(self) -> list[tuple[bytes, list[int]]]:
        """What was decoded, each with the entries that were noted as running."""
        return [what for kind, what in self.events if kind == "decode"]

    def handled(self) -> list[int]:
        return [what for kind, what in self.events if kind == "handle"]

    def close(self) -> None:
        self.record.close()
        self._parent.close()
        self._socket.close()


@contextmanager
def child(takes_s: float = SLOW_S) -> Iterator[Child]:
    made = Child(takes_s)
    try:
        yield made
    finally:
        made.close()


def payload(number: int) -> bytes:
    return b'{"id": %d}' % number


def test_messages_behind_a_slow_one_are_decoded_together_and_once() -> None:
    with child() as slow:
        slow.run(*map(payload, range(4)))
        assert [kind for kind, _ in slow.events] == [
            "decode", "handle", "decode", "decode", "decode", "handle", "handle", "handle",
        ]  # fmt: skip
        assert slow.handled() == [0, 1, 2, 3]


def test_messages_behind_a_fast_one_are_decoded_in_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sync_side, "_COLD_S", 60.0)  # however busy this machine is
    with child(takes_s=0.0) as fast:
        fast.run(*map(payload, range(3)))
        assert [kind for kind, _ in fast.events] == ["decode", "handle"] * 3


def test_what_is_decoded_ahead_is_noted_as_running_meanwhile() -> None:
    with child() as slow:
        slow.run(*map(payload, range(4)))
        assert slow.decoded() == [(payload(i), [i]) for i in range(4)]
        assert bytes(slow.record.states[:4]) == bytes([progress.DONE] * 4)


def test_an_invalid_message_fails_in_its_turn() -> None:
    with child() as slow:
        results = slow.run(payload(0), payload(1), b"[]", payload(3))
        assert results == {1: "completed", 2: "completed", 3: "invalid", 4: "completed"}
        assert slow.handled() == [0, 1, 3]


def test_what_is_recalled_after_it_was_decoded_is_not_handled() -> None:
    with child() as slow:
        handle = slow.handle

        def recall(message: Message[Any], context: object) -> None:
            handle(message, context)
            if message.payload["id"] == 1:
                slow.record.recall[0] = 4

        slow._side._desks[0] = replace(slow._side._desks[0], handler=recall)
        results = slow.run(*map(payload, range(4)))
        assert slow.handled() == [0, 1, 3]
        assert results[3] == "vetoed"


def test_a_large_message_is_decoded_in_its_turn() -> None:
    large = b'{"id": 2, "text": "%s"}' % (b"x" * 100_000)
    with child() as slow:
        slow.run(payload(0), payload(1), large, payload(3))
        assert [raw for raw, _ in slow.decoded()] == [payload(0), payload(1), payload(3), large]
