"""What happens to one message inside a child: decode, validate, handle, and name the result.

Shared by the sync and the async side; knows the hooks, but no socket except the control line.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from socket import socket
from typing import Any

from pgmqgen.errors import InvalidMessage, Violation
from pgmqgen.runtime import progress, wire
from pgmqgen.runtime.child.context import Context
from pgmqgen.runtime.child.failure import describe
from pgmqgen.runtime.child.resources import Resources
from pgmqgen.runtime.contract.validation import Contract
from pgmqgen.runtime.database import sql
from pgmqgen.runtime.database.layout import Layout
from pgmqgen.runtime.hooks import Hooks, call_hook, overrides
from pgmqgen.runtime.json_text import parse_json
from pgmqgen.runtime.message import Controls, Message
from pgmqgen.runtime.outcome import (
    Archive,
    Completed,
    Delete,
    Failed,
    Failure,
    Invalid,
    Reject,
    Release,
    Result,
    Retry,
    Settled,
    Verdict,
    Vetoed,
)
from pgmqgen.runtime.registry import Handler

log = logging.getLogger("pgmqgen.child")

_VETO_DELAY_S = 1.0
_AHEAD = 10
"""Most payloads that wait decoded, each of text of at most so many bytes."""
_AHEAD_BYTES = 65_536
_MISSING = object()
_COMPLETED, _SETTLED = Completed(), Settled()
_MOST_ERRORS = 100
_ERROR_LENGTH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One queue as this process serves it.

    layout: of its tables
    archives: whether handled messages go to its archive
    """

    number: int
    name: str
    contract: Contract[Any]
    handler: Handler
    is_async: bool
    timeout_s: float
    layout: Layout
    archives: bool


class ControlLine:
    """Asks the parent to act on a message now and waits for the answer."""

    def __init__(self, sock: socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._answers = wire.FrameReader(sock)

    def delete(self, ticket: int) -> bool:
        return self._ask("delete", ticket, 0.0)

    def archive(self, ticket: int) -> bool:
        return self._ask("archive", ticket, 0.0)

    def set_timeout(self, ticket: int, seconds: float) -> bool:
        return self._ask("set_timeout", ticket, float(seconds))

    def _ask(self, verb: str, ticket: int, seconds: float) -> bool:
        with self._lock:
            self._sock.sendall(wire.pack_frame((wire.CONTROL, verb, ticket, seconds)))
            return bool(self._answers.read()[1])


class Runner:
    """Handles one job of one queue; shared by the sync and the async side."""

    def __init__(
        self,
        record: progress.Progress,
        hooks: Hooks,
        resources: Resources,
        controls: Controls,
    ) -> None:
        self.record = record
        self._resources = resources
        self._hooks = hooks
        self._controls = controls
        self._before = overrides(hooks, "before_handle")
        self._after = overrides(hooks, "after_handle")
        self._decoded: dict[int, Any] = {}  # by ticket
        self._looked_to = 0  # the ticket up to which was decoded ahead

    def start(self, job: wire.Job, now: float) -> bool:
        """Note that a job runs; False if the parent has recalled it, or its lease is lost."""
        ticket, index = job[0], job[1]
        self.record.starts[index] = now
        self.record.states[index] = progress.RUNNING
        if ticket < self.record.recall[0] or self.record.losses[index]:
            self.record.states[index] = progress.WAITING
            return False
        return True

    def decode_ahead(self, desk: Desk, jobs: Sequence[wire.Job]) -> None:
        """Decode the payloads of the next jobs together, unless that was done for the first.

        Once a handler has waited, the processor's caches hold what has run meanwhile, and the first
        message to be decoded takes as long as ten in a row. What fails here will fail again in its
        turn. Each is noted as running, so that a death is laid to the right one.
        """
        if jobs[0][0] <= self._looked_to:
            return
        self._decoded.clear()  # of what was recalled
        for job in jobs[:_AHEAD]:
            self._looked_to = job[0]
            raw = job[3][6]
            if raw is None or len(raw) > _AHEAD_BYTES or not self.start(job, time.monotonic()):
                continue
            with suppress(Exception):
                self._decoded[job[0]] = desk.contract.decode(raw)
            self.record.states[job[1]] = progress.WAITING

    def load(self, desk: Desk, job: wire.Job) -> wire.Job | Result:
        """The job of a large message with its headers and payload, or the result without them."""
        from pgmqgen.runtime.child.content import load_content

        statement = sql.on_tables(sql.CONTENT, desk.name, desk.layout).encode()
        try:
            return load_content(self._resources.connector, statement, job) or Vetoed(0.0)
        except ConnectionError as error:
            log.warning("message %d of `%s` is given back: %s", job[3][0], desk.name, error)
            return Vetoed(_VETO_DELAY_S)
        except InvalidMessage as error:
            return self._refuse(desk, job, error)
        except Exception as error:
            return Failed(describe(error))

    def open(self, desk: Desk, job: wire.Job) -> Message[Any] | Result:
        """Decode and validate; the message to handle, or the result if it must not be."""
        try:
            payload = self._decoded.pop(job[0], _MISSING)
            if payload is _MISSING:
                payload = desk.contract.decode(_raw(job))
        except InvalidMessage as error:
            return self._refuse(desk, job, error)
        except Exception as error:
            return Failed(describe(error))
        message = self._message(desk, job, payload)
        if self._before:
            veto = call_hook(self._hooks, "before_handle", message)
            if veto is False:
                return Vetoed(_VETO_DELAY_S)
            if isinstance(veto, Release):
                return Vetoed(veto.delay_s)
        return message

    def context(self, desk: Desk, job: wire.Job, message: Message[Any]) -> Context:
        """What the handler of a message is given besides it."""
        entry = progress.Entry(self.record, job[1])
        archive = desk.layout if desk.archives else None
        return Context(self._resources, message, archive=archive, entry=entry)

    def close(self, message: Message[Any], context: Context, error: BaseException | None) -> Result:
        """Turn the end of a handler into a result, through the hooks."""
        result = _COMPLETED if error is None else self._fail(message, error)
        if self._after:
            call_hook(self._hooks, "after_handle", message, result)
        is_settled = message.settled or (error is None and context.acknowledged)
        return _SETTLED if is_settled else result

    def _fail(self, message: Message[Any], error: BaseException) -> Completed | Failed:
        decided = call_hook(self._hooks, "on_error", error, message)
        if message.settled:
            log.error("%r raised after it was settled", message, exc_info=error)
            return Completed()
        failure = describe(error)
        if decided is None and isinstance(error, Retry | Reject):
            decided = error
        if isinstance(decided, Reject):
            failure = Failure("rejected", decided.reason, failure.traceback)
        return Failed(failure, *_verdict(decided))

    def roll_back(self) -> bool:
        """End a transaction that a sync handler has left open; False if there is none."""
        return self._resources.roll_back()

    def cancel(self) -> None:
        """Let the server end what a handler past its time limit has asked for."""
        self._resources.cancel()

    def time_out(self, message: Message[Any], limit_s: float, stack: str | None) -> Result:
        """The result of an async handler that was cancelled at its time limit."""
        if message.settled:
            return Settled()
        error = f"the handler ran longer than its limit of {limit_s:g} s"
        return Failed(Failure("timeout", error, stack))

    def _refuse(self, desk: Desk, job: wire.Job, error: InvalidMessage) -> Invalid:
        value: Any = _raw(job)
        with suppress(InvalidMessage):
            value = parse_json(value)
        message = self._message(desk, job, value)
        decided = call_hook(self._hooks, "on_invalid", error.errors, message, desk.name)
        text = f"{len(error.errors)} violation(s) of the schema: {error.errors[0]}"
        kept = tuple(_shorten(each) for each in error.errors[:_MOST_ERRORS])
        failure = Failure("invalid", text[:_ERROR_LENGTH], None, kept)
        return Invalid(failure, *_verdict(decided))

    def _message(self, desk: Desk, job: wire.Job, payload: Any) -> Message[Any]:
        ticket, _, attempt, row = job
        return Message(
            row,
            queue=desk.name,
            payload=payload,
            attempt=attempt,
            controls=self._controls,
            ticket=ticket,
        )


def _raw(job: wire.Job) -> bytes:
    return job[3][6] or b"null"  # a large one that could not be loaded


def _shorten(violation: Violation) -> Violation:
    pointer, message = violation.pointer[:_ERROR_LENGTH], violation.message[:_ERROR_LENGTH]
    return Violation(pointer, violation.keyword, message)


def _verdict(decided: Any) -> tuple[Verdict | None, float | None]:
    match decided:
        case Retry(delay):
            return "retry", delay
        case Reject():
            return "dead_letter", None
        case Archive():
            return "archive", None
        case Delete():
            return "delete", None
        case None:
            return None, None
    log.error("a hook returned %r, expected Retry, Reject, Archive, Delete or None", decided)
    return None, None
