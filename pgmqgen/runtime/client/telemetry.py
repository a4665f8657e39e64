"""The trace that is active in the process, for the headers of what it sends.

OpenTelemetry is no dependency: without it in the process there is no trace.
"""

from __future__ import annotations

import sys


def traceparent() -> str | None:
    """The W3C `traceparent` of the active OpenTelemetry span, or None."""
    trace = sys.modules.get("opentelemetry.trace")
    current_span = getattr(trace, "get_current_span", None)
    if current_span is None:
        return None
    context = current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
