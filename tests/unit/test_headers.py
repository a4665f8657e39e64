"""The headers of sent messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from pgmqgen.runtime.client.headers import HeaderWriter

RESERVED = {"x-pgmqgen": {"schema": "f00d", "version": 1}}


def test_no_schema_and_no_headers_write_nothing() -> None:
    assert HeaderWriter(None).write(None) is None
    assert HeaderWriter(None).write({}) is None


def test_the_schema_stands_under_the_reserved_key() -> None:
    writer = HeaderWriter("f00d")
    assert json.loads(writer.write(None) or "") == RESERVED
    assert json.loads(writer.write({"a": [1]}) or "") == {"a": [1], **RESERVED}


def test_each_message_may_have_its_own() -> None:
    assert json.loads(HeaderWriter(None).write_each([{"a": 1}, None], 2)) == [{"a": 1}, None]
    assert json.loads(HeaderWriter("f00d").write_each([None], 1)) == [RESERVED]


def test_the_active_trace_is_added_unless_the_user_gave_one() -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("send"):
        added = json.loads(HeaderWriter(None).write(None) or "")
        kept = json.loads(HeaderWriter(None).write({"traceparent": "mine"}) or "")
    assert list(added) == ["traceparent"]
    assert kept == {"traceparent": "mine"}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"x-pgmqgen": {}}, "header `x-pgmqgen` is reserved"),
        ({"a": object()}, "headers that JSON cannot hold"),
        ({"a": "\0"}, "headers that JSON cannot hold: /a: contains the NUL character"),
        ("text", "expected headers to be a mapping, got str"),
    ],
)
def test_unsuitable_headers_are_refused(headers: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HeaderWriter("f00d").write(headers)


def test_headers_for_each_must_be_as_many_as_the_messages() -> None:
    with pytest.raises(ValueError, match="expected headers for 3 messages, got 1"):
        HeaderWriter(None).write_each([None], 3)
