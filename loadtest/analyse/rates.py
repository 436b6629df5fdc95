"""Rates of closes per connected minute, and the ratio of two arms' rates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from loadtest.analyse.estimate import LEVEL, MIN_BLOCKS, Interval

__all__ = [
    "INDEPENDENT",
    "Rate",
    "RateRatio",
    "arm_swap_interval",
    "estimate_rate",
    "estimate_ratio",
    "exact_ratio_interval",
    "garwood",
]

INDEPENDENT: Final = "independent closes"
TAIL: Final = (1 - LEVEL) / 2
FARTHEST: Final = math.log(1e5)
"""Ratios are searched from 1/100,000 to 100,000; beyond, the interval is unbounded."""

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


def exact_ratio_interval(x1: int, t1: float, x0: int, t0: float) -> tuple[float, float | None]:
    """Interval of (x1/t1) / (x0/t0), conditional on x1 + x0 >= 1 events; an upper end of None is unbounded."""
    share = stats.binomtest(x1, x1 + x0).proportion_ci(confidence_level=LEVEL, method="exact")
    low = float(share.low) / (1 - float(share.low)) * t0 / t1
    high = None if x0 == 0 else float(share.high) / (1 - float(share.high)) * t0 / t1
    return low, high


def arm_swap_interval(
    x1: Floats, t1: Floats, x0: Floats, t0: Floats, *, seed: int, draws: int = 9999
) -> tuple[float, float | None]:
    """Interval of the rate ratio by inverting a sign-flip test over blocks (B,), in which both arms have exposure.

    At a ratio r, a block's candidate events less their expected share of the block's events are as likely negative as
    positive; flipping signs is swapping the arms. All flips are tried up to 12 blocks with events, else `draws` seeded
    ones. Fewer than six blocks with events bound nothing: (0, None).
    """
    eventful = x1 + x0 > 0
    x1, t1, x0, t0 = x1[eventful], t1[eventful], x0[eventful], t0[eventful]
    n = len(x1)
    if n <= 12:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=n))).reshape(-1, n)
    else:
        drawn = np.random.default_rng(seed).choice((1.0, -1.0), size=(draws, n))
        signs = np.concatenate([np.ones((1, n)), drawn])  # what was seen is one of the flips

    def tail(log_ratio: float, side: int) -> float:
        """P(flipped sum at least as far to `side` as the one seen)."""
        odds = math.exp(log_ratio) * t1 / t0
        excess = side * (x1 - (x1 + x0) * odds / (1 + odds))
        return float(np.mean(signs @ excess >= excess.sum() - 1e-9 * max(1.0, float(np.abs(excess).sum()))))

    low = _outermost(lambda r: tail(r, 1) > TAIL, -1)
    high = _outermost(lambda r: tail(r, -1) > TAIL, 1)
    return (0.0 if low is None else math.exp(low)), (None if high is None else math.exp(high))


def estimate_ratio(
    candidate: str, control: str, x1: Floats, t1: Floats, x0: Floats, t0: Floats, *, seed: int
) -> RateRatio:
    """Ratio of the rates of two arms from their events and connected minutes (B,) in the same B complete blocks.

    From `MIN_BLOCKS` blocks: the union of the exact conditional interval and the arm-swap inversion, which holds in
    bursts too; below, the exact one, which assumes independent closes.
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
    low, high = exact_ratio_interval(n1, float(t1.sum()), n0, float(t0.sum()))
    note = None
    if min(n1, n0) == 0:
        eventful = int(np.count_nonzero(x1 + x0))
        note = f"one arm had no event: no superiority from fewer than 6 blocks with events (has {eventful})"
    if blocks < MIN_BLOCKS:
        return result(Interval(low=low, high=high, method="exact conditional", assumes=INDEPENDENT), None, note)
    swap_low, swap_high = arm_swap_interval(x1, t1, x0, t0, seed=seed)
    high = None if high is None or swap_high is None else max(high, swap_high)
    method = f"union of exact conditional and arm swap over {blocks} blocks"
    return result(Interval(low=min(low, swap_low), high=high, method=method), None, note)


def _outermost(accepts: Callable[[float], bool], side: int) -> float | None:
    """The accepted log ratio farthest to `side`, to 1e-6; None if that is the end of the search."""
    grid = side * np.linspace(FARTHEST, -FARTHEST, 1001)  # from the far end inwards
    if accepts(float(grid[0])):
        return None
    outside, inside = float(grid[0]), None
    for point in grid[1:]:
        if accepts(float(point)):
            inside = float(point)
            break
        outside = float(point)
    if inside is None:  # one arm had no event: nothing on this side is accepted, and the exact interval decides
        return outside
    while abs(outside - inside) > 1e-6:
        middle = (outside + inside) / 2
        if accepts(middle):
            inside = middle
        else:
            outside = middle
    return inside
