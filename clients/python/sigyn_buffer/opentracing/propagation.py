"""Trace contexts in carriers: W3C, Jaeger and B3; baggage with the first two."""

from __future__ import annotations

import re
import struct
from typing import Any, Mapping, Optional, Sequence
from urllib.parse import quote, unquote

from .span import SAMPLED, SpanContext

FORMATS = ("w3c", "jaeger", "b3")

_DEBUG = 2
_BAGGAGE_BYTES_MAX = 8192
_BAGGAGE_ITEMS_MAX = 64
_UBER_BAGGAGE = "uberctx-"
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_HEX_TRACE = re.compile(r"[0-9a-f]{1,32}", re.ASCII)
_HEX_SPAN = re.compile(r"[0-9a-f]{1,16}", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_BINARY_HEAD = struct.Struct(">QQQQB")
_LENGTH = struct.Struct(">i")


def inject(context: SpanContext, carrier: Any, formats: Sequence[str], is_http: bool) -> None:
    trace_id, span_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    baggage = context.baggage
    if "w3c" in formats:
        carrier["traceparent"] = f"00-{trace_id}-{span_id}-{context.flags & 1:02x}"
        if context.trace_state:
            carrier["tracestate"] = context.trace_state
        items = ",".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in _texts(baggage))
        if items and len(items) <= _BAGGAGE_BYTES_MAX:
            carrier["baggage"] = items
    if "jaeger" in formats:
        # Parent IDs went out of use there; 0 stands in their place.
        carrier["uber-trace-id"] = f"{trace_id}:{span_id}:0:{context.flags & 3:x}"
        for key, value in _texts(baggage):
            if not is_http or _TOKEN.fullmatch(key):
                carrier[_UBER_BAGGAGE + key] = quote(value, safe="") if is_http else value
    if "b3" in formats:
        carrier["x-b3-traceid"] = trace_id
        carrier["x-b3-spanid"] = span_id
        carrier["x-b3-sampled"] = "1" if context.is_sampled else "0"


def extract(carrier: Mapping[str, Any]) -> Optional[SpanContext]:
    """The context of the first of W3C, Jaeger, B3 that is there and sound; baggage of any. ``None`` where
    there is neither: the trace begins here."""
    headers = {str(key).lower(): str(value) for key, value in carrier.items()}
    baggage = _baggage(headers)
    for read in (_from_w3c, _from_jaeger, _from_b3_single, _from_b3):
        found = read(headers)
        if found is not None:
            trace_id, span_id, flags, trace_state = found
            return SpanContext(trace_id, span_id, flags, baggage, trace_state, is_remote=True)
    return SpanContext(0, 0, SAMPLED, baggage, is_remote=True) if baggage else None


_Found = Optional["tuple[int, int, int, str]"]


def _from_w3c(headers: Mapping[str, str]) -> _Found:
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", "").strip())
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
        return None
    trace_state = headers.get("tracestate", "").strip()
    return _found(int(match[2], 16), int(match[3], 16), int(match[4], 16) & SAMPLED, trace_state)


def _from_jaeger(headers: Mapping[str, str]) -> _Found:
    fields = unquote(headers.get("uber-trace-id", "")).strip().split(":")
    if len(fields) != 4 or not _HEX_TRACE.fullmatch(fields[0]) or not _HEX_SPAN.fullmatch(fields[1]):
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{1,2}", fields[3], re.ASCII):
        return None
    return _found(int(fields[0], 16), int(fields[1], 16), int(fields[3], 16) & (SAMPLED | _DEBUG))


def _from_b3_single(headers: Mapping[str, str]) -> _Found:
    fields = headers.get("b3", "").strip().lower().split("-")
    if len(fields) < 2:
        return None
    return _b3(fields[0], fields[1], fields[2] if len(fields) > 2 else "1", "")


def _from_b3(headers: Mapping[str, str]) -> _Found:
    trace_id, span_id = (headers.get(f"x-b3-{name}", "").strip().lower() for name in ("traceid", "spanid"))
    return _b3(
        trace_id, span_id, headers.get("x-b3-sampled", "1").strip().lower(), headers.get("x-b3-flags", "")
    )


def _b3(trace_id: str, span_id: str, sampled: str, flags: str) -> _Found:
    if not re.fullmatch(r"(?:[0-9a-f]{16}){1,2}", trace_id, re.ASCII) or not re.fullmatch(
        r"[0-9a-f]{16}", span_id, re.ASCII
    ):
        return None
    if sampled == "d" or flags.strip() == "1":
        return _found(int(trace_id, 16), int(span_id, 16), SAMPLED | _DEBUG)
    return _found(int(trace_id, 16), int(span_id, 16), 0 if sampled in ("0", "false") else SAMPLED)


def _found(trace_id: int, span_id: int, flags: int, trace_state: str = "") -> _Found:
    return (trace_id, span_id, flags, trace_state) if trace_id and span_id else None


def _baggage(headers: Mapping[str, str]) -> dict[str, str]:
    baggage: dict[str, str] = {}
    for key, value in headers.items():
        if key.startswith(_UBER_BAGGAGE):
            baggage[key[len(_UBER_BAGGAGE) :]] = unquote(value)
    # Jaeger's way to set baggage by hand.
    for item in headers.get("jaeger-baggage", "").split(","):
        key, separator, value = item.partition("=")
        if separator and key.strip():
            baggage[key.strip()] = value.strip()
    text = headers.get("baggage", "")
    for member in text.split(",") if len(text) <= _BAGGAGE_BYTES_MAX else ():
        key, separator, value = member.partition(";")[0].partition("=")
        if separator and key.strip():
            baggage[unquote(key.strip())] = unquote(value.strip())
    return dict(list(baggage.items())[:_BAGGAGE_ITEMS_MAX])


def _texts(baggage: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(key), str(value)) for key, value in baggage.items()]


def inject_binary(context: SpanContext) -> bytes:
    """The layout of Jaeger's Go client: trace ID (high, low), span ID, parent ID, flags, baggage."""
    high, low = context.trace_id >> 64, context.trace_id & (1 << 64) - 1
    out = bytearray(_BINARY_HEAD.pack(high, low, context.span_id, 0, context.flags & 3))
    items = _texts(context.baggage)
    out += _LENGTH.pack(len(items))
    for text in (text for item in items for text in item):
        encoded = text.encode()
        out += _LENGTH.pack(len(encoded)) + encoded
    return bytes(out)


def extract_binary(carrier: bytes) -> Optional[SpanContext]:
    """``None`` for anything that is not whole."""
    try:
        high, low, span_id, _, flags = _BINARY_HEAD.unpack_from(carrier)
        (count,) = _LENGTH.unpack_from(carrier, _BINARY_HEAD.size)
        at, texts = _BINARY_HEAD.size + 4, []
        if not 0 <= count <= _BAGGAGE_ITEMS_MAX:
            return None
        for _ in range(2 * count):
            (length,) = _LENGTH.unpack_from(carrier, at)
            at += 4
            if length < 0 or at + length > len(carrier):
                return None
            texts.append(carrier[at : at + length].decode())
            at += length
    except (struct.error, UnicodeDecodeError):
        return None
    trace_id = high << 64 | low
    if not trace_id or not span_id:
        return None
    baggage = dict(zip(texts[::2], texts[1::2]))
    return SpanContext(trace_id, span_id, flags & 3, baggage, is_remote=True)
