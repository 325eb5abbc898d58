"""Taking bodies apart, as far as the vectors need it."""

from __future__ import annotations

import random
import re
import socket
from typing import Any

from sigyn_buffer.otlp import TRUNCATED, fields


def spans_of(body: bytes) -> list[tuple[int, str, bool]]:
    """(number, scope, whether cut) of each numbered span."""
    found = []
    for resource_spans in _contents(body, 1):
        for scope_spans in _contents(resource_spans, 2):
            scope = b"".join(name for inner in _contents(scope_spans, 1) for name in _contents(inner, 1))
            for span in _contents(scope_spans, 2):
                number = int.from_bytes(_contents(span, 2)[0], "big") - 1
                found.append((number, scope.decode(), TRUNCATED in _contents(span, 9)))
    return found


def _contents(message: bytes, wanted: int) -> list[bytes]:
    return [content for number, _, content, _ in fields(message) if number == wanted]


def stats_of(headers: dict[str, str]) -> dict[str, Any]:
    return {name: float(value) for name, value in re.findall(r"(\w+)=([\w.]+)", headers["sigyn-buffer"])}


def free_ports(count: int) -> int:
    """The first of so many free ports in a row, below those that the system gives to outgoing connections."""
    while True:
        first = random.randrange(10_000, 32_000 - count)
        try:
            for port in range(first, first + count):
                with socket.socket() as listener:
                    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    listener.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
