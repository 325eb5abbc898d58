"""``opentracing.Tracer`` over a span buffer."""

from __future__ import annotations

import random
import time
from typing import Any, Mapping, Optional, Sequence, Union

import opentracing
from opentracing import Reference, ReferenceType, Scope, ScopeManager
from opentracing.scope_managers.contextvars import ContextVarsScopeManager

from ..buffer import SpanBuffer
from .propagation import FORMATS, extract, extract_binary, inject, inject_binary
from .span import SAMPLED, Span, SpanContext

_REFERENCE_NAMES = {ReferenceType.CHILD_OF: "child_of", ReferenceType.FOLLOWS_FROM: "follows_from"}


class Tracer(opentracing.Tracer):
    """A tracer whose finished spans can be read from :attr:`buffer`; see :func:`sigyn_buffer.serve`.

    ``tags`` describe the process and become resource attributes. Trace contexts of W3C, Jaeger
    (``uber-trace-id``) and B3 are understood; ``propagation`` says which of ``w3c``, ``jaeger`` and ``b3``
    are written, all of them by default, so that a neighbour on an old tracer stays in the trace.
    """

    def __init__(
        self,
        service_name: str,
        buffer: Optional[SpanBuffer] = None,
        *,
        tags: Optional[Mapping[str, Any]] = None,
        scope_manager: Optional[ScopeManager] = None,
        propagation: Sequence[str] = FORMATS,
        id_generator: Optional[random.Random] = None,
    ) -> None:
        super().__init__(scope_manager or ContextVarsScopeManager())
        unknown = set(propagation) - set(FORMATS)
        if unknown:
            raise ValueError(f"propagation knows {', '.join(FORMATS)}, not {', '.join(sorted(unknown))}")
        self.buffer = buffer or SpanBuffer()
        self.buffer.set_resource({**(tags or {}), "service.name": service_name})
        self.scope = self.buffer.scope("opentracing")
        self._propagation = tuple(propagation)
        # The system's generator, so that forked workers do not draw the same IDs.
        self._random = id_generator or random.SystemRandom()

    def start_active_span(
        self,
        operation_name: str,
        child_of: Union[Span, SpanContext, None] = None,
        references: Union[Sequence[Reference], Reference, None] = None,
        tags: Optional[Mapping[str, Any]] = None,
        start_time: Optional[float] = None,
        ignore_active_span: bool = False,
        finish_on_close: bool = True,
    ) -> Scope:
        span = self.start_span(operation_name, child_of, references, tags, start_time, ignore_active_span)
        return self.scope_manager.activate(span, finish_on_close)

    def start_span(
        self,
        operation_name: Optional[str] = None,
        child_of: Union[Span, SpanContext, None] = None,
        references: Union[Sequence[Reference], Reference, None] = None,
        tags: Optional[Mapping[str, Any]] = None,
        start_time: Optional[float] = None,
        ignore_active_span: bool = False,
    ) -> Span:
        known = _references(child_of, references)
        if not known and not ignore_active_span:
            active = self.scope_manager.active
            if active is not None and isinstance(active.span.context, SpanContext):
                known = [("child_of", active.span.context)]
        parent, links = _choose_parent(known)
        baggage: dict[str, str] = {}
        for _, context in known:
            baggage = {**context.baggage, **baggage}
        if parent is None:
            context = SpanContext(self._random.getrandbits(128) or 1, self._span_id(), SAMPLED, baggage)
        else:
            context = SpanContext(parent.trace_id, self._span_id(), parent.flags, baggage, parent.trace_state)
        start_nanos = time.time_ns() if start_time is None else round(start_time * 1e6) * 1000
        span = Span(self, context, operation_name or "", parent, links, start_nanos)
        if start_time is not None:
            # So that a finish without a time lies at the present moment.
            span._monotonic_nanos -= time.time_ns() - start_nanos
        for key, value in (tags or {}).items():
            span.set_tag(key, value)
        return span

    def inject(self, span_context: SpanContext, format: str, carrier: Any) -> None:
        if isinstance(span_context, opentracing.Span):
            span_context = span_context.context
        if not isinstance(span_context, SpanContext):
            raise opentracing.InvalidCarrierException("this span context is not of this tracer")
        if format in (opentracing.Format.HTTP_HEADERS, opentracing.Format.TEXT_MAP):
            is_http = format == opentracing.Format.HTTP_HEADERS
            inject(span_context, carrier, self._propagation, is_http)
        elif format == opentracing.Format.BINARY:
            if not isinstance(carrier, bytearray):
                raise opentracing.InvalidCarrierException("a binary carrier is a bytearray")
            carrier.extend(inject_binary(span_context))
        else:
            raise opentracing.UnsupportedFormatException(format)

    def extract(self, format: str, carrier: Any) -> Optional[SpanContext]:
        if format in (opentracing.Format.HTTP_HEADERS, opentracing.Format.TEXT_MAP):
            return extract(carrier)
        if format == opentracing.Format.BINARY:
            if not isinstance(carrier, (bytes, bytearray)):
                raise opentracing.InvalidCarrierException("a binary carrier is a bytearray")
            return extract_binary(bytes(carrier))
        raise opentracing.UnsupportedFormatException(format)

    def _span_id(self) -> int:
        return self._random.getrandbits(64) or 1


def _references(
    child_of: Union[Span, SpanContext, None], references: Union[Sequence[Reference], Reference, None]
) -> list[tuple[str, SpanContext]]:
    """(type, context) of those that name a span; others are left out, as the specification wants."""
    if isinstance(references, Reference):
        references = [references]
    known = []
    if child_of is not None:
        known.append(("child_of", child_of))
    for reference in references or ():
        known.append(
            (_REFERENCE_NAMES.get(reference.type, str(reference.type)), reference.referenced_context)
        )
    contexts = [
        (kind, other.context if isinstance(other, opentracing.Span) else other) for kind, other in known
    ]
    return [(kind, other) for kind, other in contexts if isinstance(other, SpanContext)]


def _choose_parent(
    references: list[tuple[str, SpanContext]],
) -> tuple[Optional[SpanContext], list[tuple[str, SpanContext]]]:
    """The first CHILD_OF, else the first reference. The others are links; so is a parent that is only
    followed, because that is more than being its child says. What names no span (baggage alone, in an
    extracted context) is neither."""
    real = [(kind, context) for kind, context in references if context.trace_id]
    for wanted in ("child_of", "follows_from"):
        for index, (kind, context) in enumerate(real):
            if kind == wanted:
                links = real if kind == "follows_from" else real[:index] + real[index + 1 :]
                return context, links
    return None, []
