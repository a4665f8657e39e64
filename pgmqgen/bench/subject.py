"""The queue that is measured, and the statements with which it is filled and emptied."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from pgmqgen.errors import DatabaseError
from pgmqgen.runtime.database.postgres import connect, translating_errors
from pgmqgen.runtime.database.sql import table
from pgmqgen.runtime.registry import QueueSpec, load_registry

if TYPE_CHECKING:
    from psycopg import Connection

_LOOK_S = 0.01
_FAR_S = 86_400.0
"""The delay of messages that are not to be handled."""
_FILL = """
WITH given AS (
    SELECT value, number FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS each (value, number)
)
INSERT INTO {queue} (vt, message)
SELECT clock_timestamp() + make_interval(secs => %s), value
FROM generate_series(0, %s::int - 1) AS place JOIN given ON number = place %% %s + 1
ORDER BY place
"""
# Delayed messages are the first of a queue. By `vt`, each look would walk over all that died since the
# last one, and take the processor from those who are measured.
_LAST_IS_FAR = """
SELECT vt > clock_timestamp() + make_interval(secs => %s) FROM {queue} ORDER BY msg_id DESC LIMIT 1
"""
_INSUFFICIENT_PRIVILEGE = "42501"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One queue of a database, and what is sent to it.

    registry: `module:object` of the registry that has the queue
    label: what it is called in a table
    payloads: JSON texts, all of them valid, that are sent in turn
    """

    url: str
    registry: str
    queue: str
    label: str
    payloads: Sequence[bytes]

    @property
    def spec(self) -> QueueSpec[Any]:
        """The queue's settings and contract."""
        return load_registry(self.registry)[self.queue]

    def texts(self, count: int) -> Iterator[bytes]:
        """The payloads of `count` messages."""
        return islice(cycle(self.payloads), count)

    def count(self) -> int:
        """How many messages the queue holds, leased and delayed ones included."""
        with self._connected() as connection:
            (number,) = connection.execute(self._on_queue("SELECT count(*) FROM {queue}"))
        return int(number[0])

    def purge(self) -> None:
        """Delete all messages of the queue; its archive stays."""
        with self._connected() as connection:
            connection.execute("SELECT pgmq.purge_queue(%s)", [self.queue])

    def fill(self, count: int, *, delayed: int = 0) -> None:
        """Leave nothing in the queue but `count` messages, behind others that are delayed by a day."""
        with self._connected() as connection:
            connection.execute("SELECT pgmq.purge_queue(%s)", [self.queue])
            for number, delay_s in ((delayed, _FAR_S), (count, 0.0)):
                self._insert(connection, number, delay_s)
            connection.execute(self._on_queue("VACUUM ANALYZE {queue}"))
            _checkpoint(connection)

    def add(self, count: int) -> None:
        """Send `count` more messages."""
        with self._connected() as connection:
            self._insert(connection, count, 0.0)

    def wait_until_drained(self, check: Callable[[], None]) -> float:
        """Return the time at which no message was left, but those that are delayed for long.

        check: called again and again; raises if there is no use in waiting any longer

        It is the time when the look began that found none: that one walks over all that died.
        """
        last_is_far = self._on_queue(_LAST_IS_FAR)
        with self._connected() as connection:
            connection.execute("SET enable_seqscan = off")
            looked_at = time.perf_counter()
            while connection.execute(last_is_far, [_FAR_S / 2]).fetchone() == (False,):
                check()
                time.sleep(_LOOK_S)
                looked_at = time.perf_counter()
        return looked_at

    def _insert(self, connection: Connection, count: int, delay_s: float) -> None:
        array = b"[" + b",".join(self.payloads) + b"]"
        parameters = (array.decode(), delay_s, count, len(self.payloads))
        connection.execute(self._on_queue(_FILL), parameters)

    def _on_queue(self, statement: str) -> bytes:
        name = table("q", self.queue).replace("%", "%%")
        return statement.format(queue=name).encode()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with (
            connect(self.url, application_name="pgmqgen bench") as connection,
            translating_errors(self.queue),
        ):
            yield connection


def _checkpoint(connection: Connection) -> None:
    """Let no checkpoint of what was filled in fall into the measurement, if this may order one."""
    try:
        with translating_errors():
            connection.execute("CHECKPOINT")
    except DatabaseError as error:
        if error.sqlstate != _INSUFFICIENT_PRIVILEGE:
            raise
