"""The rate of closes by the age of the connection."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.analyse.estimate import Interval
from loadtest.analyse.rates import INDEPENDENT, garwood

__all__ = ["AgeRate", "rate_by_age"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeRate:
    """Closes of connections of one age."""

    from_s: float
    to_s: float
    """Included."""
    events: int
    minutes: float
    """Spent at that age by all connections together."""
    per_minute: float | None
    """None if no connection grew so old."""
    interval: Interval | None


def rate_by_age(
    age_s: npt.NDArray[np.float64], closed: npt.NDArray[np.bool_], edges_s: Sequence[float]
) -> tuple[AgeRate, ...]:
    """One row for each of the bins between the ascending `edges_s`, from the ages (n,) at which connections ended.

    closed: whether it ended in what is counted, a 1011; other ends only stop the clock. The intervals are exact
    Poisson ones and take closes as independent.
    """
    rows = []
    for low, high in itertools.pairwise(edges_s):
        minutes = float(np.sum(np.clip(age_s - low, 0, high - low))) / 60
        events = int(np.count_nonzero(closed & (age_s > low) & (age_s <= high)))
        interval = None
        if minutes > 0:
            ends = garwood(events, minutes)
            interval = Interval(low=ends[0], high=ends[1], method="exact Poisson (Garwood)", assumes=INDEPENDENT)
        rows.append(
            AgeRate(
                from_s=low,
                to_s=high,
                events=events,
                minutes=minutes,
                per_minute=events / minutes if minutes > 0 else None,
                interval=interval,
            )
        )
    return tuple(rows)
