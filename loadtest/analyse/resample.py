"""Quantiles of many resamples of whole blocks at once, exactly, without ever writing a resample out.

Each value is drawn with its unit: a block, or one arm's half of a block. A resample is a row of weights, how often each
unit is drawn; resampling blocks and swapping arms within blocks differ only in the weights.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Ordered", "arm_swaps", "block_weights", "drawn_quantiles", "in_order", "rank"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EXACT_BLOCKS: Final = 12
"""Up to as many blocks every swap of arms is tried."""
SPLIT_ABOVE: Final = 1 << 16
"""Longer stretches of values are searched coarsely first."""
COARSE_CELLS: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """Values in ascending order, each with its unit; both arrays (n,), n >= 1."""

    values: Floats
    units: Ints
    """0 to n_units - 1."""
    n_units: int


def in_order(values: Floats, units: Ints, n_units: int) -> Ordered:
    """Sort `values` (n,) once, for any number of resamples."""
    order = np.argsort(values, kind="stable")
    return Ordered(values[order], units[order], n_units)


def rank(q: float, n: int) -> int:
    """Rank, from 1, of the q-quantile among n >= 1 values: numpy's `inverted_cdf`."""
    return max(1, math.ceil(q * n - 1e-9))


@functools.lru_cache(maxsize=2)  # every metric of an arm has the same
def block_weights(n_blocks: int, resamples: int, seed: int) -> Floats:
    """How often each block is drawn in each of the multinomial resamples; (resamples, n_blocks), read-only."""
    drawn = np.random.default_rng(seed).multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=resamples)
    weights: Floats = drawn.astype(np.float64)
    weights.flags.writeable = False
    return weights


def arm_swaps(n_blocks: int, swaps: int, seed: int) -> Floats:
    """In which blocks the arms are swapped, 1 or 0; (k, n_blocks), in the first row nowhere.

    Every swap up to `EXACT_BLOCKS` blocks, else as many seeded ones, beside the first. The last of all blocks is never
    swapped where all are tried: swapping the others gives the same ratios, turned over.
    """
    if n_blocks <= EXACT_BLOCKS:
        every = itertools.product((0.0, 1.0), repeat=n_blocks - 1)
        return np.array([(*swapped, 0.0) for swapped in every])
    drawn = np.random.default_rng(seed).integers(0, 2, size=(swaps, n_blocks)).astype(np.float64)
    return np.concatenate([np.zeros((1, n_blocks)), drawn])


def drawn_quantiles(ordered: Ordered, q: float, weights: Floats) -> Floats:
    """The pooled q-quantile of each resample; (r,) from whole weights (r, n_units), each row drawing a value or more.

    Exact, in memory of the order of r x n_units. Of each unit it is counted how many values lie below the order
    statistics of a grid; weights x counts say between which two the quantile is, and there it is found in the same way.
    """
    sizes = np.bincount(ordered.units, minlength=ordered.n_units)
    ranks = np.ceil(q * (weights @ sizes) - 1e-9)
    picked: Floats = ordered.values[_reach(ordered.units, ordered.n_units, weights, ranks)]
    return picked


def _reach(units: Ints, n_units: int, weights: Floats, ranks: Floats) -> Ints:
    """The first position (r,) in `units` up to which each row of weights has drawn `ranks` (r,) values."""
    n, rows = len(units), np.arange(len(ranks))
    width = math.isqrt(n) if n <= SPLIT_ABOVE else -(-n // COARSE_CELLS)
    n_cells = -(-n // width)
    in_cell = np.bincount(units * n_cells + np.arange(n) // width, minlength=n_units * n_cells)
    below = weights @ np.cumsum(in_cell.reshape(n_units, n_cells), axis=1, dtype=np.float64)
    cell = np.argmax(below >= ranks[:, None], axis=1)
    left = ranks - np.where(cell > 0, below[rows, cell - 1], 0)
    found: Ints = cell * width
    if n > SPLIT_ABOVE:
        for c in np.unique(cell):
            at = np.flatnonzero(cell == c)
            found[at] += _reach(units[c * width : (c + 1) * width], n_units, weights[at], left[at])
        return found
    inside = (found[:, None] + np.arange(width)).clip(max=n - 1)  # the rank is reached before any is there twice
    counts = weights[rows[:, None], units[inside]]
    found += np.argmax(np.cumsum(counts, axis=1) >= left[:, None], axis=1)
    return found
