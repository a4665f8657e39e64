"""A standby of an embedded server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgmqgen.local import cluster
from pgmqgen.local.programs import give_to_server, run


@contextmanager
def following(directory: Path) -> Iterator[Path]:
    """Run a streaming standby of the server in `directory` during the block, and yield its data."""
    data = Path(tempfile.mkdtemp(prefix="standby-", dir=directory)) / "data"
    primary = f"host={directory / 'data'} port={cluster.PORT} user=postgres"
    data.parent.chmod(0o711)
    give_to_server(data.parent)
    run(data.parent, "pg_basebackup", "-D", str(data), "-d", primary, "-R", "-c", "fast")
    (data / f".s.PGSQL.{cluster.PORT}.lock").unlink()  # it was copied
    cluster.start(data)
    try:
        yield data
    finally:
        cluster.stop(data)
