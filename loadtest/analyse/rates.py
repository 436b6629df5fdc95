"""Rates of closes per connected minute, and the ratio of two arms' rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from loadtest.analyse.arm_swap import swap_arms
from loadtest.analyse.estimate import LEVEL, MIN_BLOCKS, TAIL, Interval

__all__ = [
    "INDEPENDENT",
    "Rate",
    "RateRatio",
    "estimate_rate",
    "estimate_ratio",
    "exact_ratio_interval",
    "garwood",
    "union_ratio_interval",
]

INDEPENDENT: Final = "independent closes"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Events per connected minute of one arm."""

    events: int
    minutes: float | None
    """Connected websocket time. None: no call of the arm has evidence of its connections."""
    per_minute: float | None
    interval: Interval | None
    upper_bound: float | None
    """With no event: one-sided bound at `LEVEL`, 3.0 / minutes."""
    dispersion: float | None
    """Variance of the events of a block over what independent events would show; 1 when they are independent."""
    top_block_share: float | None
    """Share of the events that fell into the fullest block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRatio:
    """How many times the control's rate the candidate's is."""

    candidate: str
    control: str
    value: float | None
    """None if the control had no event, or exposure is unknown."""
    interval: Interval | None
    no_interval: str | None
    blocks: int
    """Blocks in which both arms were connected."""
    note: str | None
    """What the reader must know before concluding anything."""


def garwood(events: int, minutes: float) -> tuple[float, float]:
    """Exact Poisson interval of a rate at `LEVEL`, per minute; minutes > 0."""
    low = 0.0 if events == 0 else float(stats.chi2.ppf(TAIL, 2 * events)) / 2
    high = float(stats.chi2.ppf(1 - TAIL, 2 * events + 2)) / 2
    return low / minutes, high / minutes


def estimate_rate(events: Floats, minutes: Floats) -> Rate:
    """The rate of one arm from the events and connected minutes (B,) of its blocks."""
    total, exposure = int(events.sum()), float(minutes.sum())
    if exposure <= 0:
        return Rate(
            events=total,
            minutes=None,
            per_minute=None,
            interval=None,
            upper_bound=None,
            dispersion=None,
            top_block_share=None,
        )
    low, high = garwood(total, exposure)
    rate = total / exposure
    connected = minutes > 0
    expected = rate * minutes[connected]
    dispersion = None
    if total > 0 and len(expected) > 1:
        dispersion = float(np.sum((events[connected] - expected) ** 2 / expected) / (len(expected) - 1))
    return Rate(
        events=total,
        minutes=exposure,
        per_minute=rate,
        interval=Interval(low=low, high=high, method="exact Poisson (Garwood)", assumes=INDEPENDENT),
        upper_bound=-math.log(1 - LEVEL) / exposure if total == 0 else None,
        dispersion=dispersion,
        top_block_share=float(events.max()) / total if total else None,
    )


def exact_ratio_interval(x1: int, t1: float, x0: int, t0: float, *, tail: float = TAIL) -> tuple[float, float | None]:
    """Interval of (x1/t1) / (x0/t0), conditional on x1 + x0 >= 1 events; an upper end of None is unbounded."""
    share = stats.binomtest(x1, x1 + x0).proportion_ci(confidence_level=1 - 2 * tail, method="exact")
    low = float(share.low) / (1 - float(share.low)) * t0 / t1
    high = None if x0 == 0 else float(share.high) / (1 - float(share.high)) * t0 / t1
    return low, high


def exact_ratio_tails(x1: int, t1: float, x0: int, t0: float) -> tuple[float, float]:
    """P(at least) and P(at most) as many of all events in the candidate as were seen, if the ratio is 1.

    The interval lies above 1, or below, where the one or the other is at most its `tail`.
    """
    share = t1 / (t1 + t0)
    return float(stats.binom.sf(x1 - 1, x1 + x0, share)), float(stats.binom.cdf(x1, x1 + x0, share))


def union_ratio_interval(
    x1: Floats, t1: Floats, x0: Floats, t0: Floats, *, seed: int, tail: float = TAIL
) -> tuple[Interval, float]:
    """Interval of the ratio and two-sided p-value of no difference, from blocks (B,) in which both arms were connected.

    At least one event. From `MIN_BLOCKS` blocks: the union of the exact conditional interval and the arm-swap
    inversion, which holds in bursts too; below, the exact one, which assumes independent closes.
    """
    sums = int(x1.sum()), float(t1.sum()), int(x0.sum()), float(t0.sum())
    low, high = exact_ratio_interval(*sums, tail=tail)
    above, below = exact_ratio_tails(*sums)
    if len(x1) < MIN_BLOCKS:
        interval = Interval(low=low, high=high, method="exact conditional", assumes=INDEPENDENT)
    else:
        swap = swap_arms(x1, t1, x0, t0, seed=seed, tail=tail)
        high = None if high is None or swap.high is None else max(high, swap.high)
        method = f"union of exact conditional and arm swap over {len(x1)} blocks"
        interval = Interval(low=min(low, swap.low), high=high, method=method)
        above, below = max(above, swap.p_above), max(below, swap.p_below)
    return interval, min(1.0, 2 * min(above, below))


def estimate_ratio(
    candidate: str, control: str, x1: Floats, t1: Floats, x0: Floats, t0: Floats, *, seed: int
) -> RateRatio:
    """Ratio of the rates of two arms from their events and connected minutes (B,) in the same B complete blocks.

    The interval is that of `union_ratio_interval`.
    """
    both = (t1 > 0) & (t0 > 0)
    x1, t1, x0, t0 = x1[both], t1[both], x0[both], t0[both]
    n1, n0, blocks = int(x1.sum()), int(x0.sum()), len(x1)

    def result(interval: Interval | None, why: str | None, note: str | None = None) -> RateRatio:
        value = (n1 / t1.sum()) / (n0 / t0.sum()) if n0 else None
        return RateRatio(
            candidate=candidate,
            control=control,
            value=None if value is None else float(value),
            interval=interval,
            no_interval=why,
            blocks=blocks,
            note=note,
        )

    if not blocks:
        return result(None, "no complete block in which both arms' connections are known")
    if n1 + n0 == 0:
        return result(None, "neither arm had an event in the complete blocks")
    note = None
    if min(n1, n0) == 0:
        eventful = int(np.count_nonzero(x1 + x0))
        note = f"one arm had no event: no superiority from fewer than 6 blocks with events (has {eventful})"
    interval, _ = union_ratio_interval(x1, t1, x0, t0, seed=seed)
    return result(interval, None, note)
