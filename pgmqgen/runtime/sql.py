"""Every SQL statement of the runtime, one constant each.

`{queue}`, `{archive}` and `{dlq}` stand for quoted table names; `tables` gives them.
"""

from __future__ import annotations


def table(prefix: str, queue: str) -> str:
    """Quoted, schema-qualified name of a queue's table; `prefix` is `q` (queue) or `a` (archive).

    pgmq lower-cases the name of a queue into its table's name.
    """
    name = f"{prefix}_{queue}".lower().replace('"', '""')
    return f'pgmq."{name}"'
