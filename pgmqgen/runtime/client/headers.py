"""The headers that go with a sent message: the user's, the reserved one and the trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pgmqgen.errors import InvalidMessage
from pgmqgen.runtime.client.telemetry import traceparent
from pgmqgen.runtime.json_text import dump_json
from pgmqgen.runtime.message import RESERVED_HEADER

Headers = Mapping[str, Any]

TRACE_HEADER = "traceparent"
_VERSION = 1
"""Of the layout of the reserved header."""


class HeaderWriter:
    """Writes the headers of one queue's messages as JSON text.

    fingerprint: of the schema that the queue's payloads are validated against, or None
    """

    def __init__(self, fingerprint: str | None) -> None:
        self._reserved: dict[str, Any] = {}
        if fingerprint is not None:
            self._reserved[RESERVED_HEADER] = {"schema": fingerprint, "version": _VERSION}
        self._bare = self._dump(self._reserved)

    def write(self, headers: Headers | None) -> str | None:
        """Headers of one message, or of all messages alike; None if there are none.

        Raises ValueError for the reserved key and for what JSON cannot hold.
        """
        return self._write(headers, traceparent())

    def write_each(self, headers: Iterable[Headers | None], count: int) -> str:
        """A JSON array of the headers of `count` messages, one each; null if there are none.

        Raises ValueError like `write`, and if `headers` are not `count`.
        """
        trace = traceparent()
        texts = [self._write(each, trace) or "null" for each in headers]
        if len(texts) != count:
            raise ValueError(f"expected headers for {count} messages, got {len(texts)}")
        return f"[{','.join(texts)}]"

    def _write(self, headers: Headers | None, trace: str | None) -> str | None:
        if not headers and trace is None:
            return self._bare
        traced = {} if trace is None else {TRACE_HEADER: trace}
        return self._dump({**traced, **_checked(headers), **self._reserved})

    def _dump(self, headers: dict[str, Any]) -> str | None:
        if not headers:
            return None
        try:
            return dump_json(headers).decode()
        except InvalidMessage as error:
            reasons = "; ".join(map(str, error.errors))
            raise ValueError(f"headers that JSON cannot hold: {reasons}") from error


def _checked(headers: Headers | None) -> Headers:
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise ValueError(f"expected headers to be a mapping, got {type(headers).__name__}")
    if RESERVED_HEADER in headers:
        raise ValueError(f"header `{RESERVED_HEADER}` is reserved for pgmqgen")
    return headers
