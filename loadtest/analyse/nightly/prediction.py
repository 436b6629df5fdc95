"""What is expected of a night, by the nights before it.

A night is one draw from how nights vary: its own blocks don't tell that, as whatever differs between nights is the same
in all of them. So tonight is held against a t prediction interval: the mean of n nights, give or take
t(n - 1) s sqrt(1 + 1/n).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

__all__ = ["Prediction", "p_value", "prediction"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Where a night like those before it is expected, on their scale."""

    mean: float
    low: float
    high: float
    n: int
    """Nights that it rests on."""


def prediction(baseline: Sequence[float], level: float, *, least_spread: float = 0.0) -> Prediction:
    """The interval that holds the next value with probability `level`, if it is one of those in `baseline`, at least 2.

    least_spread: a standard deviation below this counts as this. Figures that are mostly the same, such as shares near
    0, would else make an alarm of the first that isn't.
    """
    mean, error = _mean_and_error(baseline, least_spread)
    n = len(baseline)
    reach = -float(special.stdtrit(n - 1, (1 - level) / 2)) * error
    return Prediction(mean, mean - reach, mean + reach, n)


def p_value(baseline: Sequence[float], value: float, *, least_spread: float = 0.0) -> float:
    """How often a value of the kind of those in `baseline`, at least 2, is as far away as this one; two-sided."""
    mean, error = _mean_and_error(baseline, least_spread)
    if error == 0:
        return 1.0 if value == mean else 0.0
    return 2 * float(special.stdtr(len(baseline) - 1, -abs(value - mean) / error))


def _mean_and_error(baseline: Sequence[float], least_spread: float) -> tuple[float, float]:
    n = len(baseline)
    mean = math.fsum(baseline) / n
    spread = math.sqrt(math.fsum([(value - mean) ** 2 for value in baseline]) / (n - 1))
    return mean, max(spread, least_spread) * math.sqrt(1 + 1 / n)
