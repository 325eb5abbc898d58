"""The link from a metric to the trace behind it."""

from __future__ import annotations

import sys
from typing import Optional


def exemplar() -> Optional[dict[str, str]]:
    """``trace_id`` and ``span_id`` of the active span, for prometheus_client:
    ``LATENCY.observe(seconds, exemplar=sigyn_buffer.exemplar())``. ``None`` outside of spans."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is not None:
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    opentracing = sys.modules.get("opentracing")
    if opentracing is not None:
        span = opentracing.global_tracer().active_span
        if span is not None and hasattr(span.context, "trace_id"):
            return {"trace_id": f"{span.context.trace_id:032x}", "span_id": f"{span.context.span_id:016x}"}
    return None
