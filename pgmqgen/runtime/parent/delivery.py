"""One leased message as the parent holds it: raw bytes, its account, and where it is."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, get_args

import orjson

from pgmqgen.errors import Violation
from pgmqgen.runtime.outcome import Archive, DeadLetter, Failure, Reason
from pgmqgen.runtime.wire import Row

SUSPECT_AFTER = 2
"""From the lease after this many unexplained ends on, a message is leased alone."""


@dataclass(frozen=True, slots=True)
class Account:
    """How a message's earlier leases ended, from its reserved header and pgmq's `read_ct`.

    attempts: failures that were recorded
    releases: leases that were given back
    unexplained: leases that ended without a record, because the host died
    final: what is to be done with it instead of running it: it could not be moved before
    """

    attempts: int
    releases: int
    unexplained: int
    final: Archive | DeadLetter | None = None

    @property
    def attempt(self) -> int:
        """The number of the attempt that this lease is for, 1 for the first."""
        return self.attempts + 1


_FIRST_LEASE = Account(0, 0, 0)


def read_account(read_ct: int, recorded: bytes | None) -> Account:
    """The account of a message leased for the `read_ct`th time.

    recorded: JSON text of its reserved header; what is not ours there counts as nothing
    """
    if read_ct == 1:
        return _FIRST_LEASE
    reserved: Any = None
    if recorded is not None:
        with suppress(ValueError):  # nested too deeply, or a number beyond a double
            reserved = orjson.loads(recorded)
    if not isinstance(reserved, dict) or "failed_at" in reserved:  # that is of an earlier life
        reserved = {}
    attempts = _count(reserved.get("attempts"))
    releases = _count(reserved.get("releases"))
    unexplained = read_ct - 1 - attempts - releases
    if unexplained < 0:  # more than its leases: not ours
        return Account(0, 0, read_ct - 1)
    return Account(attempts, releases, unexplained, _final(reserved))


def _final(reserved: dict[str, Any]) -> Archive | DeadLetter | None:
    reason: Any = reserved.get("reason")
    stack = reserved.get("traceback")
    if reason not in get_args(Reason):
        return None
    failure = Failure(
        reason,
        str(reserved.get("error")),
        stack if isinstance(stack, str) else None,
        _errors(reserved.get("errors")),
        _count(reserved.get("unexplained")),
        was_run=False,
    )
    match reserved.get("final"):
        case "archive":
            return Archive(failure)
        case "dead_letter":
            return DeadLetter(failure)
    return None


def _errors(value: Any) -> tuple[Violation, ...]:
    try:
        parts = [(each["pointer"], each["keyword"], each["message"]) for each in value or ()]
    except (TypeError, KeyError):  # not of ours
        return ()
    return tuple(Violation(*map(str, each)) for each in parts)


def count_leases(read_ct: int, max_attempts: int) -> Account:
    """The account of a message whose queue has no headers: every lease before was an attempt.

    A failure of the last attempt would have ended it, so what lies beyond that is unexplained.
    """
    attempts = min(read_ct - 1, max_attempts - 1)
    return Account(attempts, 0, read_ct - 1 - attempts)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


LeaseKey = tuple[int, int]
"""msg_id and read_ct, which together name one lease of a queue."""


@dataclass(slots=True, eq=False)
class Delivery:
    """A leased message in this worker's hands.

    number: of its queue in this worker
    row: what was leased; None once it is handled
    size: bytes that headers and payload take here, or count as
    lease_until, limit_at: monotonic clock in seconds; limit_at 0 means start plus time limit
    ticket, index: name it to the child, and its entry in the progress record
    cost_s: what its handling was expected to take when it was dispatched
    alone: it must run with nothing beside it in its process
    settled: the handler disposed of it before it returned
    lost: another worker may have it
    """

    number: int
    msg_id: int
    read_ct: int
    account: Account
    row: Row | None
    lease_until: float
    size: int = 0
    ticket: int = 0
    index: int = 0
    cost_s: float = 0.0
    limit_at: float = 0.0
    alone: bool = False
    settled: bool = False
    lost: bool = False

    @property
    def key(self) -> LeaseKey:
        """What names its lease."""
        return self.msg_id, self.read_ct
