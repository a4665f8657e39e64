"""Reads from the database what became of the messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pgmqgen.demo.balance import Evidence, Kept, Sent
from pgmqgen.demo.ledger import Entry
from pgmqgen.runtime.database.postgres import translating_errors
from pgmqgen.runtime.database.sql import table

if TYPE_CHECKING:
    from psycopg import Connection

    from pgmqgen.queue import QueueSettings
    from pgmqgen.runtime.registry import Registry

_TAKEN = "SELECT total_messages FROM pgmq.metrics(%s)"
_LEFT = "SELECT msg_id FROM {queue}"
_KEPT = """
SELECT msg_id, headers #>> '{{x-pgmqgen,reason}}', (headers #>> '{{x-pgmqgen,attempts}}')::int
FROM {archive}
UNION ALL
SELECT (headers #>> '{{x-pgmqgen,msg_id}}')::bigint, headers #>> '{{x-pgmqgen,reason}}',
    (headers #>> '{{x-pgmqgen,attempts}}')::int
FROM {dlq}
"""


def count_left(connection: Connection, queues: Sequence[str]) -> dict[str, int]:
    """How many messages each queue holds, leased and delayed ones included."""
    counts = (f"(SELECT count(*) FROM {table('q', queue)})" for queue in queues)
    with translating_errors():
        row = connection.execute(f"SELECT {', '.join(counts)}".encode()).fetchone()
    assert row is not None
    return dict(zip(queues, row, strict=True))


def gather_evidence(
    connection: Connection,
    registry: Registry,
    sent: Mapping[str, Sent],
    ledger: Sequence[Entry],
) -> list[Evidence]:
    """Read queues, archives and dead-letter queues."""
    with translating_errors():
        return [
            _gather(
                connection,
                registry[queue].settings,
                messages,
                [entry for entry in ledger if entry.queue == queue],
            )
            for queue, messages in sent.items()
        ]


def _gather(
    connection: Connection, settings: QueueSettings, sent: Sent, ledger: Sequence[Entry]
) -> Evidence:
    names = {
        "queue": table("q", settings.name),
        "archive": table("a", settings.name),
        "dlq": table("q", settings.dlq),
    }
    taken = connection.execute(_TAKEN, [settings.name]).fetchone()
    assert taken is not None
    left = connection.execute(_LEFT.format(**names).encode()).fetchall()
    kept = connection.execute(_KEPT.format(**names).encode()).fetchall()
    return Evidence(
        queue=settings.name,
        sent=sent,
        taken=taken[0],
        left=frozenset(msg_id for (msg_id,) in left),
        kept=[Kept(msg_id=row[0], reason=row[1], attempts=row[2]) for row in kept],
        ledger=ledger,
        archives=settings.on_success == "archive",
    )
