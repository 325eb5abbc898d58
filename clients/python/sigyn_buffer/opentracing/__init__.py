"""An OpenTracing tracer (specification 1.1, ``opentracing`` 2.4) whose spans end in a span buffer."""

from .span import Span, SpanContext
from .tracer import Tracer

__all__ = ["Span", "SpanContext", "Tracer"]
