"""One request of the pull protocol: what is asked, and the refusals."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import unquote

from .cursor import Cursor, CursorError
from .keep import trace_id

try:
    from compression import zstd as _zstd
except ImportError:
    _zstd = None

MAX_BYTES_DEFAULT = 4 << 20
MAX_BYTES_MAX = 16 << 20
WAIT_SECONDS_MAX = 30.0
# Traces of one question at most.
TRACES_MAX = 64
_QUOTED_CHARS_MAX = 40
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9.]+)(ns|us|µs|ms|s|m|h|d)", re.ASCII)


class Refusal(Exception):
    """A status and the sentence that says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

    def answer(self) -> Answer:
        headers = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
        if self.status == 405:
            headers["allow"] = "GET, HEAD"
        if self.status == 429:
            headers["retry-after"] = "1"
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        return Answer(self.status, headers, f"{self}\n".encode())


@dataclass
class Answer:
    """What goes back over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)


@dataclass
class Pull:
    """A request, read but not yet answered. Unknown parameters are left alone."""

    cursor: Optional[Cursor] = None
    max_bytes: int = MAX_BYTES_DEFAULT
    wait_seconds: float = 0.0
    drain: bool = False
    # All that is held of these instead of what is new.
    traces: set[bytes] = field(default_factory=set)
    head: bool = False
    coding: str = ""

    @staticmethod
    def parse(method: str, query: str, accept_encoding: str = "") -> Pull:
        if method not in ("GET", "HEAD"):
            raise Refusal(405, f"spans are read with GET or HEAD, not with {method[:_QUOTED_CHARS_MAX]}")
        pull = Pull(head=method == "HEAD", coding=choose_coding(accept_encoding))
        named: list[bytes] = []
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            value = unquote(value)
            if name == "cursor" and value:
                try:
                    pull.cursor = Cursor.parse(value)
                except CursorError as error:
                    raise Refusal(400, str(error)) from None
            elif name == "max_bytes":
                if not (value.isascii() and value.isdigit()):
                    quoted = _quote(value)
                    raise Refusal(400, f"max_bytes is a number of bytes such as 4194304, not {quoted}")
                # More digits than this are above the limit, and would take long to read.
                pull.max_bytes = min(int(value[:20]), MAX_BYTES_MAX) if len(value) <= 20 else MAX_BYTES_MAX
            elif name == "wait":
                seconds = duration(value)
                if seconds is None:
                    raise Refusal(400, f"wait is a duration such as 10s or 500ms, not {_quote(value)}")
                pull.wait_seconds = min(seconds, WAIT_SECONDS_MAX)
            elif name == "drain":
                if value not in ("1", "true", "0", "false", ""):
                    raise Refusal(400, f"drain is 1 or 0, not {_quote(value)}")
                pull.drain = value in ("1", "true")
            elif name == "trace_id":
                named += [_trace(text) for text in value.split(",")]
                if len(named) > TRACES_MAX:
                    text = f"{len(named)} traces are more than the {TRACES_MAX} that one read may ask for"
                    raise Refusal(400, text)
                pull.traces = set(named)
        return pull


def _trace(text: str) -> bytes:
    found = trace_id(text)
    if found is None:
        allowed = "1 to 32 hexadecimal digits, or several of these with commas between them"
        raise Refusal(400, f"trace_id is {allowed}, not {_quote(text)}")
    return found


def _quote(value: str) -> str:
    cut = value[:_QUOTED_CHARS_MAX].replace("\\", "\\\\").replace('"', '\\"')
    return f'"{cut}"'


def duration(text: str) -> Optional[float]:
    """Seconds, from ``10s``, ``1m30s``, ``1.5s``, ``500ms``; ``0`` needs no unit."""
    if text == "0":
        return 0.0
    seconds, at = 0.0, 0
    while at < len(text) or not text:
        match = _DURATION.match(text, at)
        # A unit ends where the next number begins.
        if match is None or text[match.end() : match.end() + 1].isalpha():
            return None
        try:
            seconds += float(match[1]) * _UNITS[match[2]]
        except ValueError:
            return None
        at = match.end()
    return seconds


def choose_coding(accept_encoding: str) -> str:
    """zstd where this Python has it (3.14), else gzip, else none; any weight above 0 will do."""
    allowed = set()
    for item in accept_encoding.lower().split(","):
        coding, _, parameters = item.partition(";")
        name, _, weight = parameters.partition("=")
        try:
            refused = name.strip() == "q" and float(weight) <= 0
        except ValueError:
            refused = False
        if not refused:
            allowed.add(coding.strip())
    if "zstd" in allowed and _zstd is not None:
        return "zstd"
    return "gzip" if allowed & {"gzip", "x-gzip"} else ""


def compress(coding: str, chunks: list[bytes]) -> bytes:
    """The fastest level: bytes on the wire are cheap beside a pod's share of a core."""
    if coding == "zstd":
        return _zstd.compress(b"".join(chunks), level=1)
    if coding == "gzip":
        gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
        return b"".join([*map(gzip.compress, chunks), gzip.flush()])
    return b"".join(chunks)
