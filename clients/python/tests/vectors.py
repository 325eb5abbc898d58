"""The shared vectors (clients/vectors) as calls of this client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import opentracing
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from sigyn_buffer import SpanBuffer
from sigyn_buffer.opentracing import Tracer

FOLDER = Path(__file__).parents[2] / "vectors"


def load(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name).read_text())


def value_of(attribute: dict[str, Any]) -> Any:
    kind, value = attribute["type"], attribute["value"]
    if kind == "int":
        return int(value)
    if kind == "ints":
        return [int(item) for item in value]
    if kind == "double":
        return float(value)
    if kind == "bytes":
        return bytes.fromhex(value)
    return value


def attributes_of(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {attribute["key"]: value_of(attribute) for attribute in attributes}


def _context(given: dict[str, Any], trace_id: str, remote: bool) -> SpanContext:
    state = TraceState([tuple(item.split("=")) for item in given.get("trace_state", "").split(",") if item])
    flags = TraceFlags(given.get("flags", 1))
    return SpanContext(int(trace_id, 16), int(given["span_id"], 16), remote, flags, state)


class _Span(ReadableSpan):
    """With counts of its own."""

    counts: dict[str, int] = {}
    dropped_attributes = property(lambda self: self.counts.get("attributes_dropped", 0))
    dropped_events = property(lambda self: self.counts.get("events_dropped", 0))
    dropped_links = property(lambda self: self.counts.get("links_dropped", 0))


def span_body(case: dict[str, Any], _: Any = None) -> bytes:
    given, scope = case["span"], case["scope"]
    parent = given.get("parent")
    status = given.get("status", {"code": "unset"})
    span = _Span(
        name=given["name"],
        context=_context(given, given["trace_id"], False),
        parent=_context(parent, given["trace_id"], parent["remote"]) if parent else None,
        resource=Resource(attributes_of(case["resource"])),
        attributes=attributes_of(given.get("attributes", [])),
        events=[
            Event(event["name"], attributes_of(event["attributes"]), int(event["time"]))
            for event in given.get("events", [])
        ],
        links=[
            Link(_context(link, link["trace_id"], link["remote"]), attributes_of(link["attributes"]))
            for link in given.get("links", [])
        ],
        kind=SpanKind[given["kind"].upper()],
        status=Status(StatusCode[status["code"].upper()], status.get("message")),
        start_time=int(given["start"]),
        end_time=int(given["end"]),
        instrumentation_scope=InstrumentationScope(
            scope["name"],
            scope.get("version"),
            scope.get("schema_url"),
            attributes_of(scope["attributes"]) if "attributes" in scope else None,
        ),
    )
    span.counts = given
    buffer = SpanBuffer(1 << 20, span_bytes_max=case.get("span_bytes_max", 64 << 10))
    buffer.processor().on_end(span)
    return buffer.answer("GET", "").body


REFERENCES = {"child_of": opentracing.child_of, "follows_from": opentracing.follows_from}


def opentracing_body(case: dict[str, Any], data: dict[str, Any]) -> bytes:
    given = case["span"]
    tracer = Tracer(data["service_name"])
    references = [
        REFERENCES[item["type"]](tracer.extract(opentracing.Format.HTTP_HEADERS, item["headers"]))
        for item in given.get("references", [])
    ]
    span = tracer.start_span(given["operation_name"], references=references, start_time=given["start"])
    for tag in given.get("tags", []):
        span.set_tag(tag["key"], value_of(tag))
    for log in given.get("logs", []):
        span.log_kv(attributes_of(log["fields"]), log["time"])
    for key, value in given.get("baggage", []):
        span.set_baggage_item(key, value)
    if "rename" in given:
        span.set_operation_name(given["rename"])
    span.finish(given["finish"])
    body = tracer.buffer.answer("GET", "").body
    # The IDs that the tracer drew stand for the vector's: eights and, for a root, sevens.
    body = body.replace(span.context.span_id.to_bytes(8, "big"), b"\x88" * 8)
    return body if references else body.replace(span.context.trace_id.to_bytes(16, "big"), b"\x77" * 16)


def decoded(body: bytes) -> Any:
    def hexed(item: Any) -> Any:
        if isinstance(item, dict):
            return {
                key: bytes_hex(value) if key.endswith("Id") else hexed(value) for key, value in item.items()
            }
        return [hexed(value) for value in item] if isinstance(item, list) else item

    def bytes_hex(text: str) -> str:
        import base64

        return base64.b64decode(text).hex()

    return hexed(MessageToDict(ExportTraceServiceRequest.FromString(body)))
