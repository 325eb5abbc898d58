"""The newest entries, in a fixed number of bytes, each with a sequence number."""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice
from typing import Callable

# What CPython adds to each entry: the header of a bytes object and a place in the deque.
ENTRY_OVERHEAD_BYTES = 48
CAPACITY_BYTES_MIN = 64 << 10
# An entry is counted and the oldest dropped only every so many: one lock for all of them.
_FOLD_ENTRIES = 16


class Ring:
    """Writers never wait. They append to ``incoming``, which is atomic, and move what lies there into
    the ring if its lock is free; whoever holds the lock then is a reader, and readers move it too. So a
    span may end in a signal handler or a finalizer in the middle of anything."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = max(capacity_bytes, CAPACITY_BYTES_MIN)
        self.lock = threading.Lock()
        self.incoming: deque[bytes] = deque()
        self.waiters: list[Callable[[], None]] = []
        self.entries: deque[bytes] = deque()
        self.first = 0
        self.next = 0
        self.held_bytes = 0
        self.written_bytes = 0

    def push(self, entry: bytes) -> None:
        incoming = self.incoming
        incoming.append(entry)
        if len(incoming) >= _FOLD_ENTRIES or self.waiters:
            if self.lock.acquire(False):
                try:
                    self.fold()
                finally:
                    self.lock.release()
            if self.waiters:
                self.wake()

    def fold(self) -> None:
        """Moves what came into the ring; the caller holds the lock."""
        incoming, entries = self.incoming, self.entries
        added = count = 0
        while incoming:
            entry = incoming.popleft()
            entries.append(entry)
            added += len(entry)
            count += 1
        added += count * ENTRY_OVERHEAD_BYTES
        self.next += count
        self.written_bytes += added
        self.held_bytes += added
        while self.held_bytes > self.capacity_bytes:
            self.held_bytes -= len(entries.popleft()) + ENTRY_OVERHEAD_BYTES
            self.first += 1

    def wake(self) -> None:
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            waiter()

    def slice(self, position: int, bytes_max: int) -> tuple[int, list[bytes], int]:
        """(sequence number of the first, entries from ``position`` on, the number after the last held);
        a few more than ``bytes_max`` hold, so that the caller decides what fits."""
        with self.lock:
            self.fold()
            begin = max(position, self.first)
            taken, size = [], 0
            for entry in islice(self.entries, begin - self.first, None):
                taken.append(entry)
                size += len(entry)
                if size > bytes_max:
                    break
            return begin, taken, self.next

    def held_from(self, position: int) -> tuple[int, list[bytes]]:
        """(sequence number of the first, all entries from ``position`` on)."""
        with self.lock:
            self.fold()
            begin = max(position, self.first)
            return begin, list(islice(self.entries, begin - self.first, None))
