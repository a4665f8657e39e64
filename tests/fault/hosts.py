"""Hosts of a test: network namespaces on one bridge, which only root can make."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_NETWORK = "10.213.77"
"""Nothing outside of the namespaces ever sees these addresses."""
SERVER = f"{_NETWORK}.1"


def can_make_hosts() -> bool:
    """Whether namespaces can be made here."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"pgmqgen-{os.getpid()}-try"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if done.returncode == 0:
        _ip("netns", "del", name)
    return done.returncode == 0


@dataclass(frozen=True, slots=True)
class Hosts:
    """A server's namespace, and those of worker hosts that are joined to it.

    count: of the worker hosts, which are numbered from 0
    """

    prefix: str
    count: int

    def within(self, host: int | None) -> list[str]:
        """The command that runs another one on a host; None: where the server is."""
        return ["ip", "netns", "exec", self._name(host)]

    def partition(self, host: int) -> None:
        """Cut a host off: what it sends gets nowhere, and nobody is told."""
        _ip("-n", self._name(None), "link", "set", f"v{host}", "down")

    def heal(self, host: int) -> None:
        """Join it again."""
        _ip("-n", self._name(None), "link", "set", f"v{host}", "up")

    def _name(self, host: int | None) -> str:
        return f"{self.prefix}-{'server' if host is None else host}"

    def _make(self) -> None:
        server = self._name(None)
        _ip("netns", "add", server)
        _ip("-n", server, "link", "add", "bridge", "type", "bridge")
        _ip("-n", server, "address", "add", f"{SERVER}/24", "dev", "bridge")
        for name in ("lo", "bridge"):
            _ip("-n", server, "link", "set", name, "up")
        for host in range(self.count):
            self._join(host)

    def _join(self, host: int) -> None:
        server, name, near = self._name(None), self._name(host), f"v{host}"
        _ip("netns", "add", name)
        _ip("-n", server, "link", "add", near, "type", "veth", "peer", "name", "eth", "netns", name)
        _ip("-n", server, "link", "set", near, "master", "bridge", "up")
        _ip("-n", name, "address", "add", f"{_NETWORK}.{host + 2}/24", "dev", "eth")
        for device in ("lo", "eth"):
            _ip("-n", name, "link", "set", device, "up")

    def _remove(self) -> None:
        for host in (*range(self.count), None):
            command = ["ip", "netns", "del", self._name(host)]
            subprocess.run(command, capture_output=True, check=False)


@contextmanager
def make_hosts(count: int) -> Iterator[Hosts]:
    """Make hosts that end with the block."""
    hosts = Hosts(f"pgmqgen-{os.getpid()}", count)
    try:
        hosts._make()
        yield hosts
    finally:
        hosts._remove()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
