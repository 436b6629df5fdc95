"""How many more blocks would decide a metric, about."""

from __future__ import annotations

import math
from typing import Final

from scipy import stats

from loadtest.analyse.compare.looks import bounds, look_blocks
from loadtest.analyse.compare.result import Look
from loadtest.analyse.compare.verdict import Harm

__all__ = ["blocks_needed"]

HOPELESS: Final = 100
"""Times the blocks that are in: nobody runs that many, and the scaling means nothing so far out."""


def blocks_needed(
    harm: Harm | None,
    allowed: float,
    *,
    margin_counts: bool,
    blocks: int,
    least_blocks: int,
    planned: int,
    look: Look,
    alpha: float,
) -> int | None:
    """More blocks after which the interval would lie on one side, if the effect stays what it is; None: can't be told.

    The standard error, taken from the interval's nearer end, shrinks with the root of the blocks; the declared looks
    that are left have their own bounds, and beyond the plan the last one's holds. An effect that stays exactly what it
    is would be shown half of the time.

    margin_counts: the boundary is the margin; else it is no difference.
    """
    if blocks < least_blocks and (harm is None or harm.value is None):
        return least_blocks - blocks
    if harm is None or harm.value is None or blocks < 2:
        return None
    boundary = allowed if margin_counts else 0.0
    distance = abs(boundary - harm.value)
    end = harm.high if harm.value < boundary else harm.low
    reach = abs(end - harm.value)
    if not math.isfinite(reach) or not math.isfinite(distance) or distance <= 0:
        return None
    standard_error = reach / float(stats.t.isf(look.tail, blocks - 1))

    def enough(at: int, z: float) -> bool:
        t = float(stats.t.isf(float(stats.norm.sf(z)), at - 1))
        return distance > t * standard_error * math.sqrt(blocks / at)

    due = look_blocks(planned, look.of) if planned > 0 else (blocks,)
    zs = bounds(tuple(at / due[-1] for at in due), alpha)
    for at, z in zip(due, zs, strict=True):
        if at > blocks and at >= least_blocks and enough(at, z):
            return at - blocks
    first = max(blocks + 1, due[-1], least_blocks)
    at = max(first, math.ceil(blocks * (zs[-1] * standard_error / distance) ** 2))
    while at <= HOPELESS * blocks and not enough(at, zs[-1]):
        at = math.ceil(at * 1.02)
    return at - blocks if at <= HOPELESS * blocks else None
