"""How many times as many gap seconds an hour of talk has with the candidate as with the control.

Few long gaps make up most of the sum, and many blocks have none. Two intervals are joined: the arm-swap inversion,
which needs no shape of the gaps but takes a block's gaps as the same gaps made longer or shorter; and a t interval on
the variance of the log ratio over blocks, which is right where the candidate has more or fewer gaps.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from loadtest.analyse.arm_swap import swap_arms
from loadtest.analyse.compare.effect import Effect, Settings
from loadtest.analyse.compare.experiment import Arm
from loadtest.analyse.estimate import MIN_BLOCKS, Interval
from loadtest.analyse.rates import exact_ratio_interval, exact_ratio_tails

__all__ = ["gap_seconds"]

HOUR_S = 3600.0

Floats = npt.NDArray[np.float64]


def gap_seconds(candidate: Arm, control: Arm, settings: Settings) -> Effect:
    """The ratio of gap seconds (excess) per hour of talk, over all calls."""
    t1, t0 = candidate.silences.talk_s, control.silences.talk_s
    both = (t1 > 0) & (t0 > 0)
    left_out = int(np.count_nonzero((t1 > 0) | (t0 > 0))) - int(np.count_nonzero(both))
    x1, x0, t1, t0 = candidate.silences.excess_s[both], control.silences.excess_s[both], t1[both], t0[both]
    blocks, sums = len(t1), {"candidate": float(x1.sum()), "control": float(x0.sum())}
    notes = [f"left out {left_out} blocks in which one arm has no talk"] if left_out else []
    for arm, x in (("candidate", x1), ("control", x0)):
        if sums[arm] > 0:
            notes.append(
                f"{arm}: {sums[arm]:.1f} gap seconds in {np.count_nonzero(x)} of {blocks} blocks, "
                f"{x.max() / sums[arm]:.0%} of them in one"
            )

    def effect(interval: Interval | None, why: str | None, p_value: float | None = None) -> Effect:
        per1, per0 = (
            HOUR_S * x / float(t.sum()) if blocks else None for x, t in zip(sums.values(), (t1, t0), strict=True)
        )
        return Effect(
            scale="ratio",
            candidate=per1,
            control=per0,
            value=per1 / per0 if per1 is not None and per0 else None,
            interval=interval,
            why=why,
            p_value=p_value,
            blocks=blocks,
            notes=tuple(notes),
        )

    if not blocks:
        return effect(None, "no block in which both arms talk")
    zero = [arm for arm, x in sums.items() if x == 0]
    if len(zero) == len(sums):
        return effect(None, f"neither arm had a gap in {float((t1 + t0).sum()) / HOUR_S:.3g} hours of talk")
    if blocks < MIN_BLOCKS:
        return effect(None, f"needs {MIN_BLOCKS} blocks, has {blocks}")
    swap = swap_arms(x1, t1, x0, t0, seed=settings.seed, tail=settings.tail)
    if zero:
        notes.append(f"the {zero[0]} had no gap: the bound is on how many blocks have any, not on their length")
        low, high, above, below = _by_blocks_with_gaps(x1, t1, x0, t0, settings.tail)
    else:
        low, high, above, below = _standard_error(x1, t1, x0, t0, settings.tail)
    interval = Interval(
        low=min(low, swap.low),
        high=None if high is None or swap.high is None else max(high, swap.high),
        method=f"union of arm swap and {'exact conditional on blocks with gaps' if zero else 't'} over {blocks} blocks",
    )
    p_value = min(1.0, 2 * min(max(above, swap.p_above), max(below, swap.p_below)))
    return effect(
        interval, "the control had no gap: the ratio has no upper end" if "control" in zero else None, p_value
    )


def _standard_error(
    x1: Floats, t1: Floats, x0: Floats, t0: Floats, tail: float
) -> tuple[float, float | None, float, float]:
    """Ends of the t interval of the log ratio, linearised, and P(at least), P(at most) as seen at a ratio of 1."""
    n_blocks, value = len(x1), math.log(x1.sum() / t1.sum() * t0.sum() / x0.sum())
    deviations = x1 / x1.sum() - t1 / t1.sum() - x0 / x0.sum() + t0 / t0.sum()
    error = math.sqrt(n_blocks / (n_blocks - 1) * float(np.sum(deviations**2)))
    reach = -float(special.stdtrit(n_blocks - 1, tail)) * error
    t = value / error if error > 0 else math.copysign(math.inf, value) if value else 0.0
    above = float(special.stdtr(n_blocks - 1, -t))
    return math.exp(value - reach), math.exp(value + reach), above, 1 - above


def _by_blocks_with_gaps(
    x1: Floats, t1: Floats, x0: Floats, t0: Floats, tail: float
) -> tuple[float, float | None, float, float]:
    counts = int(np.count_nonzero(x1)), float(t1.sum()), int(np.count_nonzero(x0)), float(t0.sum())
    return *exact_ratio_interval(*counts, tail=tail), *exact_ratio_tails(*counts)
