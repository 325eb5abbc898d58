"""The body of one answer: spans grouped by scope, never above the limit."""

from __future__ import annotations

from .otlp import SCOPE_BYTES_MAX, SPAN_LIMIT_BYTES_MIN, cut_span, field, varint

_PREFIX_BYTES = 1 + 5


class Body:
    """A limit too small for the Resource, a scope and the rest of one cut-down span is raised to that;
    otherwise no read would ever go on."""

    def __init__(self, resource: bytes, bytes_max: int) -> None:
        rest_bytes = SCOPE_BYTES_MAX + SPAN_LIMIT_BYTES_MIN + 2 * _PREFIX_BYTES
        self.room_bytes = max(bytes_max - len(resource) - _PREFIX_BYTES, rest_bytes)
        self._room_bytes_empty = self.room_bytes
        self._resource = resource
        self._groups: dict[bytes, list[bytes]] = {}

    def offer(self, scope: bytes, span: bytes) -> bool:
        """Takes the span if it fits; one that would not fit even an empty body is cut down."""
        group = self._groups.get(scope)
        scope_bytes = _PREFIX_BYTES + len(scope) if group is None else 0
        encoded = field(2, span)
        if scope_bytes + len(encoded) > self._room_bytes_empty:
            limit_bytes = self.room_bytes - scope_bytes - _PREFIX_BYTES
            if limit_bytes < SPAN_LIMIT_BYTES_MIN:
                return False
            encoded = field(2, cut_span(span, limit_bytes))
        elif scope_bytes + len(encoded) > self.room_bytes:
            return False
        if group is None:
            group = self._groups[scope] = []
        group.append(encoded)
        self.room_bytes -= scope_bytes + len(encoded)
        return True

    def chunks(self) -> list[bytes]:
        """Pieces of one ExportTraceServiceRequest, in order; none when there is nothing new."""
        if not self._groups:
            return []
        out, resource_spans_bytes = [], len(self._resource)
        for scope, spans in self._groups.items():
            scope_spans_bytes = len(scope) + sum(map(len, spans))
            head = b"\x12" + varint(scope_spans_bytes) + scope
            resource_spans_bytes += len(head) - len(scope) + scope_spans_bytes
            out += [head, *spans]
        return [b"\x0a" + varint(resource_spans_bytes) + self._resource, *out]
