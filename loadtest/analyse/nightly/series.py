"""A metric of a candidate against the control, night by night."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Final

from loadtest.scenario.compared import COMPARED

__all__ = ["Point", "Series", "least_change"]

LEAST_RATIO: Final = 0.05
LEAST_DIFFERENCE: Final = {"share": 0.01, "per 100 script turns": 1.0, "s": 1.0}
"""By the unit of the metric."""


@dataclass(frozen=True, slots=True)
class Point:
    """One night that counts."""

    night: date
    run_id: str
    fingerprint: str
    """Of all that makes nights comparable; 12 hex digits."""
    value: float
    """Logarithm of the ratio candidate / control; of metrics that are compared by difference, candidate - control."""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one candidate."""

    metric: str
    """Key of `loadtest.scenario.compared.COMPARED`."""
    arm: str
    control: str
    points: tuple[Point, ...]
    """By night; a night that had several runs has several."""


def least_change(metric: str) -> float:
    """What a change has to be at least to matter, on the scale of `Point.value`: 5 % of a ratio, 1 point of a share,
    1 lost turn in 100, 1 s."""
    compared = COMPARED[metric]
    if compared.scale == "ratio":
        return math.log1p(LEAST_RATIO)
    return LEAST_DIFFERENCE[compared.unit]
