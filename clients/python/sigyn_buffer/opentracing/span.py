"""Spans of OpenTracing, and what of them crosses process boundaries."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Mapping, Optional

import opentracing

from .convert import to_record

if TYPE_CHECKING:
    from .tracer import Tracer

SAMPLED = 1


class SpanContext(opentracing.SpanContext):
    """Immutable: setting a baggage item gives the span a new one."""

    __slots__ = ("trace_id", "span_id", "flags", "trace_state", "is_remote", "_baggage")

    def __init__(
        self,
        trace_id: int,
        span_id: int,
        flags: int = SAMPLED,
        baggage: Optional[Mapping[str, str]] = None,
        trace_state: str = "",
        is_remote: bool = False,
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.flags = flags
        self.trace_state = trace_state
        self.is_remote = is_remote
        self._baggage = dict(baggage or {})

    @property
    def baggage(self) -> dict[str, str]:
        return self._baggage

    @property
    def is_sampled(self) -> bool:
        return bool(self.flags & SAMPLED)


class Span(opentracing.Span):
    """Its methods may be called from any thread; what is set after ``finish`` is left out."""

    def __init__(
        self,
        tracer: Tracer,
        context: SpanContext,
        operation_name: str,
        parent: Optional[SpanContext],
        references: list[tuple[str, SpanContext]],
        start_nanos: int,
    ) -> None:
        super().__init__(tracer, context)
        self.operation_name = operation_name
        self.parent = parent
        self.references = references
        self.start_nanos = start_nanos
        self.end_nanos: Optional[int] = None
        self.tags: dict[str, Any] = {}
        self.logs: list[tuple[int, dict[str, Any]]] = []
        # Without a start time of the caller's, durations come from the monotonic clock.
        self._monotonic_nanos = time.monotonic_ns()

    def set_operation_name(self, operation_name: str) -> Span:
        self.operation_name = operation_name
        return self

    def set_tag(self, key: str, value: Any) -> Span:
        if key == "sampling.priority":
            self._set_sampled(value)
        self.tags[key] = value
        return self

    def log_kv(self, key_values: Mapping[str, Any], timestamp: Optional[float] = None) -> Span:
        self.logs.append((self._nanos(timestamp), dict(key_values)))
        return self

    def set_baggage_item(self, key: str, value: str) -> Span:
        context = self._context
        baggage = {**context.baggage, key: value}
        self._context = SpanContext(
            context.trace_id, context.span_id, context.flags, baggage, context.trace_state
        )
        return self

    def get_baggage_item(self, key: str) -> Optional[str]:
        return self._context.baggage.get(key)

    def finish(self, finish_time: Optional[float] = None) -> None:
        if self.end_nanos is not None:
            return
        self.end_nanos = self._nanos(finish_time)
        tracer = self._tracer
        tracer.buffer.record(tracer.scope, to_record(self))

    def _nanos(self, seconds: Optional[float]) -> int:
        if seconds is not None:
            return round(seconds * 1e6) * 1000
        return self.start_nanos + time.monotonic_ns() - self._monotonic_nanos

    def _set_sampled(self, priority: Any) -> None:
        """The wish is passed on; this buffer keeps every span."""
        try:
            wanted = int(priority) > 0
        except (TypeError, ValueError):
            return
        context = self._context
        flags = context.flags | SAMPLED if wanted else context.flags & ~SAMPLED
        self._context = SpanContext(
            context.trace_id, context.span_id, flags, context.baggage, context.trace_state
        )
