"""The account of a message: which leases were attempts, which were not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmqgen.errors import Violation
from pgmqgen.runtime.outcome import Archive, DeadLetter, Failure
from pgmqgen.runtime.parent.delivery import Account, read_account


def recorded(**reserved: Any) -> bytes:
    return json.dumps(reserved).encode()


@pytest.mark.parametrize(
    ("read_ct", "raw", "expected"),
    [
        (1, None, Account(0, 0, 0)),
        (1, recorded(attempts=5), Account(0, 0, 0)),  # a dead letter moved back starts anew
        (2, None, Account(0, 0, 1)),
        (3, recorded(attempts=2), Account(2, 0, 0)),
        (4, recorded(attempts=1, releases=1), Account(1, 1, 1)),
        (2, recorded(attempts=9), Account(0, 0, 1)),  # more than its leases
        (4, recorded(attempts=3, failed_at="2026-01-01"), Account(0, 0, 3)),  # redriven, host died
        (3, b'["no object"]', Account(0, 0, 2)),
        (3, b"7", Account(0, 0, 2)),
        (3, b"[" * 5000 + b"]" * 5000, Account(0, 0, 2)),
        (3, b'{"a": 1e400}', Account(0, 0, 2)),
        (3, recorded(attempts="2", releases=-1), Account(0, 0, 2)),
        (3, recorded(attempts=True, releases=None), Account(0, 0, 2)),
    ],
)
def test_read_account(read_ct: int, raw: bytes | None, expected: Account) -> None:
    assert read_account(read_ct, raw) == expected
    assert expected.attempt == expected.attempts + 1


@pytest.mark.parametrize(
    ("reserved", "final"),
    [
        ({"final": "dead_letter", "reason": "exception"}, DeadLetter(Failure("exception", "e", was_run=False))),
        ({"final": "archive", "reason": "crash", "unexplained": 3}, Archive(Failure("crash", "e", unexplained=3, was_run=False))),
        (
            {"final": "archive", "reason": "invalid", "errors": [{"pointer": "/a", "keyword": "type", "message": "m"}]},
            Archive(Failure("invalid", "e", None, (Violation("/a", "type", "m"),), was_run=False)),
        ),
        ({"final": "archive", "reason": "crash", "errors": [7], "traceback": 7}, Archive(Failure("crash", "e", was_run=False))),
        ({"final": "delete", "reason": "crash"}, None),
        ({"final": ["archive"], "reason": ["crash"]}, None),
        ({"final": "archive"}, None),
    ],
)  # fmt: skip
def test_what_could_not_be_moved_is_known_again(
    reserved: dict[str, Any], final: Archive | DeadLetter | None
) -> None:
    raw = recorded(attempts=2, error="e", **reserved)
    assert read_account(3, raw) == Account(2, 0, 0, final)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.integers(1, 2**31 - 1), json_values)
def test_hostile_headers_never_break_an_account(read_ct: int, reserved: Any) -> None:
    account = read_account(read_ct, json.dumps(reserved).encode())
    assert account.attempts >= 0
    assert account.releases >= 0
    assert 0 <= account.unexplained < read_ct
