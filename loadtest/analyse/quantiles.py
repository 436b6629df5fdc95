"""Quantiles of latencies, and their intervals by resampling blocks.

A quantile is an order statistic: the q-quantile of n values is the ceil(n q)-th smallest (numpy's `inverted_cdf`). All
values are pooled first; quantiles are never averaged over calls or blocks. A latency that reached the limit (no reply
came) is known only to be beyond it, and so is a quantile that falls there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from loadtest.analyse.estimate import LEVEL, MIN_BLOCKS, Interval
from loadtest.analyse.resample import block_weights, drawn_quantiles, in_order, rank

__all__ = ["Quantile", "estimate_quantile", "needed", "order_statistic", "resampled_quantiles"]

RESAMPLES: Final = 2000
AT_LIMIT_SHARE: Final = (1 - LEVEL) / 2
"""If a larger share of resamples reaches the limit, the quantile is not known to be below it."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """One quantile of one arm's latencies."""

    q: float
    n: int
    """Values pooled, those at the limit included."""
    needed: int
    """Values without which this quantile is refused."""
    value_ms: float | None
    """None: refused (n < needed), or beyond the limit."""
    beyond_limit_ms: float | None
    """The limit, if the quantile is not known to be below it."""
    interval: Interval | None
    """An upper end of None is beyond the limit."""
    no_interval: str | None
    """Why there is no interval."""


def needed(q: float) -> int:
    """Least number of values from which the q-quantile is given: more than 3.84 q / (1 - q)."""
    return math.floor(3.84 * q / (1 - q) + 1e-9) + 1


def order_statistic(values: Floats, q: float) -> float:
    """The ceil(n q)-th smallest of n >= 1 values."""
    return float(np.sort(values)[rank(q, len(values)) - 1])


def estimate_quantile(
    values_ms: Floats, blocks: Ints, q: float, *, limit_ms: float | None, seed: int, resamples: int = RESAMPLES
) -> Quantile:
    """The q-quantile of positive latencies (n,) in the blocks (n,) given, with its interval.

    Values at or beyond `limit_ms` count as the limit: nothing is dropped. The interval comes from resampling blocks:
    exp(log value +- t on B-1 degrees of freedom x standard error of the log), or the percentile interval if any
    resample touches the limit, where the standard error means nothing.
    """
    n, least = len(values_ms), needed(q)
    values = values_ms if limit_ms is None else np.minimum(values_ms, limit_ms)

    def result(value: float | None, *, beyond: bool, interval: Interval | None, why: str | None) -> Quantile:
        return Quantile(
            q=q,
            n=n,
            needed=least,
            value_ms=None if beyond else value,
            beyond_limit_ms=limit_ms if beyond else None,
            interval=interval,
            no_interval=why,
        )

    if n < least:
        return result(None, beyond=False, interval=None, why=f"needs {least} values, has {n}")
    if not np.all(values > 0):
        raise ValueError("latencies must be positive")
    value = order_statistic(values, q)
    at_limit = limit_ms is not None and value >= limit_ms
    n_blocks = len(np.unique(blocks))
    if n_blocks < MIN_BLOCKS:
        return result(value, beyond=at_limit, interval=None, why=f"needs {MIN_BLOCKS} blocks, has {n_blocks}")

    drawn = resampled_quantiles(values, blocks, q, seed=seed, resamples=resamples)
    touching = 0.0 if limit_ms is None else float(np.mean(drawn >= limit_ms))
    if touching > 0:
        low, high = (order_statistic(drawn, p) for p in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        method = f"percentiles of {resamples} resamples of {n_blocks} blocks"
    else:
        reach = stats.t.ppf((1 + LEVEL) / 2, n_blocks - 1) * np.std(np.log(drawn), ddof=1)
        low, high = value * math.exp(-reach), value * math.exp(reach)
        method = f"standard error from {resamples} resamples of {n_blocks} blocks, t on {n_blocks - 1} df"
    unknown_above = limit_ms is not None and high >= limit_ms
    interval = Interval(low=float(low), high=None if unknown_above else float(high), method=method)
    return result(value, beyond=at_limit or touching > AT_LIMIT_SHARE, interval=interval, why=None)


def resampled_quantiles(values: Floats, blocks: Ints, q: float, *, seed: int, resamples: int) -> Floats:
    """The pooled q-quantile of each of (resamples,) multinomial resamples of whole blocks."""
    found, member = np.unique(blocks, return_inverse=True)
    weights = block_weights(len(found), resamples, seed)
    return drawn_quantiles(in_order(values, member, len(found)), q, weights)
