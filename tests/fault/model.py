"""What is promised of messages, as a model in plain Python: no SQL, and no read counts for fences.

A lease is an object here, and a message knows its newest one: only that one may change it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pgmqgen.runtime.outcome import (
    Archive,
    DeadLetter,
    Decision,
    Delete,
    Failure,
    Release,
    Reschedule,
)
from pgmqgen.runtime.parent.delivery import Account, Delivery

Place = Literal["queue", "archive", "dead", "done", "redriven"]

ABSENT: Final = "no headers at all"
TIME: Final = "some time"
"""Stands for `enqueued_at` and `failed_at` of a reserved header."""

_OF_AN_END = {
    "attempts", "releases", "final", "unexplained", "queue", "msg_id", "enqueued_at", "failed_at", "reason",
    "error", "traceback", "errors",
}  # fmt: skip


@dataclass(slots=True, eq=False)
class Sent:
    """A message in one life: from when it was sent, or redriven, to its end.

    payload: as PostgreSQL writes it
    headers: what they are to be by now, or ABSENT
    locked: a handler has acknowledged it in a transaction that is still open
    recorded: how the newest lease ended is known, or it is the first one
    """

    id: int
    payload: str
    headers: Any
    place: Place = "queue"
    visible: bool = True
    locked: bool = False
    leases: int = 0
    attempts: int = 0
    releases: int = 0
    unexplained: int = 0
    recorded: bool = True
    lease: Lease | None = None

    @property
    def free(self) -> bool:
        """Whether a worker may lease it."""
        return self.place == "queue" and self.visible and not self.locked

    @property
    def account(self) -> Account:
        """What a lease is to be told of the earlier ones."""
        return Account(self.attempts, self.releases, self.unexplained)

    def take(self, worker: int, delivery: Delivery) -> Lease:
        """A worker leases it; `delivery` is what the database gave."""
        assert self.free, f"leased message {self.id}, which is not free"
        self.unexplained += not self.recorded
        self.leases += 1
        self.visible = self.recorded = False
        self.lease = Lease(worker, self, delivery)
        return self.lease


@dataclass(slots=True, eq=False)
class Lease:
    """What one worker was given, and may use late and more than once.

    account: of the message when it was leased
    """

    worker: int
    message: Sent
    delivery: Delivery
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        self.account = self.message.account

    @property
    def holds(self) -> bool:
        """Whether it is still the message's newest lease."""
        return self.message.place == "queue" and self.message.lease is self

    @property
    def blocked(self) -> bool:
        """Whether settling it must wait for a handler's own transaction."""
        return self.holds and self.message.locked

    def apply(self, decision: Decision) -> None:
        """What a decision makes of the message; nothing if the lease is lost."""
        if not self.holds:
            return
        match decision:
            case Delete():
                self.message.place = "done"
            case Archive(None):
                self.message.place = "archive"
            case Archive(Failure() as failure):
                self._bury(failure, "archive")
            case DeadLetter(failure):
                self._bury(failure, "dead")
            case Reschedule(delay_s):
                self._record(self.account.attempts + 1, self.account.releases, delay_s)
            case Release(delay_s):
                self._record(self.account.attempts, self.account.releases + 1, delay_s)

    def _record(self, attempts: int, releases: int, delay_s: float) -> None:
        message = self.message
        message.attempts, message.releases = attempts, releases
        message.visible, message.recorded = delay_s == 0, True
        self._join({"attempts": attempts, "releases": releases})

    def _bury(self, failure: Failure, place: Literal["archive", "dead"]) -> None:
        self.message.place = place
        record = {
            "queue": "orders", "msg_id": self.message.id, "enqueued_at": TIME, "failed_at": TIME,
            "reason": failure.reason, "error": failure.error, "attempts": self.account.attempts + 1,
        }  # fmt: skip
        if failure.traceback:
            record["traceback"] = failure.traceback
        if failure.errors:
            record["errors"] = [
                {"pointer": error.pointer, "keyword": error.keyword, "message": error.message}
                for error in failure.errors
            ]
        self._join(record)

    def _join(self, record: dict[str, Any]) -> None:
        """The record joins the headers; nothing stays of what tells of another end."""
        headers = self.message.headers
        foreign = {"x-pgmqgen-headers": headers}
        if isinstance(headers, dict) or headers == ABSENT:
            foreign = {} if headers == ABSENT else headers
        reserved = foreign.get("x-pgmqgen")
        known = reserved if isinstance(reserved, dict) else {}
        kept = {key: value for key, value in known.items() if key not in _OF_AN_END}
        self.message.headers = foreign | {"x-pgmqgen": kept | record}
