"""What swapping the arms of blocks tells of the ratio of two sums: a test for every ratio, turned into an interval.

At a ratio r of the rates, a block's amount in the candidate less its expected share of the block's amount is as likely
negative as positive; flipping signs is swapping the arms. No event need be independent of another in its block. The
ratios that this test doesn't reject are the interval. Raising r lowers every block's excess, so whether a flip goes at
least as far as what was seen changes once between no ratio and any: the accepted ratios have no holes.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from loadtest.analyse.estimate import TAIL

__all__ = ["FARTHEST", "ArmSwap", "swap_arms"]

FARTHEST: Final = math.log(1e5)
"""Ratios are searched from 1/100,000 to 100,000; beyond, the interval is unbounded."""

ALL_FLIPS: Final = 12
"""Up to so many blocks every flip is tried."""
LEAST_HITS: Final = 100
"""If a tail holds fewer of the drawn flips than this, flips are drawn where that tail is, and weighted."""
PLAIN_SHARE: Final = 0.1
"""Of those flips, drawn without regard to the tail: no weight is more than 1 / this."""
POINTS: Final = 32
"""Ratios that are tried at a time."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSwap:
    """What the swaps say of one ratio."""

    low: float
    """0: unbounded."""
    high: float | None
    """None: unbounded."""
    p_above: float
    """P(a swap puts the candidate at least as far above the control as was seen) if the ratio is 1; low > 1 goes with
    p_above <= tail."""
    p_below: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blocks:
    """Amounts x and exposures t (n,) of two arms, in blocks in which either amount is above 0."""

    x1: Floats
    t1: Floats
    x0: Floats
    t0: Floats

    def excess(self, log_ratios: Floats) -> Floats:
        """(n, k): what the first arm has beyond its share of each block, at each of (k,) log ratios."""
        share = special.expit(log_ratios[None, :] + np.log(self.t1 / self.t0)[:, None])
        return self.x1[:, None] - (self.x1 + self.x0)[:, None] * share  # type: ignore[no-any-return]

    def mirrored(self) -> _Blocks:
        return _Blocks(x1=self.x0, t1=self.t0, x0=self.x1, t0=self.t1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flips:
    """Sets of blocks whose arms are swapped."""

    swapped: Floats
    """(m, n) of 0 and 1."""
    weights: Floats
    """(m,), summing to about 1."""


def swap_arms(
    x1: Floats, t1: Floats, x0: Floats, t0: Floats, *, seed: int, tail: float = TAIL, draws: int = 9999
) -> ArmSwap:
    """Interval and tests of (sum x1 / sum t1) / (sum x0 / sum t0) from blocks (B,); x >= 0, t > 0.

    All flips are tried up to 12 blocks with events, else `draws` seeded ones; where too few of these would lie in a
    tail, half as many that are tilted towards it. So few blocks with events that 1 / 2^n is above `tail` bound nothing:
    (0, None).
    """
    eventful = x1 + x0 > 0
    blocks = _Blocks(x1=x1[eventful], t1=t1[eventful], x0=x0[eventful], t0=t0[eventful])
    rng = np.random.default_rng(seed)
    n = len(blocks.x1)
    plain = _every(n) if n <= ALL_FLIPS else _drawn(n, draws, rng) if draws * tail >= LEAST_HITS else None

    def side(of: _Blocks) -> tuple[float | None, float]:
        """Lowest accepted log ratio of `of`, and P(at least as far above) at a ratio of 1."""
        low = _lowest(of, plain or _tilted(of, _near_bound(of, tail), draws // 2, rng), tail)
        p = _tail(of, plain or _tilted(of, 0.0, draws // 2, rng), 0.0)
        if low is not None and low > 0:  # two sets of drawn flips may differ by their grain
            return low, min(p, tail)
        return low, max(p, math.nextafter(tail, 1))

    low, p_above = side(blocks)
    high, p_below = side(blocks.mirrored())
    return ArmSwap(
        low=0.0 if low is None else math.exp(low),
        high=None if high is None else math.exp(-high),
        p_above=min(1.0, p_above),
        p_below=min(1.0, p_below),
    )


def _lowest(blocks: _Blocks, flips: _Flips, tail: float) -> float | None:
    """The lowest log ratio that more than `tail` of the flips leave standing, to 1e-6; None: below all that is tried.

    If no ratio is left standing, as when the second arm had no event, the end of the search.
    """
    outside, inside = -FARTHEST, FARTHEST
    if _tail(blocks, flips, outside) > tail:
        return None
    if _tail(blocks, flips, inside) <= tail:
        return inside
    swapped, weights, settled = flips.swapped, flips.weights, 0.0
    while inside - outside > 1e-6:
        points = np.linspace(outside, inside, POINTS + 1)[1:]
        far = _far(swapped, blocks.excess(points))
        at = int(np.argmax(np.append((settled + weights @ far > tail)[:-1], True)))  # the last one is known to stand
        inside = float(points[at])
        waiting = far[:, at]
        if at:
            outside = float(points[at - 1])
            settled += float(weights @ far[:, at - 1])
            waiting = waiting & ~far[:, at - 1]
        swapped, weights = swapped[waiting], weights[waiting]  # only these change between the two points
    return inside


def _tail(blocks: _Blocks, flips: _Flips, log_ratio: float) -> float:
    return float(flips.weights @ _far(flips.swapped, blocks.excess(np.array([log_ratio])))[:, 0])


def _far(swapped: Floats, excess: Floats) -> npt.NDArray[np.bool_]:
    """(m, k): flips (m, n) whose sum of excesses (n, k) is no less than that of none: what they swap sums to <= 0."""
    grain = 5e-10 * np.maximum(1.0, np.abs(excess).sum(axis=0))
    return swapped @ excess <= grain  # type: ignore[no-any-return]


def _every(n: int) -> _Flips:
    swapped = np.array(list(itertools.product((0.0, 1.0), repeat=n))).reshape(2**n, n)
    return _Flips(swapped=swapped, weights=np.full(len(swapped), 1 / len(swapped)))


def _drawn(n: int, draws: int, rng: np.random.Generator) -> _Flips:
    signs = rng.choice((1.0, -1.0), size=(draws, n))
    swapped = np.concatenate([np.zeros((1, n)), signs < 0])  # what was seen is one of the flips
    return _Flips(swapped=swapped, weights=np.full(draws + 1, 1 / (draws + 1)))


def _tilted(blocks: _Blocks, log_ratio: float, draws: int, rng: np.random.Generator) -> _Flips:
    """Flips drawn so that their sums lie round the one seen at a log ratio, weighted back (importance sampling)."""
    excess = blocks.excess(np.array([log_ratio]))[:, 0]
    tilt = _tilt(excess)
    chance = special.expit(-2 * tilt * excess)
    plain = rng.random((draws, 1)) < PLAIN_SHARE
    swapped = (rng.random((draws, len(excess))) < np.where(plain, 0.5, chance)).astype(np.float64)
    log_stay, log_swap = special.log_expit(2 * tilt * excess), special.log_expit(-2 * tilt * excess)
    log_odds = log_stay.sum() + swapped @ (log_swap - log_stay) + len(excess) * math.log(2)  # tilted over plain
    log_mix = np.logaddexp(math.log(PLAIN_SHARE), math.log(1 - PLAIN_SHARE) + log_odds)
    return _Flips(swapped=swapped, weights=np.exp(-log_mix) / draws)


def _tilt(excess: Floats) -> float:
    """How strongly signs must lean towards what was seen for flipped sums to lie round it; 0 if it is no excess."""
    seen, most = float(excess.sum()), 20 / float(np.abs(excess).mean())

    def short(tilt: float) -> float:
        return float(np.sum(excess * np.tanh(tilt * excess))) - seen

    if seen <= 0:
        return 0.0
    return most if short(most) <= 0 else float(optimize.brentq(short, 0.0, most))


def _near_bound(blocks: _Blocks, tail: float) -> float:
    """The log ratio at which the test is about at `tail`; good enough to draw flips there.

    From the signed root of the flipped sum's large deviation, whose cumulant generating function is a sum of log cosh.
    """
    reach = float(stats.norm.isf(tail))

    def beyond(log_ratio: float) -> float:
        excess = blocks.excess(np.array([log_ratio]))[:, 0]
        tilt = _tilt(excess)
        lean = tilt * np.abs(excess)
        log_cosh = lean + np.log1p(np.exp(-2 * lean)) - math.log(2)
        return math.sqrt(max(0.0, 2 * float(tilt * excess.sum() - log_cosh.sum()))) - reach

    if beyond(-FARTHEST) <= 0:
        return -FARTHEST
    return FARTHEST if beyond(FARTHEST) >= 0 else float(optimize.brentq(beyond, -FARTHEST, FARTHEST, xtol=1e-3))
