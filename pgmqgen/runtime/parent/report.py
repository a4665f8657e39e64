"""What the parent tells people: messages for its hooks, and the summary of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgmqgen.runtime.json_text import parse_json
from pgmqgen.runtime.message import Message
from pgmqgen.runtime.parent.delivery import Delivery
from pgmqgen.runtime.parent.plan import Plan
from pgmqgen.runtime.registry import QueueSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one run of a worker did.

    counts: by queue, then by what: handled, retried, dead_lettered, archived_failed, invalid,
        released, lease_lost
    left: by queue: messages still there at the end that were never leased, and that were
    aborted: whether a second signal ended it at once
    """

    counts: Mapping[str, Mapping[str, int]]
    left: Mapping[str, tuple[int, int]]
    aborted: bool

    def total(self, what: str) -> int:
        """Sum of one count over all queues."""
        return sum(counts.get(what, 0) for counts in self.counts.values())


class _NoControls:
    """For a message that the hook may only look at."""

    def delete(self, ticket: int) -> bool:
        return False

    def archive(self, ticket: int) -> bool:
        return False

    def set_timeout(self, ticket: int, seconds: float) -> bool:
        return False


def parent_message(plan: Plan, delivery: Delivery) -> Message[Any]:
    """The message of a delivery, for a hook in the parent."""
    name = plan.settings[delivery.number].name
    assert delivery.row is not None
    raw = delivery.row[6] or b"null"  # a large one is not here
    return Message(
        delivery.row,
        queue=name,
        payload=_payload(plan.registry[name], raw),
        attempt=delivery.account.attempt,
        controls=_NoControls(),
        ticket=0,
    )


def _payload(spec: QueueSpec[Any], raw: bytes) -> Any:
    """The typed payload; the JSON value if it is not valid; else the raw bytes."""
    for decode in (spec.decode, parse_json):
        try:
            return decode(raw)
        except Exception:  # a model of the user's may raise anything
            continue
    return raw
