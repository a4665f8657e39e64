"""A proxy between a worker and its server, which can swallow what passes, and counts it."""

from __future__ import annotations

import select
import threading
from dataclasses import dataclass, replace
from socket import AF_UNIX, SHUT_RDWR, create_server, socket

_LOOK_S = 0.05
_READY = b"Z\0\0\0\5"
"""How the server says that an answer is complete."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What has passed: bytes from clients and from the server, and answers of the latter."""

    sent: int = 0
    received: int = 0
    answers: int = 0

    def __sub__(self, other: Passed) -> Passed:
        return Passed(
            self.sent - other.sent, self.received - other.received, self.answers - other.answers
        )


class Proxy:
    """Passes TCP connections on to a server's Unix socket, as a context manager.

    port: where it listens on the loopback
    cued: how often the cue of `swallow_from` has been given
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener = create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket, socket]] = []
        self._deaf: set[socket] = set()
        self._cue: tuple[bytes, int] | None = None
        self._passed = Passed()
        self.cued = 0
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        for sock in (self._listener, *(each for pair in self._pairs for each in pair)):
            sock.close()

    def passed(self) -> Passed:
        """What has passed so far. What a client has received is counted."""
        return self._passed

    def swallow(self) -> None:
        """Pass on nothing more of the connections that there are; they stay open."""
        with self._lock:
            self._deaf.update(each for pair in self._pairs for each in pair)

    def swallow_from(self, cue: bytes, *, after: int) -> None:
        """Pass on nothing more of a connection once its client sends `cue`, but for the first ones."""
        self._cue = cue, after

    def _run(self) -> None:
        while not self._done.is_set():
            with self._lock:
                peers = {a: b for pair in self._pairs for a, b in (pair, pair[::-1])}
                heard = [sock for sock in peers if sock not in self._deaf]
            readable, _, _ = select.select([self._listener, *heard], [], [], _LOOK_S)
            for sock in readable:
                if sock is self._listener:
                    self._accept()
                elif sock not in self._deaf:
                    self._pass(sock, peers[sock])

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket(AF_UNIX)
        try:
            server.connect(self._path)
        except OSError:  # the server is away
            client.close()
            server.close()
            return
        with self._lock:
            self._pairs.append((client, server))

    def _count(self, source: socket, data: bytes) -> None:
        so_far, size = self._passed, len(data)
        if any(source is client for client, _ in self._pairs):
            self._passed = replace(so_far, sent=so_far.sent + size)
        else:  # the last message of an answer is short enough to come in one piece
            answers = so_far.answers + data.endswith((_READY + b"I", _READY + b"T"))
            self._passed = replace(so_far, received=so_far.received + size, answers=answers)

    def _pass(self, source: socket, target: socket) -> None:
        try:
            data = source.recv(65536)
            if self._is_cue(data):
                self._deaf.update((source, target))
                return
            self._count(source, data)
            target.sendall(data)
        except OSError:
            data = b""
        if not data:
            with self._lock:
                self._pairs = [pair for pair in self._pairs if source not in pair]
            for sock in (source, target):
                try:
                    sock.shutdown(SHUT_RDWR)
                except OSError:
                    pass
                sock.close()

    def _is_cue(self, data: bytes) -> bool:
        if self._cue is None or self._cue[0] not in data:
            return False
        self.cued += 1
        return self.cued > self._cue[1]
