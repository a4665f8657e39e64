"""One contestant with a database of its own: its program is run in its roles, and always stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgmqgen.bench.payloads import synthetic
from tests.peers.contestants import OURS, Contestant

_ROOT = Path(__file__).parents[2]
_HOME = _ROOT / ".venv" / "peers"
_TIMEOUT_S = 90
_STOP_S = 15
_POLL_S = 0.02


class StageError(Exception):
    """A contestant's program failed or took too long; its last words are the message."""


class Stage:
    """A contestant, a fresh database, and a folder; size: bytes of a job's payload, about."""

    def __init__(self, contestant: Contestant, url: str, folder: Path, size: int) -> None:
        self.contestant = contestant
        self._size = size
        self._database = "peer_" + "".join(c for c in contestant.name.lower() if c.isalnum())
        self._server = url
        self.url = url.replace("@/postgres?", f"@/{self._database}?")
        self._folder = folder
        self._marks = folder / "marks"
        self._workers: list[subprocess.Popen[str]] = []

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Make the database and the contestant's tables; drop it at the end."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        self._marks.touch()
        drop = f'DROP DATABASE IF EXISTS "{self._database}" WITH (FORCE)'
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(drop.encode())
            connection.execute(f'CREATE DATABASE "{self._database}"'.encode())
            try:
                self.call("prepare")
                yield
            finally:
                connection.execute(drop.encode())

    def call(self, role: str, *values: int) -> None:
        """Run the program in a role that ends by itself. Raises StageError."""
        with self._log.open("w") as log:
            process = self._popen(role, *values, stdout=log, stderr=log)
            try:
                code = process.wait(_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                raise StageError(f"`{role}` took more than {_TIMEOUT_S} s") from None
            finally:
                _end(process)
        if code != 0:
            raise StageError(f"`{role}` failed: {self._last_words()}")

    @contextmanager
    def working(self) -> Iterator[None]:
        """Start the contestant's processes, together once all are loaded; stop them at the end."""
        with self._log.open("w") as log:
            self._workers = workers = [
                self._popen("work", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
                for _ in range(self.contestant.processes)
            ]
            try:
                for worker in workers:
                    assert worker.stdout is not None
                    if worker.stdout.readline() != "ready\n":
                        raise StageError(f"`work` did not start: {self._last_words()}")
                for worker in workers:
                    assert worker.stdin is not None
                    worker.stdin.write("go\n")
                    worker.stdin.flush()
                yield
            finally:
                for worker in workers:
                    worker.send_signal(signal.SIGTERM)
                for worker in workers:
                    _end(worker)

    def settle(self) -> None:
        """Vacuum and checkpoint, so that every contestant begins alike."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def wait_until_empty(self) -> int:
        """Nanoseconds of the monotonic clock at which no job was left."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for _ in self._patience("the jobs were not done"):
                if not connection.execute(self.contestant.left.encode()).fetchone():
                    return time.monotonic_ns()
        raise AssertionError

    def wait_for_marks(self, word: str, count: int) -> list[int]:
        """The values that handlers have marked with a word, once there are `count` of them."""
        for _ in self._patience(f"fewer than {count} jobs were handled"):
            values = self._read_marks(word)
            if len(values) >= count:
                return values
        raise AssertionError

    def _read_marks(self, word: str) -> list[int]:
        lines = (line.split() for line in self._marks.read_text().splitlines())
        return [int(line[1]) for line in lines if len(line) == 2 and line[0] == word]

    def _patience(self, complaint: str) -> Iterator[None]:
        deadline = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline:
            if any(worker.poll() is not None for worker in self._workers):
                raise StageError(f"`work` ended: {self._last_words()}")
            yield
            time.sleep(_POLL_S)
        raise StageError(f"{complaint} within {_TIMEOUT_S} s: {self._last_words()}")

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _last_words(self) -> str:
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "it said nothing")

    def _popen(self, role: str, *values: int, **streams: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*_command(self.contestant), role, *map(str, values)],
            cwd=self._folder,
            env=self._environment(),
            text=True,
            start_new_session=True,
            **streams,
        )

    def _environment(self) -> dict[str, str]:
        place = conninfo_to_dict(self.url)
        return os.environ | {
            "PEERS_URL": self.url,
            "PEERS_MARKS": str(self._marks),
            "PEERS_ORDER": synthetic(self._size)[0].decode(),
            "PEERS_SIZE": str(self._size),
            "PYTHONPATH": str(_ROOT),
            "PGHOST": str(place["host"]),
            "PGPORT": str(place["port"]),
            "PGUSER": str(place["user"]),
            "PGDATABASE": self._database,
        }


def version_of(contestant: Contestant) -> str:
    """The version that is installed; raises StageError if none is."""
    try:
        if contestant.program.endswith(".mjs"):
            package = _HOME / "node" / "node_modules" / contestant.package / "package.json"
            return str(json.loads(package.read_text())["version"])
        path = (
            sys.path if contestant is OURS else map(str, _HOME.glob("python/lib/*/site-packages"))
        )
        return next(iter(distributions(name=contestant.package, path=list(path)))).version
    except (OSError, StopIteration):
        raise StageError(f"{contestant.package} is not installed: run `make peers`") from None


def _command(contestant: Contestant) -> list[str]:
    if contestant.program.endswith(".mjs"):
        return ["node", str(_HOME / "node" / contestant.program)]
    python = sys.executable if contestant is OURS else str(_HOME / "python" / "bin" / "python")
    return [python, "-m", f"tests.peers.programs.{contestant.program}"]


def _end(process: subprocess.Popen[str]) -> None:
    """Give a process time to end, then kill it and all that it started."""
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
