"""From an OpenTracing span to the fields of OTLP, as OpenTelemetry's compatibility page and Jaeger do it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from ..otlp import REMOTE, REMOTE_KNOWN

if TYPE_CHECKING:
    from .span import Span, SpanContext

_KINDS = {"server": 2, "client": 3, "producer": 4, "consumer": 5}
_INTERNAL = 1
_OK, _ERROR = 1, 2
_REF_TYPES = {"child_of": "child_of", "follows_from": "follows_from"}
# An event that tells of an error says so under OpenTelemetry's names.
_ERROR_FIELDS = {
    "error.kind": "exception.type",
    "message": "exception.message",
    "stack": "exception.stacktrace",
}


def to_record(span: Span) -> dict[str, Any]:
    """The keyword arguments of ``encode_span``."""
    context, parent = span.context, span.parent
    tags, kind, code = span.tags, _INTERNAL, 0
    if "span.kind" in tags or "error" in tags:
        tags = dict(tags)
        if isinstance(tags.get("span.kind"), str) and tags["span.kind"] in _KINDS:
            kind = _KINDS[tags.pop("span.kind")]
        flag = tags.get("error")
        if flag in (True, "true", 1):
            code = _ERROR
            del tags["error"]
        elif flag is False or flag == "false":
            code = _OK
            del tags["error"]
    return {
        "trace_id": context.trace_id,
        "span_id": context.span_id,
        "trace_state": context.trace_state,
        "parent_id": parent.span_id if parent else 0,
        "name": span.operation_name,
        "kind": kind,
        "start": span.start_nanos,
        "end": span.end_nanos,
        "code": code,
        "message": "",
        "flags": _flags(context, parent),
        "attributes": tags.items(),
        "events": [_event(time, fields) for time, fields in span.logs],
        "links": [_link(kind, other) for kind, other in span.references if kind in _REF_TYPES],
    }


def _flags(context: SpanContext, remote: Any) -> int:
    is_remote = remote is not None and remote.is_remote
    return context.flags & 0xFF | REMOTE_KNOWN | (REMOTE if is_remote else 0)


def _event(time: int, fields: dict[str, Any]) -> tuple[Any, ...]:
    name = fields.get("event")
    if name is None or not isinstance(name, str):
        return time, "log", list(fields.items()), 0
    rest = [(key, value) for key, value in fields.items() if key != "event"]
    if name != "error":
        return time, name, rest, 0
    attributes = []
    for key, value in rest:
        if key == "error.object" and isinstance(value, BaseException):
            attributes += _exception(value, fields)
        else:
            attributes.append((_ERROR_FIELDS.get(key, key), value))
    return time, "exception", attributes, 0


def _exception(error: BaseException, fields: dict[str, Any]) -> list[tuple[str, str]]:
    """What the log does not say itself."""
    said = []
    if "error.kind" not in fields:
        said.append(("exception.type", type(error).__qualname__))
    if "message" not in fields:
        said.append(("exception.message", str(error)))
    if "stack" not in fields and error.__traceback__ is not None:
        said.append(
            ("exception.stacktrace", "".join(traceback.format_exception(None, error, error.__traceback__)))
        )
    return said


def _link(kind: str, other: SpanContext) -> tuple[Any, ...]:
    attributes = [("opentracing.ref_type", _REF_TYPES[kind])]
    return other.trace_id, other.span_id, other.trace_state, _flags(other, other), attributes, 0
