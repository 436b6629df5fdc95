"""The log-rank test, by block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from loadtest.analyse.compare.experiment import End, FirstCloses
from loadtest.analyse.resample import arm_swaps

__all__ = ["LogRank", "stratified_logrank"]

SWAPS: Final = 9999
SAME: Final = 1e-9

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRank:
    """Whether 1011s come sooner in the candidate than its share of those who wait."""

    observed: int
    """First 1011s of the candidate."""
    expected: float
    """Those it would have had if both arms had the same hazard in each block."""
    z: float | None
    """(observed - expected) / hypergeometric standard error, which takes calls as independent; None: no event tells."""
    p_value: float | None
    """Two-sided, by swapping the arms of whole blocks, which doesn't; None: no event tells."""


def stratified_logrank(candidate: FirstCloses, control: FirstCloses, *, seed: int) -> LogRank:
    """Compare the hazards of the first 1011 within blocks; what else ended a wait censors it."""
    block = np.concatenate([candidate.block, control.block])
    mine = np.arange(len(block)) < len(candidate.block)
    hit = np.concatenate([candidate.end, control.end]) == End.CLOSE_1011
    if not hit.any():
        return LogRank(observed=0, expected=0.0, z=None, p_value=None)
    times, rank = np.unique(np.concatenate([candidate.time_s, control.time_s]), return_inverse=True)
    key = block * len(times) + rank
    moments, events = np.unique(key[hit], return_counts=True)  # of a block, at which some call had its 1011
    ends = (moments // len(times) + 1) * len(times)  # just past the last key of that block

    def waiting(of: Ints) -> Ints:
        ordered = np.sort(of)
        counted: Ints = np.searchsorted(ordered, ends) - np.searchsorted(ordered, moments)
        return counted

    n1, n0 = waiting(key[mine]), waiting(key[~mine])
    n = n1 + n0
    expected = events * n1 / n
    variance = float(np.sum(expected * n0 / n * (n - events) / np.maximum(n - 1, 1)))
    seen = np.bincount(np.searchsorted(moments, key[hit & mine]), minlength=len(moments))
    observed, total = int(seen.sum()), float(expected.sum())
    if variance <= 0:
        return LogRank(observed=observed, expected=total, z=None, p_value=None)
    excess = np.bincount(moments // len(times), weights=seen - expected)
    excess = excess[np.abs(excess) > SAME]
    p_value = 1.0
    if len(excess):
        swapped = np.abs((1 - 2 * arm_swaps(len(excess), SWAPS, seed)) @ excess)
        p_value = float(np.mean(swapped >= swapped[0] - SAME))
    return LogRank(observed=observed, expected=total, z=(observed - total) / math.sqrt(variance), p_value=p_value)
