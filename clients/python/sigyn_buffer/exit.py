"""Ending well: the endpoint stays up until somebody has read the last spans."""

from __future__ import annotations

import atexit
import signal
import sys
import threading
from typing import Any, Optional

from .buffer import DRAIN_TIMEOUT_SECONDS, buffer_of


def drain_on_exit(
    tracer_or_buffer: Any,
    timeout_seconds: float = DRAIN_TIMEOUT_SECONDS,
    push_to: Optional[str] = None,
) -> None:
    """Drains when the interpreter ends. If nobody handles SIGTERM yet, it becomes an ordinary exit; a
    server that handles it (gunicorn, uvicorn) comes to the same end by itself."""
    buffer = buffer_of(tracer_or_buffer)
    atexit.register(buffer.drain, timeout_seconds, push_to)
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
