"""What is decided of every result, at every attempt."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmqgen.errors import Violation
from pgmqgen.queue import Backoff, QueueSettings
from pgmqgen.runtime import wire
from pgmqgen.runtime.outcome import (
    Archive,
    Completed,
    DeadLetter,
    Delete,
    Failed,
    Failure,
    Invalid,
    Release,
    Reschedule,
    Result,
    Retry,
    Vetoed,
    decide,
)

EXCEPTION = Failure("exception", "boom", "traceback")
INVALID = Failure("invalid", "bad", None, (Violation("/a", "type", "is no integer"),))

texts = st.text(st.characters(codec=None))  # lone surrogates and NUL too
failures = st.builds(
    Failure,
    st.sampled_from(["exception", "timeout", "crash", "invalid", "rejected"]),
    texts,
    st.none() | texts,
    st.lists(st.builds(Violation, texts, texts, texts)).map(tuple),
)
verdicts = st.none() | st.sampled_from(["retry", "archive", "dead_letter", "delete"])
delays = st.none() | st.floats(0, 1e6)
results: st.SearchStrategy[Result] = st.one_of(
    st.just(Completed()),
    st.builds(Vetoed, st.floats(0, 1e6)),
    st.builds(Failed, failures, verdicts, delays),
    st.builds(Invalid, failures, verdicts, delays),
)
settings = st.builds(
    QueueSettings,
    name=st.just("q"),
    max_attempts=st.integers(1, 10),
    on_failure=st.sampled_from(["dead_letter", "archive"]),
    on_invalid=st.sampled_from(["dead_letter", "archive"]),
    on_success=st.sampled_from(["delete", "archive"]),
)


@pytest.mark.parametrize(
    ("result", "attempt", "expected"),
    [
        (Completed(), 1, Delete()),
        (Vetoed(2.0), 1, Release(2.0)),
        (Failed(EXCEPTION, None, 3.0), 1, Reschedule(3.0, EXCEPTION)),
        (Failed(EXCEPTION), 5, DeadLetter(EXCEPTION)),
        (Failed(EXCEPTION, "retry", 3.0), 5, DeadLetter(EXCEPTION)),
        (Failed(EXCEPTION, "dead_letter"), 1, DeadLetter(EXCEPTION)),
        (Failed(EXCEPTION, "archive"), 1, Archive(EXCEPTION)),
        (Failed(EXCEPTION, "delete"), 1, Delete()),
        (Invalid(INVALID), 1, Archive(INVALID)),
        (Invalid(INVALID, "dead_letter"), 1, DeadLetter(INVALID)),
        (Invalid(INVALID, "retry", 1.0), 1, Reschedule(1.0, INVALID)),
        (Invalid(INVALID, "retry", 1.0), 5, DeadLetter(INVALID)),
    ],
)
def test_decide(result: Result, attempt: int, expected: object) -> None:
    assert decide(QueueSettings(name="q"), attempt, result) == expected


def test_settings_choose_where_messages_end() -> None:
    archiving = QueueSettings(
        name="q", on_failure="archive", on_invalid="dead_letter", on_success="archive"
    )
    assert decide(archiving, 5, Failed(EXCEPTION)) == Archive(EXCEPTION)
    assert decide(archiving, 1, Invalid(INVALID)) == DeadLetter(INVALID)
    assert decide(archiving, 1, Completed()) == Archive()


@given(settings, st.integers(1, 100), results)
def test_no_message_is_tried_more_often_than_allowed(
    queue: QueueSettings, attempt: int, result: Result
) -> None:
    decision = decide(queue, attempt, result)
    if isinstance(decision, Reschedule):
        assert attempt < queue.max_attempts
        assert decision.delay_s >= 0


@given(st.integers(0, 2**63), results)
def test_results_cross_the_pipe_unchanged(ticket: int, result: Result) -> None:
    frame = (wire.DONE, 0, [], [wire.pack_result(ticket, result)], 0.5)
    (received,) = wire.FrameBuffer().feed(wire.pack_frame(frame))
    assert wire.unpack_result(received[3][0]) == (ticket, result)


@given(st.lists(st.binary(max_size=300)), st.integers(1, 50))
def test_frames_survive_any_cut_of_the_stream(bodies: list[bytes], size: int) -> None:
    stream = b"".join(wire.pack_frame((wire.RUN, body)) for body in bodies)
    buffer = wire.FrameBuffer()
    received = [
        frame[1]
        for start in range(0, len(stream), size)
        for frame in buffer.feed(stream[start : start + size])
    ]
    assert received == bodies


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_backoff_stays_within_its_bounds(attempt: int, jitter: float) -> None:
    backoff = Backoff(initial=1, factor=2, max=60, jitter=jitter)
    assert 0 <= backoff.delay_s(attempt) <= 60 * (1 + jitter) + 1e-9
    fixed = Backoff(kind="fixed", initial=0.1, jitter=0)
    assert fixed.delay_s(attempt) == 0.1


def test_backoff_grows_by_its_factor() -> None:
    backoff = Backoff(initial=0.5, factor=3, max=20, jitter=0)
    assert [backoff.delay_s(n) for n in range(1, 6)] == [0.5, 1.5, 4.5, 13.5, 20]


@pytest.mark.parametrize(
    "make", [lambda delay: Retry(delay=delay).delay, lambda d: Release(d).delay_s]
)
def test_delays_are_checked_where_they_are_made(make: Callable[[Any], float]) -> None:
    assert make(1) == make(1.0) == make(timedelta(seconds=1)) == 1.0
    for wrong in (-1, math.inf, math.nan, timedelta(seconds=-1)):
        with pytest.raises(ValueError, match="expected a delay of 0 seconds or more"):
            make(wrong)
    for wrong in ("1", True):
        with pytest.raises(TypeError, match="expected a delay in seconds"):
            make(wrong)
