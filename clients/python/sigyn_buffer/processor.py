"""The door for spans: OpenTelemetry's span processor."""

from __future__ import annotations

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
            # What the SDK hands over is of this very class; whoever hands over another may mean to hide
            # something behind its properties.
            record = _plain(span) if type(span) is ReadableSpan else None
            if record is None:
                record = _record(span)
            # A tracer has one scope object, so that its identity finds it.
            scope = span.instrumentation_scope
            known = self._scopes.get(id(scope))
            if known is None or known[0] is not scope:
                known = self._remember(scope)
        except Exception:
            buffer._dropped += 1
            return
        buffer.record_fields(known[1], record)

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


def _plain(span: ReadableSpan) -> Optional[tuple[Any, ...]]:
    """The arguments of ``encode_span``, read past the SDK's properties, which copy and lock at every turn;
    the span has ended, so nobody writes to it. ``None`` where an SDK is built otherwise, or the span has
    events or links."""
    fields = span.__dict__
    try:
        events, links, attributes = fields["_events"], fields["_links"], fields["_attributes"]
        if events or links:
            return None
        trace_id, span_id, _, flags, state, _ = fields["_context"]
        parent, status = fields["_parent"], fields["_status"]
        flags |= REMOTE_KNOWN
        parent_id = 0
        if parent is not None:
            parent_id = parent[1]
            if parent[2]:
                flags |= REMOTE
        return (
            trace_id,
            span_id,
            state.to_header() if state else "",
            parent_id,
            fields["_name"],
            fields["_kind"].value + 1,
            fields["_start_time"],
            fields["_end_time"],
            status.status_code.value,
            status.description or "",
            flags,
            attributes._dict.items(),
            attributes.dropped,
            (),
            0 if events == () else events.dropped,
            (),
            0 if links == () else links.dropped,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _record(span: ReadableSpan) -> tuple[Any, ...]:
    """The same by way of what the SDK promises."""
    context, parent, status = span.context, span.parent, span.status
    return (
        context.trace_id,
        context.span_id,
        context.trace_state.to_header() if context.trace_state else "",
        parent.span_id if parent else 0,
        span.name,
        span.kind.value + 1,
        span.start_time,
        span.end_time,
        status.status_code.value,
        status.description or "",
        context.trace_flags | REMOTE_KNOWN | (REMOTE if parent and parent.is_remote else 0),
        span.attributes.items() if span.attributes else (),
        span.dropped_attributes,
        [
            (event.timestamp, event.name, (event.attributes or {}).items(), event.dropped_attributes)
            for event in span.events
        ],
        span.dropped_events,
        [_link(link) for link in span.links],
        span.dropped_links,
    )


def _link(link: Any) -> tuple[Any, ...]:
    context = link.context
    flags = context.trace_flags | REMOTE_KNOWN | (REMOTE if context.is_remote else 0)
    trace_state = context.trace_state.to_header() if context.trace_state else ""
    attributes = (link.attributes or {}).items()
    return context.trace_id, context.span_id, trace_state, flags, attributes, link.dropped_attributes
