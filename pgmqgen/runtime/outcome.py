"""What became of a message and what is to be done with it: pure, no input or output.

A child reports a result, `decide` turns it into a decision, the lane settles the decision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pgmqgen.errors import Violation
from pgmqgen.queue import QueueSettings

Reason = Literal["exception", "timeout", "crash", "invalid", "rejected"]


class Retry(Exception):
    """Try this message again later: raise it in a handler or return it from a hook.

    delay: seconds (or a timedelta) until then; None means the queue's backoff. It counts as a failed attempt:
    once the queue's `max_attempts` are spent, `on_failure` applies instead.
    """

    __match_args__ = ("delay",)

    def __init__(self, message: str = "", *, delay: float | timedelta | None = None) -> None:
        super().__init__(message or "the handler asked for a retry")
        self.delay = None if delay is None else _seconds(delay)


class Reject(Exception):
    """Send this message to the dead-letter queue at once: raise it in a handler or return it
    from a hook."""

    def __init__(self, reason: str = "rejected by the handler") -> None:
        super().__init__(reason)
        self.reason = str(reason)


class TimeLimitExceeded(BaseException):
    """Raised in a sync handler that is past its queue's `timeout`, so that its `finally` runs.

    Its process ends afterwards. `except Exception` does not catch it.
    """


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the message: it is done (an acknowledgement), or a hook wants it gone."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message failed, as it is kept beside a dead or archived message.

    error: one line; traceback: shortened text or None; errors: violations of an invalid message
    unexplained: how many leases ended without a word, if that is why
    was_run: whether it spent an attempt; else it is known from earlier leases
    """

    reason: Reason
    error: str
    traceback: str | None = None
    errors: tuple[Violation, ...] = ()
    unexplained: int = 0
    was_run: bool = True


@dataclass(frozen=True, slots=True)
class Archive:
    """Move the message to the queue's archive; `failure` is None if it was handled well.

    A hook returns `Archive()`.
    """

    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Move the message to the dead-letter queue, with the failure beside it."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Reschedule:
    """Record a failed attempt and make the message visible again after `delay_s` seconds.

    final: where the message belongs, if it could not be moved there; it is not run again
    """

    delay_s: float
    failure: Failure
    final: Literal["archive", "dead_letter"] | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Give the lease back without spending an attempt; visible again after `delay_s` seconds.

    Returned by the hook `before_handle`, it vetoes this delivery.
    """

    delay_s: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "delay_s", _seconds(self.delay_s))


HookDecision = Retry | Reject | Archive | Delete
"""What the hooks `on_error` and `on_invalid` may return."""

Decision = Delete | Archive | DeadLetter | Reschedule | Release
Verdict = Literal["retry", "archive", "dead_letter", "delete"]


@dataclass(frozen=True, slots=True)
class Completed:
    """The handler returned."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The handler returned, and has settled its message itself."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler raised, timed out, or its process died.

    verdict: what the handler (`Retry`, `Reject`) or the hook `on_error` decided, if anything
    delay_s: the delay that came with a verdict of `retry`
    """

    failure: Failure
    verdict: Verdict | None = None
    delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class Invalid:
    """The payload breaks its schema; `verdict` is what the hook `on_invalid` decided."""

    failure: Failure
    verdict: Verdict | None = None
    delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class Vetoed:
    """The hook `before_handle` gave the message back."""

    delay_s: float


Decidable = Completed | Failed | Invalid | Vetoed
"""Results after which something is to be done with the message."""
Result = Decidable | Settled


def decide(settings: QueueSettings, attempt: int, result: Decidable) -> Decision:
    """What to do with a message after attempt number `attempt` (the first is 1)."""
    match result:
        case Completed():
            return Archive() if settings.on_success == "archive" else Delete()
        case Vetoed(delay_s):
            return Release(delay_s)
        case Failed(failure, verdict, delay_s):
            return _decide_failure(settings, attempt, failure, verdict or "retry", delay_s)
        case Invalid(failure, verdict, delay_s):
            return _decide_failure(
                settings, attempt, failure, verdict or settings.on_invalid, delay_s
            )


def _decide_failure(
    settings: QueueSettings, attempt: int, failure: Failure, verdict: Verdict, delay_s: float | None
) -> Decision:
    if verdict == "retry":
        if attempt < settings.max_attempts:
            delay_s = settings.backoff.delay_s(attempt) if delay_s is None else max(0.0, delay_s)
            return Reschedule(delay_s, failure)
        verdict = settings.on_failure
    match verdict:
        case "archive":
            return Archive(failure)
        case "dead_letter":
            return DeadLetter(failure)
        case "delete":
            return Delete()


def _seconds(delay: float | timedelta) -> float:
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"expected a delay in seconds, got {type(delay).__name__}")
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"expected a delay of 0 seconds or more, got {seconds}")
    return float(seconds)
