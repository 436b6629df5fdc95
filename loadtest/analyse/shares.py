"""Shares of turns, with intervals that know that the turns of a block are alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from loadtest.analyse.estimate import LEVEL, MIN_BLOCKS, Interval

__all__ = ["PerUnit", "Share", "clopper_pearson", "estimate_per_unit", "estimate_share"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of turns, 0 to 1."""

    count: int
    n: int
    value: float | None
    """None if n is 0."""
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PerUnit:
    """An amount per unit of something else, such as gap seconds per hour of talk."""

    amount: float
    units: float
    value: float | None
    """None if there are no units."""
    interval: Interval | None
    no_interval: str | None


def clopper_pearson(count: float, n: float) -> tuple[float, float]:
    """Exact binomial interval at `LEVEL`; count and n need not be whole, 0 <= count <= n, n > 0."""
    tail = (1 - LEVEL) / 2
    low = 0.0 if count <= 0 else float(stats.beta.ppf(tail, count, n - count + 1))
    high = 1.0 if count >= n else float(stats.beta.ppf(1 - tail, count + 1, n - count))
    return low, high


def estimate_share(hits: Bools, blocks: Ints) -> Share:
    """The share of `hits` (n,) whose turns sit in the blocks (n,) given.

    With enough blocks, the exact interval at the effective number of turns (Korn and Graubard): n divided by how much
    more the blocks differ than independent turns would. A share of 0 or 1, and few blocks, don't tell how much that
    is; the exact interval then takes every turn as independent, and says so.
    """
    n, count = len(hits), int(np.count_nonzero(hits))
    if n == 0:
        return Share(count=0, n=0, value=None, interval=None)
    share = count / n
    effective, n_blocks = float(n), len(np.unique(blocks))
    known = n_blocks >= MIN_BLOCKS and 0 < count < n
    if known:
        variance = _ratio_variance(*_by_block(blocks, hits.astype(np.float64), np.ones(n)))
        if variance > 0:
            scale = (stats.t.ppf((1 + LEVEL) / 2, n - 1) / stats.t.ppf((1 + LEVEL) / 2, n_blocks - 1)) ** 2
            effective = min(float(n), share * (1 - share) / variance * scale)
    low, high = clopper_pearson(share * effective, effective)
    interval = Interval(
        low=low,
        high=high,
        method=f"exact, {effective:.0f} effective turns of {n_blocks} blocks" if known else "exact (Clopper-Pearson)",
        assumes=None if known else "independent turns",
    )
    return Share(count=count, n=n, value=share, interval=interval)


def estimate_per_unit(amounts: Floats, units: Floats, blocks: Ints) -> PerUnit:
    """Sum of amounts over sum of units, both (n,), all >= 0, one row a call; t interval on the variance by blocks."""
    amount, total = float(amounts.sum()), float(units.sum())
    if total <= 0:
        return PerUnit(amount=amount, units=0.0, value=None, interval=None, no_interval="nothing to divide by")
    value = amount / total
    by_amount, by_units = _by_block(blocks, amounts, units)
    n_blocks = len(by_units)
    if n_blocks < MIN_BLOCKS:
        why = f"needs {MIN_BLOCKS} blocks, has {n_blocks}"
        return PerUnit(amount=amount, units=total, value=value, interval=None, no_interval=why)
    if amount == 0:
        return PerUnit(amount=amount, units=total, value=value, interval=None, no_interval="no event seen")
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n_blocks - 1)) * float(np.sqrt(_ratio_variance(by_amount, by_units)))
    interval = Interval(
        low=max(0.0, value - reach),
        high=value + reach,
        method=f"standard error over {n_blocks} blocks, t on {n_blocks - 1} df",
        assumes="many gaps: too narrow above when few long ones make up the sum",
    )
    return PerUnit(amount=amount, units=total, value=value, interval=interval, no_interval=None)


def _by_block(blocks: Ints, amounts: Floats, units: Floats) -> tuple[Floats, Floats]:
    _, member = np.unique(blocks, return_inverse=True)
    by_amount: Floats = np.bincount(member, weights=amounts).astype(np.float64)
    by_units: Floats = np.bincount(member, weights=units).astype(np.float64)
    return by_amount, by_units


def _ratio_variance(amounts: Floats, units: Floats) -> float:
    """Linearised variance of sum(amounts) / sum(units) over blocks (B,), B >= 2."""
    n_blocks, total = len(units), units.sum()
    residuals = amounts - amounts.sum() / total * units
    return float(n_blocks / (n_blocks - 1) * np.sum(residuals**2) / total**2)
