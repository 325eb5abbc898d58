"""The door for spans: OpenTelemetry's span processor."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Optional

from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from .otlp import REMOTE, REMOTE_KNOWN

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from .buffer import SpanBuffer


class SpanBufferProcessor(SpanProcessor):
    """Records every span that ends, sampled or record-only; made by :meth:`SpanBuffer.processor`."""

    def __init__(self, buffer: SpanBuffer) -> None:
        self._buffer = buffer
        self._resource: Any = None
        self._scopes: dict[Any, bytes] = {}

    def on_start(self, span: Span, parent_context: Optional[Context] = None) -> None:
        pass

    def on_end(self, span: ReadableSpan) -> None:
        buffer = self._buffer
        try:
            if span.resource is not self._resource:
                self._resource = span.resource
                buffer.set_resource(span.resource.attributes, span.resource.schema_url)
            context, parent, status = span.context, span.parent, span.status
            scope = span.instrumentation_scope
            # A tracer has one scope object, so that its identity finds it.
            known = self._scopes.get(id(scope))
            if known is None or known[0] is not scope:
                known = self._remember(scope)
            record = {
                "trace_id": context.trace_id,
                "span_id": context.span_id,
                "trace_state": context.trace_state.to_header() if context.trace_state else "",
                "parent_id": parent.span_id if parent else 0,
                "name": span.name,
                "kind": span.kind.value + 1,
                "start": span.start_time,
                "end": span.end_time,
                "code": status.status_code.value,
                "message": status.description or "",
                "flags": context.trace_flags | REMOTE_KNOWN | (REMOTE if parent and parent.is_remote else 0),
                "attributes": _items(span),
                "attributes_dropped": span.dropped_attributes,
                "events_dropped": span.dropped_events,
                "links_dropped": span.dropped_links,
            }
            if span.events:
                record["events"] = [
                    (event.timestamp, event.name, (event.attributes or {}).items(), event.dropped_attributes)
                    for event in span.events
                ]
            if span.links:
                record["links"] = [_link(link) for link in span.links]
        except Exception:
            buffer._dropped += 1
            return
        buffer.record(known[1], record)

    def _remember(self, scope: Any) -> tuple[Any, bytes]:
        number = self._buffer.scope(scope.name, scope.version, scope.schema_url, scope.attributes)
        if len(self._scopes) < 256:
            self._scopes[id(scope)] = (scope, number)
        return scope, number

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing to do: a span can be read as soon as it has ended."""
        return True

    def shutdown(self) -> None:
        """Marks the buffer as draining. What it holds can still be read."""
        self._buffer.start_draining()


def _items(span: ReadableSpan) -> Any:
    """The SDK's mapping looks each item up behind two wrappers; the plain one inside, if it is there, does
    not. The span has ended, so nobody writes to it."""
    plain = getattr(getattr(span, "_attributes", None), "_dict", None)
    if type(plain) in _PLAIN:
        return plain.items()
    return span.attributes.items() if span.attributes else ()


_PLAIN = (dict, OrderedDict)


def _link(link: Any) -> tuple[Any, ...]:
    context = link.context
    flags = context.trace_flags | REMOTE_KNOWN | (REMOTE if context.is_remote else 0)
    trace_state = context.trace_state.to_header() if context.trace_state else ""
    attributes = (link.attributes or {}).items()
    return context.trace_id, context.span_id, trace_state, flags, attributes, link.dropped_attributes
