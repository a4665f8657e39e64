"""Where the server's time goes: what its sessions wait for, sampled, and what its log costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.scale.measure import Observer
from tests.scale.plan import Point

_SESSIONS = """
SELECT CASE WHEN state LIKE 'idle%%' THEN 'nothing: their worker is at work'
    ELSE coalesce(wait_event_type || ': ' || wait_event, 'on the CPU, or waiting for one') END
FROM pg_stat_activity
WHERE query LIKE '%%WITH settled%%' AND substring(query FROM 'q_(\\w+). AS') = ANY (%s)
"""
_LOG = """
SELECT coalesce(sum(fsyncs), 0), coalesce(sum(fsync_time), 0), coalesce(sum(write_time), 0)
FROM pg_stat_io WHERE object = 'wal'
"""
_STATEMENTS = """
SELECT sum(total_exec_time) FILTER (WHERE query LIKE 'WITH settled%') / sum(total_exec_time)
FROM pg_stat_statements WHERE query NOT LIKE ALL (ARRAY ['%pg_stat%', '%generate_series%', 'VACUUM%',
    'TRUNCATE%', 'CHECKPOINT%', 'SELECT count(*)%'])
"""


@dataclass(slots=True)
class Profile:
    """Of one drain.

    states: how often a lane's session was seen in each; flushes: of the log; flush_ms: of one
    exchanges: the share of `EXCHANGE` in the time of all statements of workers
    """

    states: Counter[str] = field(default_factory=Counter)
    flushes: int = 0
    flush_ms: float = 0.0
    exchanges: float = 0.0

    def shares(self) -> list[tuple[str, float]]:
        """The states, the most frequent first, with their shares."""
        return [(state, count / self.states.total()) for state, count in self.states.most_common()]

    def as_json(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        return {
            "states": dict(self.states),
            "flushes": self.flushes,
            "flush_ms": self.flush_ms,
            "exchanges": self.exchanges,
        }


def take(observer: Observer, point: Point, count: int) -> Profile:
    """Look at the lanes' sessions while `count` messages are handled."""
    profile, connection = Profile(), observer.connection

    def look() -> None:
        rows = connection.execute(_SESSIONS, [list(point.queues)]).fetchall()
        profile.states.update(state for (state,) in rows)

    observer.arrange(point)
    before = _log(connection)
    observer.drain(point, count, look)
    after = _log(connection)
    profile.flushes = int(after[0] - before[0])
    profile.flush_ms = (after[1] - before[1]) / max(1, profile.flushes)
    row = connection.execute(_STATEMENTS.encode()).fetchone()
    profile.exchanges = float(row[0]) if row else 0.0
    return profile


def _log(connection: psycopg.Connection[Any]) -> tuple[float, float]:
    connection.execute("SELECT pg_stat_force_next_flush()")
    row = connection.execute(_LOG).fetchone()
    assert row is not None
    return float(row[0]), float(row[1])
