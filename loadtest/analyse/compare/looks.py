"""Looking more than once: Lan-DeMets bounds of the O'Brien-Fleming kind, on the share of the planned blocks.

Lan and DeMets, Biometrika 70 (1983): by the time a share t of the information is in, 2 - 2 Phi(z / sqrt(t)) of the
one-sided alpha has been spent, z being the upper alpha/2 point. The bound of each look comes from the joint
distribution of what the looks see, by integrating it look by look (Armitage, McPherson and Rowe, 1969).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from loadtest.analyse.compare.result import Look

__all__ = ["bounds", "look_blocks", "pick_look", "spent"]

FARTHEST: Final = 9.0
"""In standard errors: beyond, nothing is left to integrate."""
STRICTEST: Final = 5.0
"""No bound is higher: what a look may spend before a fifth of the blocks is in, 3e-7, is no interval's business."""
LEAST_SHARE: Final = 1e-3
ROUGHLY: Final = 0.02
"""A look that is nearer than this share to a declared one is that one."""
POINTS: Final = 400

Floats = npt.NDArray[np.float64]


def spent(share: float, alpha: float) -> float:
    """How much of the one-sided alpha may be spent by the time this share of the blocks is in, 0 < share <= 1."""
    return float(2 * stats.norm.sf(stats.norm.isf(alpha / 2) / math.sqrt(share)))


@lru_cache(maxsize=256)
def bounds(shares: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    """The z that each look at these rising shares (0, 1] must pass, one-sided."""
    found: list[float] = []
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    # Of the score, which is Brownian motion at time `share`: the places reached without having passed a bound, and
    # the probability that stands for each.
    places, masses, before, used = np.zeros(1), np.ones(1), 0.0, 0.0
    for share in shares:
        step, allowed = math.sqrt(share - before), spent(share, alpha) - used
        scale = math.sqrt(share)

        def passing(
            z: float, at: Floats = places, of: Floats = masses, step: float = step, scale: float = scale
        ) -> float:
            return float(of @ stats.norm.sf((z * scale - at) / step))

        bound = STRICTEST
        if passing(STRICTEST) < allowed:
            bound = float(optimize.brentq(lambda z, a=allowed: passing(z) - a, -FARTHEST, STRICTEST, xtol=1e-10))
        found.append(bound)
        used += passing(bound)
        low, high = -FARTHEST * scale, bound * scale
        reached = low + (high - low) * (nodes + 1) / 2
        density = stats.norm.pdf((reached[:, None] - places[None, :]) / step) / step @ masses
        places, masses, before = reached, density * weights * (high - low) / 2, share
    return tuple(found)


def look_blocks(planned: int, looks: int) -> tuple[int, ...]:
    """After how many blocks the declared looks are due, evenly spread over the plan."""
    return tuple(math.ceil(planned * k / looks) for k in range(1, looks + 1))


def pick_look(blocks: int, planned: int, looks: int, alpha: float) -> Look:
    """The look that the blocks which are in allow.

    Whoever looks between two declared looks, or before the first, has what may be spent until then, less what the
    declared looks before it have spent.
    """
    share = min(1.0, blocks / planned) if planned > 0 else 1.0
    due = [at / planned for at in look_blocks(planned, looks)] if planned > 0 else [1.0]
    earlier = [at for at in due if at < share - ROUGHLY]
    z = bounds((*earlier, max(share, LEAST_SHARE)), alpha)[-1]
    number = max(1, sum(at < share + ROUGHLY for at in due))
    return Look(number=number, of=looks, share=share, bound_z=z, tail=float(stats.norm.sf(z)))
