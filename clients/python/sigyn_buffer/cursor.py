"""Where a reader stands: an epoch (one life of the buffer) and the first sequence number not yet seen."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"1\.([0-9a-f]{32})((?:\.[0-9a-f]{1,16})+)", re.ASCII)
_TOKEN_BYTES_MAX = 2048


class CursorError(ValueError):
    """A token that this buffer cannot have given out."""


MALFORMED = (
    "the cursor is not one that a span buffer gives out: pass back the sigyn-cursor header as it came, "
    "or leave it away to begin with the oldest span"
)
AHEAD = "the cursor points past what this buffer has recorded: leave it away to begin with the oldest span"


@dataclass(frozen=True)
class Cursor:
    epoch: str
    positions: tuple[int, ...]

    @staticmethod
    def parse(token: str) -> Cursor:
        match = _TOKEN.fullmatch(token) if len(token) <= _TOKEN_BYTES_MAX else None
        if match is None:
            raise CursorError(MALFORMED)
        return Cursor(match[1], tuple(int(position, 16) for position in match[2][1:].split(".")))

    def __str__(self) -> str:
        return ".".join(["1", self.epoch, *(f"{position:x}" for position in self.positions)])
