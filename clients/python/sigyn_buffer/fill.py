"""How fast the ring fills."""

from __future__ import annotations

import time

WINDOW_MIN_SECONDS = 1.0


class FillRate:
    """Bytes a second between looks; the larger of the last window and the one that is running, because
    a reader that comes too early loses nothing."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._start_bytes = 0
        self._last = None

    def look(self, written_bytes: int) -> float:
        passed = time.monotonic() - self._start
        written = max(written_bytes - self._start_bytes, 0)
        if passed < WINDOW_MIN_SECONDS:
            return max(self._last or 0.0, written / WINDOW_MIN_SECONDS)
        self._start += passed
        self._start_bytes = written_bytes
        self._last = written / passed
        return self._last
