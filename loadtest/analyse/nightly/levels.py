"""How rare a night must be, so that the alarms of all series of a night together come as rarely as stated.

Two rules, each with its own chance on a stable series: one night of p < .001; two nights running of p < .01 each, in
the same direction. With k series each of these chances is divided by k (Bonferroni). That of the second rule is of two
nights together: it takes p below about .01 / sqrt(k) each, not .01 / k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import optimize, special

__all__ = ["ONCE", "TWICE", "Levels", "chance_of_two", "levels", "stated_rate"]

ONCE: Final = 0.001
TWICE: Final = 0.01
LEAST: Final = 1e-12
WIDEST: Final = 3.5
"""A standard deviation from eight values or more is never so many times the true one."""
_SPREAD: Final = np.polynomial.legendre.leggauss(80)
_MEAN: Final = np.polynomial.hermite.hermgauss(24)
"""Nodes and weights of the integrals over what a standard deviation, and a mean, happen to be."""


@dataclass(frozen=True, slots=True)
class Levels:
    """p below which one series alarms."""

    once: float
    """On one night."""
    twice: float
    """On two nights running, each."""


@lru_cache(maxsize=1024)
def levels(nights: int, series: int) -> Levels:
    """For so many nights in the baseline, so many series that are held against theirs."""
    allowed = chance_of_two(nights, TWICE) / series
    if series == 1:
        return Levels(ONCE, TWICE)
    found = optimize.brentq(
        lambda log: math.log(chance_of_two(nights, math.exp(log)) / allowed), math.log(LEAST), math.log(TWICE)
    )
    return Levels(ONCE / series, math.exp(float(found)))


def chance_of_two(nights: int, level: float) -> float:
    """How often two values that are like those of the baseline both have p < level, on the same side of it.

    Both are held against the same mean and standard deviation, so that this is more than level^2 / 2: a bivariate t,
    here integrated over what the baseline's mean and standard deviation happen to be.
    """
    df = nights - 1
    bound = -float(special.stdtrit(df, level / 2)) * math.sqrt(1 + 1 / nights)
    nodes, weights = _SPREAD
    spread = WIDEST * (nodes + 1) / 2
    log_density = math.log(2) + df / 2 * math.log(df / 2) - float(special.gammaln(df / 2))
    density = np.exp(log_density + (df - 1) * np.log(spread) - df * spread**2 / 2)
    at, mass = _MEAN
    mean = math.sqrt(2 / nights) * at
    beyond = special.ndtr(-(bound * spread[:, None] + mean[None, :])) ** 2 @ (mass / math.sqrt(math.pi))
    return float(2 * np.sum(weights * WIDEST / 2 * density * beyond))


def stated_rate(nights: int) -> float:
    """The share of nights, at most, on which any series alarms while all are stable."""
    return ONCE + chance_of_two(nights, TWICE)
