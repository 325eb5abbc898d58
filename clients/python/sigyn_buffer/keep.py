"""Spans that an exemplar points at, kept past their place in the ring until a reader had them.

Recording knows nothing of this: who shows metrics looks the spans of its exemplars up in the ring and puts
copies here, and a read from before the oldest span held finds them.
"""

from __future__ import annotations

import re
import threading
from typing import Iterable

from .ring import ENTRY_OVERHEAD_BYTES, Ring

# Exemplars of one page that are looked up at most.
_TRACES_MAX = 10_000
# Copies take at most this part of the capacity, beside the ring.
_CAPACITY_PER_KEPT = 8
# Behind the scope's number and the head of the field, trace_id is the first thing in a span.
_TRACE_BEGIN, _TRACE_END = 4, 20
# How apps write the label that names a trace.
_LABEL = re.compile(r'(?:^|[, "])(?:trace_id|traceID|TraceID|traceId)"*="([0-9a-fA-F]{1,32})"')


def trace_of(entry: bytes) -> bytes:
    return entry[_TRACE_BEGIN:_TRACE_END]


def trace_id(text: str) -> bytes | None:
    """Of 1 to 32 hexadecimal digits; leading zeros may be missing."""
    if not re.fullmatch("[0-9a-fA-F]{1,32}", text):
        return None
    number = int(text, 16)
    return number.to_bytes(16, "big") if number else None


def exemplar_traces(openmetrics: str) -> set[bytes]:
    """The traces that a page's exemplars name. Not a parser of the format: a text that only looks like an
    exemplar costs one look-up."""
    traces: set[bytes] = set()
    for line in openmetrics.splitlines():
        _, separator, exemplar = line.rpartition(" # {")
        found = _LABEL.search(exemplar) if separator and not line.startswith("#") else None
        named = trace_id(found[1]) if found else None
        if named:
            traces.add(named)
        if len(traces) == _TRACES_MAX:
            break
    return traces


class Keep:
    """The copies, and how far readers have come. Its lock is taken before the ring's, never after."""

    def __init__(self, capacity_bytes: int) -> None:
        self._bytes_max = capacity_bytes // _CAPACITY_PER_KEPT
        self._lock = threading.Lock()
        # What the last page pointed at, and up to where it was looked for.
        self._traces: set[bytes] = set()
        self._looked = 0
        # A reader that came back has everything before.
        self._had = 0
        # By sequence number, the oldest copy first.
        self._spans: dict[int, bytes] = {}
        self._bytes = 0
        self.given_up = 0

    def __len__(self) -> int:
        return len(self._spans)

    def had(self, position: int) -> None:
        """A reader has everything before this position."""
        with self._lock:
            self._had = max(self._had, position)

    def keep(self, ring: Ring, traces: set[bytes]) -> None:
        """Copies what no reader had yet of the spans of these traces. Spans of the traces named last time
        that came since are copied too, for as long as their exemplars are shown."""
        with self._lock:
            new, self._traces = traces - self._traces, traces
            for sequence in [sequence for sequence in self._spans if sequence < self._had]:
                self._bytes -= _bytes(self._spans.pop(sequence))
            begin, entries = ring.held_from(max(self._had, 0 if new else self._looked))
            for sequence, entry in enumerate(entries, begin):
                wanted = new if sequence < self._looked else traces
                if trace_of(entry) in wanted and sequence not in self._spans:
                    self._spans[sequence] = entry
                    self._bytes += _bytes(entry)
            self._looked = begin + len(entries)
            while self._bytes > self._bytes_max:
                self._bytes -= _bytes(self._spans.pop(next(iter(self._spans))))
                self.given_up += 1

    def between(self, begin: int, until: int) -> list[tuple[int, bytes]]:
        """The copies of a range of sequence numbers, oldest first."""
        if begin >= until or not self._spans:
            return []
        with self._lock:
            return sorted((number, span) for number, span in self._spans.items() if begin <= number < until)


def _bytes(entry: bytes) -> int:
    """With its places in the collections, roughly."""
    return len(entry) + 2 * ENTRY_OVERHEAD_BYTES


def of_traces(entries: Iterable[bytes], traces: set[bytes]) -> list[bytes]:
    return [entry for entry in entries if trace_of(entry) in traces]
