"""The buffer itself: what apps hold."""

from __future__ import annotations

import asyncio
import enum
import os
import secrets
import threading
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from .body import Body
from .cursor import AHEAD, Cursor
from .fill import FillRate
from .keep import Keep, exemplar_traces, of_traces
from .otlp import SPAN_LIMIT_BYTES_MIN, encode_resource, encode_scope, encode_span
from .pull import Answer, Pull, Refusal, compress
from .ring import Ring

if TYPE_CHECKING:
    from .processor import SpanBufferProcessor

PATH = "/debug/spans"
CAPACITY_BYTES_DEFAULT = 16 << 20
SPAN_BYTES_MAX_DEFAULT = 64 << 10
DRAIN_TIMEOUT_SECONDS = 5.0

_WAITING_MAX = 4
_READING_MAX = 8
# After the first span of a long poll, so that a busy app does not answer for each span alone.
_GATHER_SECONDS = 0.025
# How long an answer that delivered everything waits for the request that says it arrived.
_CONFIRMATION_GRACE_SECONDS = 1.0
_FAREWELL_SECONDS = 0.05
# Programs have a few scopes; what makes one per request must not cost memory.
_SCOPES_MAX = 256


class Drain(enum.Enum):
    """How :meth:`SpanBuffer.drain` ended."""

    CONFIRMED = "confirmed"  # a reader came back with a cursor behind the last span
    DELIVERED = "delivered"  # everything was sent to a reader that did not come back to say so
    UNREAD = "unread"  # time is up
    PUSHED = "pushed"  # what was unread went to the OTLP address


class SpanBuffer:
    """The newest finished spans of this process, in a fixed number of bytes.

    Use one buffer for one tracer provider: what it serves carries one Resource, the one set last. After
    a fork the child's buffer is empty and has a life (epoch) of its own.
    """

    def __init__(
        self,
        capacity_bytes: int = CAPACITY_BYTES_DEFAULT,
        *,
        span_bytes_max: int = SPAN_BYTES_MAX_DEFAULT,
        uid: Optional[str] = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._ring = Ring(capacity_bytes)
        self._capacity_bytes = self._ring.capacity_bytes
        self._span_bytes_max = max(min(span_bytes_max, self._capacity_bytes // 8), SPAN_LIMIT_BYTES_MIN)
        self._uid = uid if uid and uid.isascii() and uid.isprintable() else None
        self._clock = clock
        self._resource = encode_resource({})
        self._resource_given: Any = None
        self._dropped = 0
        # Scopes by their bytes; a span holds the two bytes of its scope's number in front.
        self._scopes: dict[bytes, bytes] = {}
        self._scope_list: list[bytes] = []
        self._scope_cache: dict[Any, bytes] = {}
        self._begin_life()
        _buffers.add(self)

    def _begin_life(self) -> None:
        self.epoch = secrets.token_hex(16)
        self._ring = Ring(self._capacity_bytes)
        self._keep = Keep(self._capacity_bytes)
        self._lock = threading.Lock()
        self._reading = 0
        self._waiting = 0
        self._draining = False
        self._drain_changed = threading.Condition()
        self._confirmed = 0
        self._delivered = 0
        self._fill = FillRate()

    # Writing.

    def processor(self) -> SpanBufferProcessor:
        """For ``TracerProvider.add_span_processor``."""
        from .processor import SpanBufferProcessor

        return SpanBufferProcessor(self)

    def record(self, scope: bytes, span: Mapping[str, Any]) -> None:
        """Records one finished span: ``scope`` as :meth:`scope` gave it, the rest as the keyword arguments
        of :func:`sigyn_buffer.otlp.encode_span`. Never waits and never raises."""
        try:
            self._ring.push(encode_span(scope, self._span_bytes_max, **span))
        except Exception:
            # A span that cannot be encoded is counted, and is no reason for an app to fail.
            self._dropped += 1

    def record_fields(self, scope: bytes, fields: tuple[Any, ...]) -> None:
        """:meth:`record` with the same arguments in their order."""
        try:
            self._ring.push(encode_span(scope, self._span_bytes_max, *fields))
        except Exception:
            self._dropped += 1

    def scope(self, name: str, version: Any = None, schema_url: Any = None, attributes: Any = None) -> bytes:
        """The number of an instrumentation scope, as the two bytes in front of its spans. Beyond 256 scopes
        all the others are one without a name."""
        encoded = encode_scope(name, version, schema_url, (attributes or {}).items())
        number = self._scopes.get(encoded)
        if number is None:
            with self._lock:
                if len(self._scope_list) >= _SCOPES_MAX:
                    encoded = encode_scope("")
                number = self._scopes.get(encoded)
                if number is None:
                    self._scope_list.append(encoded)
                    number = self._scopes[encoded] = (len(self._scope_list) - 1).to_bytes(2, "big")
        return number

    def set_resource(self, attributes: Mapping[str, Any], schema_url: Optional[str] = None) -> None:
        """Sets what every answer says about this process."""
        self._resource = encode_resource(attributes, schema_url)

    def keep_exemplars(self, openmetrics: Union[str, bytes]) -> None:
        """Keeps the spans that the exemplars of an OpenMetrics page point at until a reader had them, also
        those that end while the exemplar is still shown: call it with every page. What is kept takes at
        most an eighth of the capacity, beside the ring. Recording a span costs the same as without."""
        text = openmetrics if isinstance(openmetrics, str) else bytes(openmetrics).decode("utf-8", "replace")
        self._keep.keep(self._ring, exemplar_traces(text))

    # Reading.

    def stats(self) -> dict[str, Any]:
        """The pairs of the header ``sigyn-buffer``."""
        ring = self._ring
        with ring.lock:
            ring.fold()
            rate = self._fill.look(ring.written_bytes)
            return {
                "recorded": ring.next,
                "overwritten": ring.first,
                "dropped": self._dropped,
                "bytes": ring.held_bytes,
                "capacity": ring.capacity_bytes,
                "overwrite_seconds": ring.capacity_bytes / rate if rate > 0 else float("inf"),
            }

    def answer(self, method: str, query: str, accept_encoding: str = "") -> Answer:
        """What ``GET /debug/spans?{query}`` answers; waits on this thread if ``wait`` says so."""
        try:
            pull = Pull.parse(method, query, accept_encoding)
            with self._reader():
                if pull.traces:
                    return self._found(pull)
                if self._must_wait(pull):
                    self._wait(pull)
                return self._answer(pull)
        except Refusal as refusal:
            return refusal.answer()

    async def answer_async(self, method: str, query: str, accept_encoding: str = "") -> Answer:
        """The same on an event loop."""
        try:
            pull = Pull.parse(method, query, accept_encoding)
            with self._reader():
                if pull.traces:
                    return self._found(pull)
                if self._must_wait(pull):
                    await self._wait_async(pull)
                return self._answer(pull)
        except Refusal as refusal:
            return refusal.answer()

    def _reader(self) -> _Place:
        return _Place(self, "_reading", _READING_MAX, "reading now: read later")

    def _waiter(self) -> _Place:
        return _Place(self, "_waiting", _WAITING_MAX, "waiting already: read without wait, or later")

    def _position(self, pull: Pull) -> Optional[int]:
        """Where to go on; ``None`` for a cursor of another life. Refuses one that cannot be right."""
        cursor = pull.cursor
        if cursor is None:
            return 0
        if cursor.epoch != self.epoch:
            return None
        ring = self._ring
        with ring.lock:
            ring.fold()
            if len(cursor.positions) != 1 or cursor.positions[0] > ring.next:
                raise Refusal(400, AHEAD)
        return cursor.positions[0]

    def _must_wait(self, pull: Pull) -> bool:
        position = self._position(pull)
        if position is None:
            return False
        if pull.cursor is not None:
            self._keep.had(position)
            if self._counts(pull):
                self._reached("_confirmed", position)
        is_final = pull.drain and self._draining
        return pull.wait_seconds > 0 and not is_final and self._next() <= position

    def _counts(self, pull: Pull) -> bool:
        """Whether the reader is one to wait for: it says so, or the buffer drains and it has a cursor."""
        return pull.drain or (self._draining and pull.cursor is not None)

    def _next(self) -> int:
        ring = self._ring
        with ring.lock:
            ring.fold()
            return ring.next

    def _wait(self, pull: Pull) -> None:
        event = threading.Event()
        position = pull.cursor.positions[0] if pull.cursor else 0
        with self._waiter():
            self._ring.waiters.append(event.set)
            if self._next() > position or (event.wait(pull.wait_seconds) and not self._draining):
                time.sleep(min(_GATHER_SECONDS, pull.wait_seconds))

    async def _wait_async(self, pull: Pull) -> None:
        event, loop = asyncio.Event(), asyncio.get_running_loop()
        position = pull.cursor.positions[0] if pull.cursor else 0
        with self._waiter():
            self._ring.waiters.append(lambda: _call_soon(loop, event.set))
            if self._next() <= position:
                try:
                    await asyncio.wait_for(event.wait(), pull.wait_seconds)
                except asyncio.TimeoutError:
                    return
            if not self._draining:
                await asyncio.sleep(min(_GATHER_SECONDS, pull.wait_seconds))

    def _answer(self, pull: Pull) -> Answer:
        asked = self._position(pull)
        reached, lost, more, chunks = self._read(asked or 0, pull.max_bytes)
        if pull.cursor is None:
            lost = 0
        if self._counts(pull):
            self._reached("_delivered", reached)
        position = {
            "sigyn-cursor": str(Cursor(self.epoch, (reached,))),
            "sigyn-lost": "unknown" if asked is None else str(lost),
        }
        return self._respond(pull, position, more, chunks)

    def _found(self, pull: Pull) -> Answer:
        """All that is held of some traces, wherever readers stand."""
        body = Body(self._resource, pull.max_bytes)
        begin, held = self._ring.held_from(0)
        kept = [entry for _, entry in self._keep.between(0, begin)]
        wanted = of_traces(kept, pull.traces) + of_traces(held, pull.traces)
        more = not all(self._offer(body, entry) for entry in wanted)
        return self._respond(pull, {"sigyn-filter": "trace_id"}, more, body.chunks())

    def _respond(self, pull: Pull, position: dict[str, str], more: bool, chunks: list[bytes]) -> Answer:
        headers = {
            "content-type": "application/x-protobuf",
            "cache-control": "no-store",
            "vary": "accept-encoding",
            **position,
            "sigyn-more": "1" if more else "0",
            "sigyn-time": str(self._clock()),
            "sigyn-buffer": self._stats_header(),
        }
        if self._uid:
            headers["sigyn-uid"] = self._uid
        coding = pull.coding if chunks else ""
        if coding:
            headers["content-encoding"] = coding
        body = b"" if pull.head else compress(coding, chunks)
        if not (pull.head and coding):
            headers["content-length"] = str(sum(map(len, chunks)) if pull.head else len(body))
        return Answer(200, headers, body)

    def _offer(self, body: Body, entry: bytes) -> bool:
        return body.offer(self._scope_list[entry[0] << 8 | entry[1]], entry[2:])

    def _read(self, position: int, bytes_max: int) -> tuple[int, int, bool, list[bytes]]:
        """(position reached, spans lost before it, whether there is more, pieces of the body)."""
        body, lost = Body(self._resource, bytes_max), 0
        begin, entries, until = self._ring.slice(position, bytes_max)
        for sequence, entry in self._keep.between(position, begin):
            lost += sequence - position
            position = sequence
            if not self._offer(body, entry):
                return position, lost, True, body.chunks()
            position += 1
        lost += max(begin - position, 0)
        reached = begin
        for entry in entries:
            if not self._offer(body, entry):
                break
            reached += 1
        return reached, lost, reached < until, body.chunks()

    def _stats_header(self) -> str:
        stats = self.stats()
        seconds = stats["overwrite_seconds"]
        if seconds != float("inf"):
            stats["overwrite_seconds"] = f"{seconds:.3f}" if seconds < 10 else f"{seconds:.1f}"
        if len(self._keep) or self._keep.given_up:
            stats["kept"], stats["kept_given_up"] = len(self._keep), self._keep.given_up
        if self._draining:
            stats["draining"] = 1
        return ", ".join(f"{name}={value}" for name, value in stats.items())

    # Ending.

    def start_draining(self) -> None:
        """Says that the process is about to end: readers that wait are answered at once. Spans are still
        recorded and served."""
        self._draining = True
        self._ring.wake()

    def drained(self, timeout_seconds: float = DRAIN_TIMEOUT_SECONDS) -> Drain:
        """Waits until a reader has everything."""
        deadline = time.monotonic() + timeout_seconds
        grace = None
        with self._drain_changed:
            while True:
                state, now = self._drain_state(), time.monotonic()
                if state is Drain.DELIVERED and grace is None:
                    grace = now + _CONFIRMATION_GRACE_SECONDS
                if state is not Drain.DELIVERED:
                    grace = None
                left = min(deadline, grace or deadline) - now
                if state is Drain.CONFIRMED or left <= 0:
                    return state
                self._drain_changed.wait(left)

    def drain(self, timeout_seconds: float = DRAIN_TIMEOUT_SECONDS, push_to: Optional[str] = None) -> Drain:
        """:meth:`start_draining` and :meth:`drained`; then, if something is unread and ``push_to`` is an OTLP
        address (``http://collector:4318/v1/traces``), pushes that there."""
        self.start_draining()
        state = self.drained(timeout_seconds)
        if state is Drain.CONFIRMED:
            # The request that confirms is still to be answered.
            time.sleep(_FAREWELL_SECONDS)
        if push_to is None or state is Drain.CONFIRMED:
            return state
        from .push import push

        return Drain.PUSHED if push(self, self._confirmed, push_to) else state

    def _drain_state(self) -> Drain:
        end = self._next()
        if end <= self._confirmed:
            return Drain.CONFIRMED
        return Drain.DELIVERED if end <= self._delivered else Drain.UNREAD

    def _reached(self, what: str, position: int) -> None:
        with self._drain_changed:
            setattr(self, what, max(getattr(self, what), position))
            self._drain_changed.notify_all()

    # The web.

    @property
    def wsgi_app(self) -> Callable[..., Any]:
        """A WSGI application to mount at ``/debug/spans``."""
        from .web import wsgi_app

        return wsgi_app(self)

    @property
    def asgi_app(self) -> Callable[..., Any]:
        """An ASGI application to mount at ``/debug/spans``."""
        from .web import asgi_app

        return asgi_app(self)


def buffer_of(holder: Union[SpanBuffer, Any]) -> SpanBuffer:
    """The buffer itself, or that of a tracer."""
    return holder if isinstance(holder, SpanBuffer) else holder.buffer


class _Place:
    """One of a limited number of places; given back at the end of the block."""

    def __init__(self, buffer: SpanBuffer, kind: str, most: int, text: str) -> None:
        self._buffer, self._kind, self._most, self._text = buffer, kind, most, text

    def __enter__(self) -> None:
        with self._buffer._lock:
            taken = getattr(self._buffer, self._kind)
            if taken >= self._most:
                raise Refusal(429, f"as many readers as this buffer allows are {self._text}")
            setattr(self._buffer, self._kind, taken + 1)

    def __exit__(self, *_: object) -> None:
        with self._buffer._lock:
            setattr(self._buffer, self._kind, getattr(self._buffer, self._kind) - 1)


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        pass  # The loop is closed, and with it the reader.


_buffers: weakref.WeakSet[SpanBuffer] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for buffer in list(_buffers):
        buffer._begin_life()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
