"""Keys of a telephone: when each of `12w#` is pressed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Press", "presses"]

EVERY_S = 0.3
"""From one key to the next."""
PAUSE_S = 0.5
"""What `w` adds, as in LiveKit's SIP service."""
_DIGITS = "0123456789*#ABCD"
"""By their codes (RFC 4733)."""


@dataclass(frozen=True, slots=True)
class Press:
    """One key."""

    at_s: float
    """From the beginning of the line."""
    digit: str
    code: int


def presses(keys: str) -> Iterator[Press]:
    """The keys of a line in order."""
    at_s = 0.0
    for key in keys:
        if key == "w":
            at_s += PAUSE_S
        else:
            yield Press(round(at_s, 3), key, _DIGITS.index(key))
            at_s += EVERY_S
