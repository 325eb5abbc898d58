"""``opentelemetry.proto.trace.v1``, encoded once, when a span ends.

An encoder of our own, because a span costs its app a few microseconds this way and several times that
through message objects. Field order and cutting are those of the Rust buffer; ``clients/vectors`` holds
the bytes.
"""

from __future__ import annotations

import struct
from typing import Any, Iterable, Iterator, Mapping, Optional, Tuple

SPAN_LIMIT_BYTES_MIN = 512
SCOPE_BYTES_MAX = 1 << 10
RESOURCE_BYTES_MAX = 16 << 10
TEXT_BYTES_MAX = 256

# KeyValue {key: "sigyn.truncated", value: true}, and room for it and for three counts.
TRUNCATED = b"\x0a\x0fsigyn.truncated\x12\x02\x10\x01"
REMARKS_BYTES = 2 + len(TRUNCATED) + 3 * 6

REMOTE_KNOWN = 0x100
REMOTE = 0x200

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
UINT64_MAX = (1 << 64) - 1
DEPTH_MAX = 16

Attributes = Iterable[Tuple[str, Any]]
# (unix nanoseconds, name, attributes, attributes dropped)
Event = Tuple[int, str, Attributes, int]
# (trace ID, span ID, trace state, flags, attributes, attributes dropped)
Link = Tuple[int, int, str, int, Attributes, int]

_times = struct.Struct("<BQBQ").pack
_double = struct.Struct("<d").pack
_fixed32 = struct.Struct("<I").pack
_fixed64 = struct.Struct("<Q").pack

# Most attributes repeat: methods, routes, hosts, codes. What was encoded before is a look-up. A key whose
# values do not repeat (IDs, paths) stops adding to it, and only the head of its attributes is looked up, by
# length. All of it takes a few megabytes at most.
_KEYS_MAX = 256
_VALUES_PER_KEY_MAX = 64
_CACHE_ENTRIES_MAX = 2048
_CACHE_TEXT_MAX = 64
_keys: dict[str, _Key] = {}
_names: dict[str, bytes] = {}
_flags = {
    flags: b"\x85\x01" + _fixed32(flags) for base in (0, 1) for flags in (base, base | 0x100, base | 0x300)
}
_KINDS = [b"", b"0\x01", b"0\x02", b"0\x03", b"0\x04", b"0\x05"]


def varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, content: bytes) -> bytes:
    """A string, bytes or message field with a tag of one byte."""
    length = len(content)
    if length < 0x80:
        return bytes((number << 3 | 2, length)) + content
    return bytes((number << 3 | 2,)) + varint(length) + content


def field_unless_empty(number: int, content: bytes) -> bytes:
    return field(number, content) if content else b""


def uint_unless_zero(number: int, value: int) -> bytes:
    return bytes((number << 3,)) + varint(value) if value else b""


def utf8(text: str) -> bytes:
    """Lone surrogates have no UTF-8; one must not cost the span."""
    return text.encode("utf-8", "replace")


def cut_utf8(content: bytes, bytes_max: int) -> bytes:
    """The longest beginning of at most ``bytes_max`` bytes that ends between characters."""
    if len(content) <= bytes_max:
        return content
    end = bytes_max
    while end > 0 and content[end] & 0xC0 == 0x80:
        end -= 1
    return content[:end]


def any_value(value: Any, depth: int = 0) -> bytes:
    kind = type(value)
    if kind is str:
        return field(1, utf8(value))
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if kind is int:
        if INT64_MIN <= value <= INT64_MAX:
            return b"\x18" + varint(value & UINT64_MAX)
        return field(1, str(value).encode())
    if kind is float:
        return b"\x21" + _double(value)
    if value is None:
        return b""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return field(7, bytes(value))
    if depth < DEPTH_MAX:
        if isinstance(value, Mapping):
            pairs = ((str(key), item) for key, item in value.items())
            return field(6, b"".join(field(1, key_value(*pair, depth + 1)) for pair in pairs))
        if isinstance(value, (list, tuple, set, frozenset)):
            return field(5, b"".join(field(1, any_value(item, depth + 1)) for item in value))
    # Subclasses (enumerations, numpy scalars) and whatever else an instrumentation hands over.
    for plain in (str, int, float):
        if isinstance(value, plain):
            return any_value(plain(value), depth)
    return field(1, utf8(str(value)))


def key_value(key: str, value: Any, depth: int = 0) -> bytes:
    if type(value) is str:
        name, text = utf8(key), utf8(value)
        if len(name) < 0x80 and len(text) < 0x7E:
            # Most attributes: all lengths take one byte.
            lengths = (0x12, len(text) + 2, 0x0A, len(text))
            return bytes((0x0A, len(name))) + name + bytes(lengths) + text
    return field(1, utf8(key)) + field(2, any_value(value, depth))


class _Key:
    """Encoded attributes of one key: whole ones by value, and what stands before a text by its length."""

    __slots__ = ("name", "texts", "numbers", "heads", "true", "false")

    def __init__(self, key: str) -> None:
        self.name = key
        self.texts: dict[str, bytes] = {}
        self.numbers: dict[int, bytes] = {}
        self.heads: dict[int, bytes] = {}
        self.true = field(9, key_value(key, True))
        self.false = field(9, key_value(key, False))

    def text(self, value: str) -> bytes:
        """A whole field 9, of a text that was not encoded before."""
        content = utf8(value)
        length = len(content)
        head = self.heads.get(length)
        if head is None:
            head = field(9, key_value(self.name, content.decode()))[: -length or None]
            if length <= _CACHE_TEXT_MAX:
                self.heads[length] = head
        encoded = head + content
        if len(self.texts) < _VALUES_PER_KEY_MAX and length <= _CACHE_TEXT_MAX:
            self.texts[value] = encoded
        return encoded

    def number(self, value: int) -> bytes:
        encoded = field(9, key_value(self.name, value))
        if len(self.numbers) < _VALUES_PER_KEY_MAX:
            self.numbers[value] = encoded
        return encoded


def _key(key: str) -> _Key:
    if len(_keys) >= _KEYS_MAX:
        _keys.clear()
    known = _keys[key] = _Key(key)
    return known


def _attributes(number: int, attributes: Attributes) -> bytes:
    return b"".join(field(number, key_value(key, value)) for key, value in attributes)


def _name(name: str) -> bytes:
    cached = _names.get(name)
    if cached is None:
        cached = field_unless_empty(5, utf8(name))
        if len(_names) >= _CACHE_ENTRIES_MAX:
            _names.clear()
        if len(name) <= TEXT_BYTES_MAX:
            _names[name] = cached
    return cached


def _unix_nano(time: Optional[int]) -> int:
    return min(max(time or 0, 0), UINT64_MAX)


def _event(event: Event) -> bytes:
    time, name, attributes, dropped = event
    return field(
        11,
        b"\x09"
        + _fixed64(_unix_nano(time))
        + field_unless_empty(2, utf8(name))
        + _attributes(3, attributes)
        + uint_unless_zero(4, dropped),
    )


def _link(link: Link) -> bytes:
    trace_id, span_id, trace_state, flags, attributes, dropped = link
    return field(
        13,
        b"\x0a\x10"
        + trace_id.to_bytes(16, "big")
        + b"\x12\x08"
        + span_id.to_bytes(8, "big")
        + field_unless_empty(3, utf8(trace_state))
        + _attributes(4, attributes)
        + uint_unless_zero(5, dropped)
        + b"\x35"
        + _fixed32(flags),
    )


def encode_span(
    prefix: bytes,
    limit_bytes: int,
    trace_id: int,
    span_id: int,
    trace_state: str,
    parent_id: int,
    name: str,
    kind: int,
    start: Optional[int],
    end: Optional[int],
    code: int,
    message: str,
    flags: int,
    attributes: Attributes,
    attributes_dropped: int = 0,
    events: Iterable[Event] = (),
    events_dropped: int = 0,
    links: Iterable[Link] = (),
    links_dropped: int = 0,
) -> bytes:
    """The span in at most ``limit_bytes``, behind ``prefix``. Times are unix nanoseconds."""
    ids = (trace_id << 80 | 0x1208 << 64 | span_id).to_bytes(26, "big")
    parts = [prefix, b"\x0a\x10", ids]
    add = parts.append
    if trace_state:
        add(field(3, utf8(trace_state)))
    if parent_id:
        add(b"\x22\x08" + parent_id.to_bytes(8, "big"))
    add(_names.get(name) or _name(name))
    add(_KINDS[kind])
    try:
        add(_times(0x39, start, 0x41, end))
    except struct.error:
        add(_times(0x39, _unix_nano(start), 0x41, _unix_nano(end)))
    if code or message:
        add(field(15, field_unless_empty(2, utf8(message)) + uint_unless_zero(3, code)))
    add(_flags.get(flags) or b"\x85\x01" + _fixed32(flags))
    for name, value in attributes:
        key, kind = _keys.get(name) or _key(name), type(value)
        if kind is str:
            add(key.texts.get(value) or key.text(value))
        elif kind is int:
            add(key.numbers.get(value) or key.number(value))
        elif kind is bool:
            add(key.true if value else key.false)
        else:
            add(field(9, key_value(name, value)))
    for event in events:
        add(_event(event))
    for link in links:
        add(_link(link))
    if attributes_dropped:
        add(uint_unless_zero(10, attributes_dropped))
    if events_dropped:
        add(uint_unless_zero(12, events_dropped))
    if links_dropped:
        add(uint_unless_zero(14, links_dropped))
    encoded = b"".join(parts)
    if len(encoded) - len(prefix) > limit_bytes - REMARKS_BYTES:
        return prefix + fit_span(encoded[len(prefix) :], limit_bytes)
    return encoded


def fit_span(span: bytes, limit_bytes: int) -> bytes:
    """A new span within the limit: as it is, unless attributes, events or links have to go."""
    cut, is_cut = _cut(span, limit_bytes)
    return cut if is_cut else span


def cut_span(span: bytes, limit_bytes: int) -> bytes:
    """An encoded span in at most ``limit_bytes`` (at least 512), marked as cut."""
    return _cut(span, limit_bytes)[0]


def _cut(span: bytes, limit_bytes: int) -> tuple[bytes, bool]:
    out = bytearray()
    end = limit_bytes - REMARKS_BYTES
    missing = {9: 0, 11: 0, 13: 0}
    is_cut = False
    for number, value, content, whole in fields(span):
        if number in (10, 12, 14):
            missing[number - 1] += value
        elif number == 9 and content == TRUNCATED:
            pass
        elif number in missing and len(out) + len(whole) > end:
            missing[number] += 1
            is_cut = True
        elif number == 3 and len(content) > limit_bytes // 8:
            # Half a trace state would be a wrong one.
            is_cut = True
        elif number == 5:
            kept = cut_utf8(content, limit_bytes // 4)
            is_cut |= len(kept) < len(content)
            out += field(5, kept)
        elif number == 15:
            code, message = 0, b""
            for inner, inner_value, inner_content, _ in fields(content):
                if inner == 2:
                    message = inner_content
                elif inner == 3:
                    code = inner_value
            kept = cut_utf8(message, limit_bytes // 4)
            is_cut |= len(kept) < len(message)
            out += field(15, field_unless_empty(2, kept) + uint_unless_zero(3, code))
        else:
            out += whole
    out += field(9, TRUNCATED)
    for number, count in missing.items():
        out += uint_unless_zero(number + 1, min(count, 0xFFFFFFFF))
    return bytes(out), is_cut


def fields(message: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """(number, value of a varint, content of a bytes field, tag and value as they stand)."""
    at, end = 0, len(message)
    while at < end:
        start = at
        tag, at = _take_varint(message, at)
        value, content, wire = 0, b"", tag & 7
        if wire == 0:
            value, at = _take_varint(message, at)
        elif wire == 1:
            at += 8
        elif wire == 2:
            length, at = _take_varint(message, at)
            content = message[at : at + length]
            at += length
        elif wire == 5:
            at += 4
        else:
            return
        yield tag >> 3, value, content, message[start:at]


def _take_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _bounded(number: int, dropped_number: int, room_bytes: int, attributes: Attributes) -> bytes:
    out, dropped = bytearray(), 0
    for key, value in attributes:
        encoded = field(number, key_value(key, value))
        if len(out) + len(encoded) <= room_bytes:
            out += encoded
        else:
            dropped += 1
    return bytes(out) + uint_unless_zero(dropped_number, dropped)


def encode_scope(
    name: str, version: Optional[str] = None, schema_url: Optional[str] = None, attributes: Attributes = ()
) -> bytes:
    """The fields ``scope`` and ``schema_url`` of ScopeSpans; the spans follow."""
    message = field_unless_empty(1, cut_utf8(utf8(name or ""), TEXT_BYTES_MAX))
    message += field_unless_empty(2, cut_utf8(utf8(version or ""), TEXT_BYTES_MAX))
    # What a schema URL takes at most, and the counts.
    room_bytes = SCOPE_BYTES_MAX - (TEXT_BYTES_MAX + 3) - 16 - len(message)
    message += _bounded(3, 4, room_bytes, attributes)
    return field(1, message) + field_unless_empty(3, cut_utf8(utf8(schema_url or ""), TEXT_BYTES_MAX))


def encode_resource(attributes: Mapping[str, Any], schema_url: Optional[str] = None) -> bytes:
    """The fields ``resource`` and ``schema_url`` of ResourceSpans; the scopes follow."""
    message = _bounded(1, 2, RESOURCE_BYTES_MAX - 1024, sorted(attributes.items()))
    return field(1, message) + field_unless_empty(3, cut_utf8(utf8(schema_url or ""), TEXT_BYTES_MAX))
