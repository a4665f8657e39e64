"""Hosts of a test: network namespaces on one bridge, which only root can make, and their server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from pgmq.install import get_embedded_install_sql

from pgmqgen.local import cluster

_NETWORK = "10.213.77"
"""Nothing outside of the namespaces ever sees these addresses."""
SERVER = f"{_NETWORK}.1"
_PASSWORD = "a secret"
URL = f"host={SERVER} user=postgres dbname=postgres password='{_PASSWORD}'"
"""Of the server's database, from any host."""
_START = """
import sys
from pathlib import Path
from pgmqgen.local.programs import run

data = sys.argv[1]
options = f"-p 5432 -c listen_addresses={sys.argv[2]} -c password_encryption=scram-sha-256 -k {data}"
options = " ".join([options, *(f"-c {setting}" for setting in sys.argv[3:])])
run(Path(data), "pg_ctl", "start", "-D", data, "-w", "-l", f"{data}/server.log", "-o", options)
"""


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


@contextmanager
def serve(hosts: Hosts, data: Path, settings: Sequence[str] = ()) -> Iterator[str]:
    """Run a server with pgmq in its namespace, which asks the other hosts for a password.

    data: of a new cluster; settings: of the server, as `name=value`
    Yields its URL on this side, by its Unix socket; that for the other hosts is `URL`.
    """
    cluster.start(data)
    cluster.stop(data)
    with (data / "pg_hba.conf").open("a") as file:
        file.write("host all all all scram-sha-256\n")
    command = [sys.executable, "-c", _START, str(data), SERVER, *settings]
    subprocess.run([*hosts.within(None), *command], check=True)
    try:
        url = f"postgresql://postgres@/postgres?host={data}&port=5432"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(get_embedded_install_sql().encode())
            connection.execute(f"ALTER USER postgres PASSWORD '{_PASSWORD}'".encode())
        yield url
    finally:
        cluster.stop(data)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
