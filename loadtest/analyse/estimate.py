"""What an interval is, and when there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["LEVEL", "MIN_BLOCKS", "TAIL", "Interval"]

LEVEL: Final = 0.95
"""Confidence level of every two-sided interval, unless it says other."""

TAIL: Final = (1 - LEVEL) / 2
"""Error at each end of such an interval."""

MIN_BLOCKS: Final = 12
"""Fewer blocks than this carry no interval that rests on blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A two-sided interval, in the unit of the estimate it stands beside."""

    low: float
    high: float | None
    """None: unbounded, or beyond the limit up to which the quantity is known."""
    method: str
    """How it was computed."""
    assumes: str | None = None
    """What must hold for it to be believed, where that is more than that blocks are alike."""
