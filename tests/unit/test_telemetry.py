"""The W3C trace context of what is sent."""

from __future__ import annotations

import re
import subprocess
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from pgmqgen.runtime.client.telemetry import traceparent


def test_without_an_active_span_there_is_no_traceparent() -> None:
    assert traceparent() is None


def test_the_active_span_is_named_as_w3c_says() -> None:
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("send") as span:
        written = traceparent()
    context = span.get_span_context()
    assert written is not None
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", written)
    _, trace_id, span_id, flags = (int(part, 16) for part in written.split("-"))
    assert (trace_id, span_id) == (context.trace_id, context.span_id)
    assert flags & trace.TraceFlags.SAMPLED


def test_a_span_that_is_not_recorded_has_no_sampled_flag() -> None:
    context = trace.SpanContext(trace_id=1, span_id=2, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(context)):
        assert traceparent() == f"00-{1:032x}-{2:016x}-00"


def test_opentelemetry_is_not_imported() -> None:
    code = (
        "import sys, pgmqgen; from pgmqgen.runtime.client.telemetry import traceparent; pgmqgen.Producer; "
        "print(traceparent(), any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "None False\n"
