"""The parent's end of a socket to a child."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector
from socket import socket

from pgmqgen.runtime import wire
from pgmqgen.runtime.parent.delivery import Delivery


class Channel:
    """The parent's end of one socket: whole frames in, frames out without ever blocking.

    held: deliveries sent and not yet reported, by ticket, in the order sent
    load_s: what their handling is expected to take
    """

    def __init__(
        self, sock: socket, selector: BaseSelector, on_frame: Callable[[wire.Frame], None]
    ) -> None:
        self.held: dict[int, Delivery] = {}
        self.load_s = 0.0
        self.closed = False
        self._sock = sock
        self._selector = selector
        self._on_frame = on_frame
        self._incoming = wire.FrameBuffer()
        self._outgoing: deque[memoryview] = deque()
        sock.setblocking(False)
        selector.register(sock, EVENT_READ, self.on_event)

    def send(self, frame: wire.Frame) -> None:
        """Queue a frame and write as much as the socket takes now; for nothing if it is closed."""
        if self.closed:
            return
        self._outgoing.append(memoryview(wire.pack_frame(frame)))
        if len(self._outgoing) == 1:
            self._write()

    def on_event(self, mask: int) -> None:
        """The selector says that the socket is ready."""
        if mask & EVENT_WRITE:
            self._write()
        if mask & EVENT_READ:
            self.read()

    def read(self) -> None:
        """Take in what has arrived; `closed` is set at the end of file."""
        while not self.closed:
            try:
                data = self._sock.recv(wire.RECEIVE_SIZE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            for frame in self._incoming.feed(data):
                self._on_frame(frame)

    def close(self) -> None:
        """Close the socket; queued frames are dropped."""
        if not self.closed:
            self.closed = True
            self._selector.unregister(self._sock)
            self._sock.close()
            self._outgoing.clear()

    def release(self, tickets: Iterable[int]) -> list[Delivery]:
        """Take deliveries out of `held`, as far as they are there (any more)."""
        held = self.held
        released = [held.pop(ticket) for ticket in tickets if ticket in held]
        load_s = self.load_s - sum([delivery.cost_s for delivery in released])
        self.load_s = load_s if held else 0.0
        return released

    def _write(self) -> None:
        try:
            while self._outgoing:
                view = self._outgoing[0]
                sent = self._sock.send(view)
                if sent < len(view):
                    self._outgoing[0] = view[sent:]
                else:
                    self._outgoing.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing.clear()  # the child is gone; what it reported is still to be read
        events = EVENT_READ | EVENT_WRITE if self._outgoing else EVENT_READ
        if self._selector.get_key(self._sock).events != events:
            self._selector.modify(self._sock, events, self.on_event)
