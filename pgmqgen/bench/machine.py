"""On what the benchmarks ran."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from typing import Any

import pgmqgen
from pgmqgen.runtime.database.postgres import connect, translating_errors

_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_level")
_SETTING = "SELECT current_setting(name) FROM unnest(%s::text[]) WITH ORDINALITY AS each (name, n) ORDER BY n"


def describe_machine(url: str) -> dict[str, Any]:
    """Machine, versions, and those settings of the database that commits depend on."""
    with connect(url) as connection, translating_errors():
        version = connection.info.parameter_status("server_version")
        values = [value for (value,) in connection.execute(_SETTING, [list(_SETTINGS)])]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgresql": version,
        "pgmqgen": pgmqgen.__version__,
        **dict(zip(_SETTINGS, values, strict=True)),
    }
