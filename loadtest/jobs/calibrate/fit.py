"""Statistics of measured against true. Pure; every function says what it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

__all__ = ["Apart", "Fit", "Middle", "apart", "fit", "least_difference_ms", "mad", "middle"]

LEVEL: Final = 0.95
POWER: Final = 0.80
LEAST: Final = 6
"""Values without which there is no interval of a median."""
LEAST_FIT: Final = 5
TO_SD: Final = 1.4826
"""From the MAD to the standard deviation, for a normal distribution."""
OF_MEDIAN: Final = 1.2533
"""Standard error of a median as a multiple of that of a mean, for a normal distribution: sqrt(pi / 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Middle:
    """A median with its distribution-free interval, which needs six values, and how they scatter; ms."""

    n: int
    median_ms: float
    low_ms: float | None
    high_ms: float | None
    mad_ms: float
    largest_ms: float
    """Largest distance from the median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Measured = intercept + slope x true (Theil-Sen), with the slope's interval."""

    n: int
    slope: float
    slope_low: float
    slope_high: float
    intercept_ms: float
    jitter_ms: float
    """MAD of the residuals."""
    shortest_ms: float
    longest_ms: float
    """Range of the true values."""

    def true_ms(self, measured_ms: float) -> float:
        """What must have been true."""
        return (measured_ms - self.intercept_ms) / self.slope


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """By how much two arms differ that are the same: mean of the blocks' differences, with a t interval; ms."""

    blocks: int
    turns: int
    """Of each arm."""
    difference_ms: float
    low_ms: float
    high_ms: float
    standard_error_ms: float


def mad(values: Sequence[float]) -> float:
    """Median absolute deviation from the median, as it is: not scaled to a standard deviation."""
    array = np.asarray(values, dtype=float)
    return float(np.median(np.abs(array - np.median(array))))


def middle(values: Sequence[float]) -> Middle | None:
    """None of nothing. The interval is that of order statistics k and n + 1 - k, by the binomial distribution."""
    if not values:
        return None
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    median = float(np.median(ordered))
    # The largest k with P(fewer than k below the median) <= 2.5 %.
    k = int(stats.binom.ppf((1 - LEVEL) / 2, n, 0.5))
    return Middle(
        n=n,
        median_ms=median,
        low_ms=float(ordered[k - 1]) if n >= LEAST else None,
        high_ms=float(ordered[n - k]) if n >= LEAST else None,
        mad_ms=mad(values),
        largest_ms=float(np.abs(ordered - median).max()),
    )


def fit(true_ms: Sequence[float], measured_ms: Sequence[float]) -> Fit | None:
    """None with fewer than five values, or without a range of true ones."""
    if len(true_ms) < LEAST_FIT or max(true_ms) == min(true_ms):
        return None
    x, y = np.asarray(true_ms, dtype=float), np.asarray(measured_ms, dtype=float)
    slope, intercept, low, high = stats.theilslopes(y, x, alpha=LEVEL, method="joint")
    return Fit(
        n=len(x),
        slope=float(slope),
        slope_low=float(low),
        slope_high=float(high),
        intercept_ms=float(intercept),
        jitter_ms=mad((y - intercept - slope * x).tolist()),
        shortest_ms=float(x.min()),
        longest_ms=float(x.max()),
    )


def apart(by_block: Mapping[int, Sequence[float]]) -> Apart | None:
    """differences: by block, of the turns that are the same in both arms, one less the other, ms. None below 2 blocks.

    Blocks are the units: the turns of a call share what is peculiar to the call.
    """
    means = [float(np.mean(values)) for values in by_block.values() if values]
    if len(means) < 2:
        return None
    error = float(np.std(means, ddof=1)) / math.sqrt(len(means))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, len(means) - 1)) * error
    difference = float(np.mean(means))
    return Apart(
        blocks=len(means),
        turns=sum(len(values) for values in by_block.values()),
        difference_ms=difference,
        low_ms=difference - reach,
        high_ms=difference + reach,
        standard_error_ms=error,
    )


def least_difference_ms(same: Apart, jitter_ms: float) -> float:
    """N: by how much arms of so many turns must differ, to be told apart in four of five comparisons at 95 %.

    The larger of two. B + (t.975 + t.80) s: B is the largest difference that identical arms may have by their
    interval, s its standard error, t on blocks - 1 degrees of freedom. And what the jitter alone makes of the
    medians: (z.975 + z.80) x 1.2533 x 1.4826 MAD x sqrt(2 / n).
    """
    df = same.blocks - 1
    reach = float(stats.t.ppf((1 + LEVEL) / 2, df) + stats.t.ppf(POWER, df))
    of_blocks = max(abs(same.low_ms), abs(same.high_ms)) + reach * same.standard_error_ms
    normal = float(stats.norm.ppf((1 + LEVEL) / 2) + stats.norm.ppf(POWER))
    return max(of_blocks, normal * OF_MEDIAN * TO_SD * jitter_ms * math.sqrt(2 / max(1, same.turns)))
