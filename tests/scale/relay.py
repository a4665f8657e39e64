"""A relay that holds back what passes for half a round trip, for kernels without netem.

It runs on a worker's host and passes on to the server's. Each line of its input is a round trip
in milliseconds, which holds from then on; each is answered by a line.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection, create_server, socket

PORT = 5432
_CHUNK = 1 << 18


class Relay:
    """Passes on from the port of this host to that of another.

    delay_s: seconds from taking something to passing it on, in either direction
    """

    def __init__(self, server: str) -> None:
        self.delay_s = 0.0
        self._server = server
        self._listener = create_server(("127.0.0.1", PORT))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            far = create_connection((self._server, PORT))
            for each in (near, far):
                each.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            for source, sink in ((near, far), (far, near)):
                held: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
                threading.Thread(target=self._take, args=(source, held), daemon=True).start()
                threading.Thread(target=_pass_on, args=(held, sink), daemon=True).start()

    def _take(self, source: socket, held: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        chunk = b"-"
        while chunk:
            try:
                chunk = source.recv(_CHUNK)
            except OSError:
                chunk = b""
            held.put((time.monotonic() + self.delay_s, chunk))


def _pass_on(held: queue.SimpleQueue[tuple[float, bytes]], sink: socket) -> None:
    while True:
        due, chunk = held.get()
        if (early := due - time.monotonic()) > 0:
            time.sleep(early)
        try:
            if not chunk:
                return sink.close()
            sink.sendall(chunk)
        except OSError:
            return None


def main() -> None:
    """Relay until the input ends."""
    relay = Relay(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        relay.delay_s = float(line) / 2000
        print("set", flush=True)


if __name__ == "__main__":
    main()
