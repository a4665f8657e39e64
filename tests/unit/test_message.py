"""A message as a handler or hook sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pgmqgen import Message
from pgmqgen.runtime.instant import instant_of


class Controls:
    """Applies everything, or nothing, and notes what was asked."""

    def __init__(self, applies: bool) -> None:
        self.applies = applies
        self.asked: list[tuple[object, ...]] = []

    def delete(self, ticket: int) -> bool:
        self.asked.append(("delete", ticket))
        return self.applies

    def archive(self, ticket: int) -> bool:
        self.asked.append(("archive", ticket))
        return self.applies

    def set_timeout(self, ticket: int, seconds: float) -> bool:
        self.asked.append(("set_timeout", ticket, seconds))
        return self.applies


def message(
    *,
    controls: Controls | None = None,
    headers: bytes | None = None,
    at: bytes = b"2026-01-02 03:04:05+00",
) -> Message[Any]:
    row = (1, 3, instant_of(at), instant_of(at), None, headers, b'{"id": 7}')
    controls = controls or Controls(True)
    return Message(row, queue="orders", payload={"id": 7}, attempt=2, controls=controls, ticket=9)


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [(b"2026-01-02 03:04:05+00", 0), (b"2026-01-02 03:04:05.5+00", 500_000),
     (b"2026-01-02 03:04:05.123456+00", 123_456)],
)  # fmt: skip
def test_times_are_aware(text: bytes, microsecond: int) -> None:
    expected = datetime(2026, 1, 2, 3, 4, 5, microsecond, UTC)
    found = message(at=text)
    assert found.enqueued_at == found.visible_at == expected
    assert found.enqueued_at.tzinfo is not None


@pytest.mark.parametrize("text", [b"infinity", b"-infinity", b"0044-03-15 00:00:00+00 BC"])
def test_a_time_that_python_lacks_is_no_trouble_until_it_is_asked_for(text: bytes) -> None:
    found = message(at=text)
    with pytest.raises(OverflowError):
        _ = found.enqueued_at


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, {}),
        (b'{"a": 1}', {"a": 1}),
        (b"[1]", {"x-pgmqgen-headers": [1]}),
        (b"null", {"x-pgmqgen-headers": None}),
    ],
)
def test_headers_are_always_an_object(raw: bytes | None, expected: dict[str, Any]) -> None:
    assert message(headers=raw).headers == expected


@pytest.mark.parametrize("applies", [True, False])
def test_controls_name_the_delivery_and_say_whether_they_applied(applies: bool) -> None:
    controls = Controls(applies)
    deleted, archived, extended = (message(controls=controls) for _ in range(3))
    assert deleted.delete() is deleted.settled is applies
    assert archived.archive() is archived.settled is applies
    assert extended.set_timeout(12.5) is applies
    assert not extended.settled
    assert controls.asked == [("delete", 9), ("archive", 9), ("set_timeout", 9, 12.5)]


def test_a_message_shows_what_it_is_but_not_its_payload() -> None:
    assert repr(message()) == "Message(id=1, queue='orders', attempt=2)"


def test_what_is_settled_stays_so_whatever_is_asked_next() -> None:
    controls = Controls(True)
    found = message(controls=controls)
    assert found.delete()
    controls.applies = False
    assert found.delete()
    assert found.archive()
    assert found.settled
    assert controls.asked == [("delete", 9)]
