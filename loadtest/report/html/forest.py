"""The forest plot in the decision table: every metric on one axis, harm to the right, in units of its own margin.

A metric's difference, turned so that more is worse, is divided by its margin: 0 is no difference and 1 the margin in
every row. Beyond that the axis is stretched like a logarithm (asinh), so that wide intervals stay in sight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from loadtest.analyse.compare.result import MetricResult
from loadtest.analyse.compare.verdict import harm_of, margin_on_scale

__all__ = ["HEIGHT", "MARGIN_X", "NULL_X", "WIDTH", "Bar", "forest_bar", "position"]

WIDTH: Final = 260
HEIGHT: Final = 30
EDGE: Final = 8
FARTHEST: Final = 60.0
"""Margins from no difference to either edge; what lies beyond has an arrow."""
NO_MARGIN: Final = {"ratio": math.log(1.25), "difference": None}
"""What stands for the margin of a metric that has none, so that it can be drawn at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An interval in pixels of the plot; `low` is the better end."""

    low: float
    high: float
    value: float | None
    low_cut: bool
    """The interval goes on beyond the edge."""
    high_cut: bool
    margin: bool
    """The margin is drawn."""


def position(harm_in_margins: float) -> float:
    """x of a harm in units of the margin; within the plot."""
    half = WIDTH / 2 - EDGE
    at = math.asinh(max(-FARTHEST, min(FARTHEST, harm_in_margins))) / math.asinh(FARTHEST)
    return round(WIDTH / 2 + half * at, 1)


NULL_X: Final = position(0)
MARGIN_X: Final = position(1)


def forest_bar(result: MetricResult) -> Bar | None:
    """The bar of a metric; None without an interval."""
    harm = harm_of(result.effect, lower_is_better=result.lower_is_better)
    if harm is None:
        return None
    unit = margin_on_scale(result.effect, result.margin, lower_is_better=result.lower_is_better)
    if unit <= 0:
        ends = [abs(x) for x in (harm.low, harm.high) if math.isfinite(x) and x]
        unit = NO_MARGIN[result.effect.scale] or max(ends, default=1.0) / 10
    low, high = harm.low / unit, harm.high / unit
    return Bar(
        low=position(low),
        high=position(high),
        value=None if harm.value is None else position(harm.value / unit),
        low_cut=low < -FARTHEST,
        high_cut=high > FARTHEST,
        margin=result.margin is not None,
    )
