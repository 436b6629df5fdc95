"""Differences of shares of turns: lost, answered, talked over.

Two intervals, of which each is wrong where the other holds, are joined: a t interval on the variance of the difference
over blocks, which knows that the turns of a block are alike, and that blocks are alike in both arms, but needs many
events; and Newcombe's hybrid of the arms' Wilson intervals (method 10 of Newcombe 1998, with the correlation of Zou and
Donner 2008), at the numbers of turns that would be as uncertain if they were independent (Korn and Graubard 1998),
which is right with few events and near 0 and 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from loadtest.analyse.compare.effect import Effect, Settings
from loadtest.analyse.compare.experiment import Arm, Turns
from loadtest.analyse.estimate import MIN_BLOCKS, TAIL, Interval

__all__ = ["answered_share", "difference_p_value", "lost_turns", "share_difference", "talked_over_share"]

FEW: Final = 6
"""Fewer blocks with events than this don't tell how alike the turns of a block are."""
LEAST_TAIL: Final = 1e-12

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def lost_turns(candidate: Arm, control: Arm, settings: Settings) -> Effect:
    """The difference of lost turns per 100 script turns."""
    hits = candidate.turns.lost, control.turns.lost
    return _difference(candidate.turns, control.turns, hits, settings, per=100.0)


def answered_share(candidate: Arm, control: Arm, settings: Settings) -> Effect:
    """The difference of the shares of script turns, 0 to 1, that were answered within the limit."""
    hits = candidate.turns.answered, control.turns.answered
    return _difference(candidate.turns, control.turns, hits, settings)


def talked_over_share(candidate: Arm, control: Arm, settings: Settings) -> Effect:
    """The difference of the shares of script turns, 0 to 1, in which the agent talked over the callee."""
    hits = candidate.turns.talked_over, control.turns.talked_over
    return _difference(candidate.turns, control.turns, hits, settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One arm."""

    share: float
    n: float
    """Turns."""
    deviations: Floats
    """(B,): what each block contributes to the error of the share."""
    eventful: int
    """Blocks with events."""
    alike: float
    """How many times the variance is that of independent turns."""

    def wilson(self, alike: float, z: float) -> tuple[float, float]:
        n = self.n / max(1.0, alike)
        middle = (self.share + z * z / (2 * n)) / (1 + z * z / n)
        reach = z / (1 + z * z / n) * math.sqrt(self.share * (1 - self.share) / n + (z / (2 * n)) ** 2)
        return max(0.0, middle - reach), min(1.0, middle + reach)


def share_difference(h1: Floats, n1: Floats, h0: Floats, n0: Floats, *, tail: float = TAIL) -> tuple[float, float]:
    """Interval of sum h1 / sum n1 - sum h0 / sum n0, from the hits and turns of B >= 2 blocks; n > 0."""
    sides = _side(h1, n1), _side(h0, n0)
    return _union(*sides, tail)


def difference_p_value(h1: Floats, n1: Floats, h0: Floats, n0: Floats) -> float:
    """Two-sided: twice the tail at which the interval of `share_difference` ends at 0."""
    sides = _side(h1, n1), _side(h0, n0)

    def excluded(tail: float) -> bool:
        low, high = _union(*sides, tail)
        return low > 0 or high < 0

    inside, outside = math.log(LEAST_TAIL), math.log(0.5)
    if excluded(LEAST_TAIL):
        return 2 * LEAST_TAIL
    while outside - inside > 1e-6:
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if excluded(math.exp(middle)) else (middle, outside)
    return min(1.0, 2 * math.exp(outside))


def _side(hits: Floats, turns: Floats) -> _Side:
    n, n_blocks = float(turns.sum()), len(turns)
    share = float(hits.sum()) / n
    deviations = (hits - share * turns) / n
    variance = n_blocks / (n_blocks - 1) * float(np.sum(deviations**2))
    known = 0 < share < 1
    return _Side(
        share=share,
        n=n,
        deviations=deviations,
        eventful=int(np.count_nonzero(hits if share <= 0.5 else turns - hits)),
        alike=variance * n / (share * (1 - share)) if known else 1.0,
    )


def _union(one: _Side, other: _Side, tail: float) -> tuple[float, float]:
    n_blocks, value = len(one.deviations), one.share - other.share
    t, z = -float(special.stdtrit(n_blocks - 1, tail)), -float(special.ndtri(tail))
    reach = t * math.sqrt(n_blocks / (n_blocks - 1) * float(np.sum((one.deviations - other.deviations) ** 2)))

    def wilson(side: _Side, beside: _Side) -> tuple[float, float]:
        alike = side.alike if side.eventful >= FEW else max(side.alike, beside.alike)
        return side.wilson(alike * (t / -float(special.stdtrit(max(side.n - 1, 1), tail))) ** 2, z)

    (low1, high1), (low0, high0) = wilson(one, other), wilson(other, one)
    spreads = float(np.sum(one.deviations**2)) * float(np.sum(other.deviations**2))
    r = float(np.sum(one.deviations * other.deviations)) / math.sqrt(spreads) if spreads > 0 else 0.0
    down, up = (one.share - low1, high0 - other.share), (high1 - one.share, other.share - low0)
    low, high = (math.sqrt(max(0.0, a * a - 2 * r * a * b + b * b)) for a, b in (down, up))
    return max(-1.0, value - max(low, reach)), min(1.0, value + max(high, reach))


def _difference(
    candidate: Turns, control: Turns, hits: tuple[Bools, Bools], settings: Settings, *, per: float = 1.0
) -> Effect:
    """The difference of the shares of hits, `per` times as large, over the blocks in which both arms have turns."""
    size = 1 + max((int(turns.block.max()) for turns in (candidate, control) if len(turns.block)), default=-1)
    n1, n0 = (np.bincount(turns.block, minlength=size).astype(np.float64) for turns in (candidate, control))
    h1, h0 = (
        np.bincount(turns.block, weights=hit, minlength=size).astype(np.float64)
        for turns, hit in zip((candidate, control), hits, strict=True)
    )
    both = (n1 > 0) & (n0 > 0)
    unpaired = int(np.count_nonzero((n1 > 0) | (n0 > 0))) - int(np.count_nonzero(both))
    h1, n1, h0, n0 = h1[both], n1[both], h0[both], n0[both]
    blocks = len(n1)
    notes = [f"left out {unpaired} blocks in which one arm has no turns"] if unpaired else []

    def effect(interval: Interval | None, why: str | None, p_value: float | None = None) -> Effect:
        share1, share0 = (float(h.sum() / n.sum()) if blocks else None for h, n in ((h1, n1), (h0, n0)))
        return Effect(
            scale="difference",
            candidate=None if share1 is None else per * share1,
            control=None if share0 is None else per * share0,
            value=None if share1 is None or share0 is None else per * (share1 - share0),
            interval=interval,
            why=why,
            p_value=p_value,
            blocks=blocks,
            notes=tuple(notes),
        )

    if not blocks:
        return effect(None, "no block in which both arms have script turns")
    if blocks < MIN_BLOCKS:
        return effect(None, f"needs {MIN_BLOCKS} blocks, has {blocks}")
    rare = float((h1 + h0).sum()) <= float((n1 + n0).sum()) / 2
    events = h1 + h0 if rare else n1 + n0 - h1 - h0
    eventful = int(np.count_nonzero(events))
    notes.append(f"{events.sum():.0f} events in {eventful} of {blocks} blocks")
    low, high = share_difference(h1, n1, h0, n0, tail=settings.tail)
    interval = Interval(
        low=per * low,
        high=per * high,
        method=f"union of t on {blocks - 1} df and Newcombe's at effective turns of {blocks} blocks",
        assumes=None if eventful >= FEW else "independent turns",
    )
    return effect(interval, None, difference_p_value(h1, n1, h0, n0))
