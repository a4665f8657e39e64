"""The leases of one lane in the database: take, settle, extend. One connection, all fenced.

Whatever the database says of it, a lost connection is closed and the next call opens another.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from pgmqgen.errors import DatabaseError
from pgmqgen.queue import QueueSettings
from pgmqgen.runtime.database import sql
from pgmqgen.runtime.database.connector import Connector
from pgmqgen.runtime.database.layout import CURRENT, Layout
from pgmqgen.runtime.database.session import Session
from pgmqgen.runtime.database.watchdog import SILENCE_S, Wait
from pgmqgen.runtime.outcome import (
    Archive,
    DeadLetter,
    Decision,
    Delete,
    Failure,
    Release,
    Reschedule,
)
from pgmqgen.runtime.parent.delivery import Account, Delivery, LeaseKey
from pgmqgen.runtime.parent.floor import Floor
from pgmqgen.runtime.wire import Row

# Index scans, in the order of the index, whatever the statistics say: they are of no use on a queue's
# table.
_SETTINGS = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "timezone": "UTC",
    "datestyle": "ISO",
    # Before the watchdog cuts the connection: a lease must not be taken that nobody hears of.
    "statement_timeout": f"{int((SILENCE_S - 1) * 1000)}ms",
}

NO_TABLE = frozenset({"42P01", "3F000"})
"""SQLSTATEs of a table, or its schema, that is not there."""


class QueueGone(DatabaseError):
    """A queue was dropped, and with it all that it held."""


class LeaseStore:
    """Statements on the queue tables, for one lane. Every method may raise DatabaseError.

    layouts: of the tables of queues, by the queue's name; others are as pgmq makes them now
    hurries: whether it waits less for an answer once the worker stops
    """

    def __init__(
        self,
        connector: Connector,
        application_name: str,
        lock_timeout_s: float,
        layouts: Mapping[str, Layout] | None = None,
        *,
        hurries: bool = True,
    ) -> None:
        self._layouts = layouts or {}
        self._connector = connector
        self._application_name = application_name
        self.wait = Wait(hurries=hurries)
        self._settings = _SETTINGS | {"lock_timeout": f"{int(lock_timeout_s * 1000)}ms"}
        self._session: Session | None = None
        self._texts: dict[tuple[int, str], str] = {}
        self._floors: defaultdict[str, Floor] = defaultdict(Floor)

    @property
    def connected(self) -> bool:
        """Whether a connection is open, as far as is known."""
        return self._session is not None and not self._session.closed

    def connect(self) -> None:
        """Open the connection if there is none."""
        if not self.connected:
            name = self._application_name
            self._session = Session(self._connector, name, self._settings, self.wait)

    def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def exchange(
        self,
        settings: QueueSettings,
        ids: Sequence[int],
        read_counts: Sequence[int],
        quantity: int,
        room: int,
    ) -> tuple[int, list[Row]]:
        """Acknowledge finished messages and lease at most `quantity` others.

        room: bytes after which no further one is leased

        Returns how many acknowledgements were still fenced, and the leased rows.
        """
        text = sql.EXCHANGE_ARCHIVING if settings.on_success == "archive" else sql.EXCHANGE
        parameters = _fence(ids, read_counts)
        parameters["quantity"], parameters["room"] = quantity, room
        parameters["lease_s"] = settings.visibility_timeout
        floor, began = self._floors[settings.name], time.monotonic()
        parameters["floor"] = since = floor.choose(began)
        (_, acknowledged, *_, reached), *rows = self._run(text, settings, parameters)
        if quantity:
            floor.note(since, reached, began, time.monotonic())
        return acknowledged, cast("list[Row]", rows)

    def lease_one(self, settings: QueueSettings, msg_id: int) -> Row | None:
        """Lease one message by its id, if it is visible."""
        parameters = {"msg_id": msg_id, "lease_s": settings.visibility_timeout}
        rows = self._run(sql.LEASE_ONE, settings, parameters)
        return cast(Row, rows[0]) if rows else None

    def delete(self, settings: QueueSettings, delivery: Delivery) -> bool:
        """Delete one message now; False if its lease was lost."""
        return self._apply_to_one(sql.DELETE_FENCED, settings, delivery)

    def archive(self, settings: QueueSettings, delivery: Delivery) -> bool:
        """Archive one message now; False if its lease was lost."""
        return self._apply_to_one(sql.ARCHIVE_FENCED, settings, delivery)

    def extend(
        self, settings: QueueSettings, deliveries: Sequence[Delivery], seconds: float
    ) -> set[LeaseKey]:
        """Make leases last `seconds` from now. Returns those still held."""
        parameters = _fence([d.msg_id for d in deliveries], [d.read_ct for d in deliveries])
        parameters["lease_s"] = seconds
        return cast("set[LeaseKey]", set(self._run(sql.EXTEND, settings, parameters)))

    def find_held(self, settings: QueueSettings, deliveries: Sequence[Delivery]) -> set[LeaseKey]:
        """The leases that are still this worker's, locked by others or not."""
        parameters = _fence([d.msg_id for d in deliveries], [d.read_ct for d in deliveries])
        return cast("set[LeaseKey]", set(self._run(sql.HELD, settings, parameters)))

    def settle(self, settings: QueueSettings, decided: Sequence[tuple[Delivery, Decision]]) -> int:
        """Carry out decisions of one kind. Returns of how many the lease was still held."""
        deliveries = [delivery for delivery, _ in decided]
        parameters = _fence([d.msg_id for d in deliveries], [d.read_ct for d in deliveries])
        text = _statement(decided[0][1], self._layout(settings))
        if "%(patches)s" in text:
            parameters["patches"] = orjson.dumps(
                {f"{d.msg_id}/{d.read_ct}": _patch(settings, d, what) for d, what in decided}
            ).decode()
        return len(self._run(text, settings, parameters))

    def columns(self, *tables: str) -> list[set[str]]:
        """Columns of each table, as `sql.table` names it; none if there is no such table."""
        self.connect()
        columns: list[set[str]] = [set() for _ in tables]
        for place, name in self._execute(sql.COLUMNS, (list(tables),)):
            columns[place - 1].add(name)
        return columns

    def left_behind(self, settings: QueueSettings) -> tuple[int, int]:
        """How many messages the queue holds that were never leased, and that were."""
        rows = self._run(sql.LEFT_BEHIND, settings, {})
        return cast("tuple[int, int]", rows[0])

    def _apply_to_one(self, text: str, settings: QueueSettings, delivery: Delivery) -> bool:
        return bool(self._run(text, settings, _fence([delivery.msg_id], [delivery.read_ct])))

    def _layout(self, settings: QueueSettings) -> Layout:
        return self._layouts.get(settings.name, CURRENT)

    def _run(
        self, text: str, settings: QueueSettings, parameters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        self.connect()
        key = (id(text), settings.name)
        statement = self._texts.get(key)
        if statement is None:
            statement = self._texts[key] = self._layout(settings).fill(
                text,
                queue=sql.parameterised("q", settings.name),
                archive=sql.parameterised("a", settings.name),
                dlq=sql.parameterised("q", settings.dlq),
            )
        try:
            return self._execute(statement, parameters, settings.name)
        except DatabaseError as error:
            if error.sqlstate in NO_TABLE:
                self._name_missing(settings, error)
            raise

    def _name_missing(self, settings: QueueSettings, error: DatabaseError) -> None:
        """Say whether it is the queue that is gone, or only where its messages go."""
        places = (("q", settings.name), ("q", settings.dlq), ("a", settings.name))
        there = self.columns(*(sql.table(*place) for place in places))
        if not there[0]:
            raise QueueGone(error.message, hint=error.hint, sqlstate=error.sqlstate) from error
        beside = f"queue `{settings.dlq}`", f"the archive of queue `{settings.name}`"
        for what, columns in zip(beside, there[1:], strict=True):
            if not columns:
                message = f"{what} does not exist"
                raise DatabaseError(message, hint=error.hint, sqlstate=error.sqlstate) from error

    def _execute(
        self, statement: str, parameters: Any, queue: str | None = None
    ) -> list[tuple[Any, ...]]:
        assert self._session is not None
        return self._session.execute(statement, parameters, queue=queue, prepare=True)


def _fence(ids: Sequence[int], read_counts: Sequence[int]) -> dict[str, Any]:
    # Array literals: the driver would format every item on its own.
    return {
        "ids": f"{{{','.join(map(str, ids))}}}",
        "read_counts": f"{{{','.join(map(str, read_counts))}}}",
    }


def _statement(decision: Decision, layout: Layout) -> str:
    match decision:
        case Delete():
            return sql.DELETE_FENCED
        case Archive(None):
            return sql.ARCHIVE_FENCED
        case Archive():
            return sql.ARCHIVE_FAILED if layout.headers else sql.ARCHIVE_FENCED
        case DeadLetter():
            return sql.DEAD_LETTER if layout.headers else sql.DEAD_LETTER_BARE
        case Reschedule() | Release():
            return sql.RESCHEDULE if layout.headers else sql.RESCHEDULE_BARE


def _patch(settings: QueueSettings, delivery: Delivery, decision: Decision) -> dict[str, Any]:
    account = delivery.account
    match decision:
        case Reschedule(delay_s, failure, final):
            header = _spent(account, failure)
            if final is not None:
                header |= {"final": final, **_described(failure)}
            return {"delay_s": delay_s, "header": header}
        case Release(delay_s):
            header = {"attempts": account.attempts, "releases": account.releases + 1}
            return {"delay_s": delay_s, "header": header}
        case DeadLetter(failure) | Archive(Failure() as failure):
            return _failure_header(settings, delivery, failure)
    raise AssertionError(f"{decision!r} has no patch")


def _failure_header(
    settings: QueueSettings, delivery: Delivery, failure: Failure
) -> dict[str, Any]:
    attempts = _spent(delivery.account, failure)["attempts"]
    return {"queue": settings.name, "attempts": attempts, **_described(failure)}


def _spent(account: Account, failure: Failure) -> dict[str, Any]:
    """What a lease that ended with `failure` leaves of a message's account."""
    spent = int(failure.was_run)
    return {"attempts": account.attempts + spent, "releases": account.releases + 1 - spent}


def _described(failure: Failure) -> dict[str, Any]:
    header: dict[str, Any] = {"reason": failure.reason, "error": _storable(failure.error)}
    if failure.unexplained:
        header["unexplained"] = failure.unexplained
    if failure.traceback is not None:
        header["traceback"] = _storable(failure.traceback)
    if failure.errors:
        header["errors"] = [
            {
                "pointer": _storable(error.pointer),
                "keyword": error.keyword,
                "message": _storable(error.message),
            }
            for error in failure.errors
        ]
    return header


def _storable(text: str) -> str:
    """Text without what jsonb refuses: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
