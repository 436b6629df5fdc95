"""A row of numbers as a row of bars, for terminals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["sparkline"]

BARS: Final = "▁▂▃▄▅▆▇█"
NOTHING: Final = " "


def sparkline(values: Sequence[float | None]) -> str:
    """One character for each value, the lowest bar for the least and the highest for the greatest; blank for None.

    Values that are all alike are bars of middle height.
    """
    there = [value for value in values if value is not None]
    if not there:
        return NOTHING * len(values)
    low, span = min(there), max(there) - min(there)

    def bar(value: float | None) -> str:
        if value is None:
            return NOTHING
        return BARS[min(int(len(BARS) * (value - low) / span), len(BARS) - 1)] if span > 0 else BARS[len(BARS) // 2 - 1]

    return "".join(bar(value) for value in values)
