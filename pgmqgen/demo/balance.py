"""Whether every message ended where it should: pure, from what was read elsewhere.

A balance trusts neither the worker's counters nor sums: it follows each message by its id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pgmqgen.demo.ledger import Entry

Fate = Literal["handled", "dead_lettered", "invalid"]

_MOST_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class Sent:
    """The messages of one queue, by id.

    fates: what is to become of each, as its payload says
    in_waves: those that were sent while the worker ran
    """

    fates: dict[int, Fate] = field(default_factory=dict)
    in_waves: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A message that the database keeps, in the queue's archive or its dead-letter queue.

    reason: why it failed, None if it was handled; attempts: how many it had, None if handled
    """

    msg_id: int
    reason: str | None
    attempts: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one queue when all is over.

    taken: how many messages the queue ever took, by its own sequence
    left: ids of those still in it; kept: those in its archive or dead-letter queue
    ledger: what the handlers wrote
    archives: whether the queue keeps in its archive what was handled
    """

    queue: str
    sent: Sent
    taken: int
    left: frozenset[int]
    kept: Sequence[Kept]
    ledger: Sequence[Entry]
    archives: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The table's row of one queue, and what is wrong with it.

    retried: messages that took more than one attempt
    rate: messages a second while the backlog was drained
    latencies_s: from send to the end of the handler, sorted, of messages sent in waves
    reasons: of the dead letters
    """

    queue: str
    sent: int
    handled: int
    retried: int
    dead_lettered: int
    invalid: int
    rate: float
    latencies_s: Sequence[float]
    reasons: Counter[str]
    problems: Sequence[str]


def draw_balance(evidence: Evidence) -> Balance:
    """Follow every message of a queue; `rate` and latencies are those of first attempts."""
    fates = _actual_fates(evidence)
    counts = Counter(fate for found in fates.values() for fate in found)
    problems = list(_find_problems(evidence, fates))
    more = [f"and {len(problems) - _MOST_PROBLEMS} more"] if len(problems) > _MOST_PROBLEMS else []
    first = {entry.msg_id: entry for entry in evidence.ledger if entry.attempt == 1}
    waves = evidence.sent.in_waves
    return Balance(
        queue=evidence.queue,
        sent=len(evidence.sent.fates),
        handled=counts["handled"],
        retried=len(_retried(evidence)),
        dead_lettered=counts["dead_lettered"],
        invalid=counts["invalid"],
        rate=_rate([entry.done_at for msg_id, entry in first.items() if msg_id not in waves]),
        latencies_s=sorted(
            entry.done_at - entry.enqueued_at for msg_id, entry in first.items() if msg_id in waves
        ),
        reasons=Counter(
            kept.reason for kept in evidence.kept if kept.reason not in (None, "invalid")
        ),
        problems=problems[:_MOST_PROBLEMS] + more,
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value that `share` of the sorted values do not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def _actual_fates(evidence: Evidence) -> dict[int, set[Fate]]:
    """What became of each message: of handled ones the ledger knows, of others the tables."""
    fates: dict[int, set[Fate]] = {}
    for entry in evidence.ledger:
        fates.setdefault(entry.msg_id, set()).add("handled")
    for kept in evidence.kept:
        if kept.reason is not None:
            fate: Fate = "invalid" if kept.reason == "invalid" else "dead_lettered"
            fates.setdefault(kept.msg_id, set()).add(fate)
    return fates


def _find_problems(evidence: Evidence, fates: dict[int, set[Fate]]) -> Iterator[str]:
    sent = evidence.sent.fates
    if evidence.taken != len(sent):
        yield f"{len(sent)} messages were sent, but the queue took {evidence.taken}"
    if evidence.left:
        yield f"{len(evidence.left)} messages are still in the queue"
    yield from _find_unarchived(evidence)
    for msg_id in sorted(sent.keys() | fates.keys()):
        expected, found = sent.get(msg_id), fates.get(msg_id, set())
        if found != {expected}:
            became = " and ".join(sorted(map(_words, found))) or "nowhere to be found"
            yield f"message {msg_id}: expected {_words(expected)}, but it was {became}"


def _find_unarchived(evidence: Evidence) -> Iterator[str]:
    if not evidence.archives:
        return
    archived = {kept.msg_id for kept in evidence.kept if kept.reason is None}
    handled = {entry.msg_id for entry in evidence.ledger}
    if archived != handled:
        yield f"{len(archived)} messages are archived as handled, but {len(handled)} were handled"


def _words(fate: str | None) -> str:
    return "never sent" if fate is None else fate.replace("_", "-")


def _retried(evidence: Evidence) -> set[int]:
    retried = {entry.msg_id for entry in evidence.ledger if entry.attempt > 1}
    return retried | {kept.msg_id for kept in evidence.kept if (kept.attempts or 1) > 1}


def _rate(times: Sequence[float]) -> float:
    span_s = max(times, default=0.0) - min(times, default=0.0)
    return (len(times) - 1) / span_s if span_s else 0.0
