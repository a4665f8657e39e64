"""The real PgBouncer in transaction mode, in front of a test's database."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from socket import AF_UNIX, socket
from types import TracebackType

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.fault.debian import environment_of, folder_of

_PORT = 6432
_CONFIG = """
[databases]
* = host={host} port={port} user=postgres

[pgbouncer]
pool_mode = transaction
default_pool_size = {sessions}
auth_type = any
listen_addr =
unix_socket_dir = {folder}
listen_port = {listen_port}
logfile = {folder}/log
admin_users = postgres
"""


def find_program() -> Path | None:
    """PgBouncer, installed or as `make setup` has unpacked it."""
    unpacked = folder_of("pgbouncer") / "usr" / "sbin" / "pgbouncer"
    installed = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    return unpacked if unpacked.exists() else Path(installed) if installed else None


class PgBouncer:
    """A pooler with a few sessions of the server of `url` for all clients; a context manager.

    url: of the same database, through the pooler
    """

    def __init__(self, url: str, *, sessions: int = 2) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
        parts = conninfo_to_dict(url)
        config = _CONFIG.format(
            host=parts["host"], port=parts["port"], sessions=sessions,
            folder=self.folder, listen_port=_PORT,
        )  # fmt: skip
        (self.folder / "ini").write_text(config)
        self.folder.chmod(0o755)
        # It refuses to run as root, and has to reach the server's socket.
        self._user = Path(str(parts["host"])).owner()
        shutil.chown(self.folder, self._user)
        self.url = make_conninfo(url, host=str(self.folder), port=_PORT)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PgBouncer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start it and wait until it listens."""
        program = find_program()
        assert program is not None
        self._process = subprocess.Popen(
            [program, "-q", self.folder / "ini"],
            env=environment_of("pgbouncer"),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user if os.getuid() == 0 else None,
        )
        deadline = time.monotonic() + 10
        while not self._listens():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash does; both sides' connections are cut."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def log(self) -> str:
        """What it wrote."""
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    def _listens(self) -> bool:
        with socket(AF_UNIX) as sock:
            return sock.connect_ex(str(self.folder / f".s.PGSQL.{_PORT}")) == 0
