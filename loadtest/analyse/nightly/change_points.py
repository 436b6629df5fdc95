"""Where a series changed its level: e-divisive (Matteson and James, JASA 109, 2014), by hierarchical bisection.

A stretch of nights is split where the energy distance between the nights before and after is largest,

    Q = n m / (n + m) * 2 * integral of (F - G)^2,

F and G being the distributions of the n and m values on either side, which is the energy statistic with alpha = 1
(Szekely and Rizzo, 2013). The integral is summed over so many places of the distribution, closer together in its tails;
up to `PLACES` + 1 nights it is exact. A split counts if no more than 1 in 1,000 orders of the same nights, drawn at
random, has one as large. Then each part is searched in turn.

One wild night would make its own distance all that is seen: a night further than `WILD` robust standard deviations from
the median of its stretch counts as that far.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from loadtest.analyse.nightly.series import Series, least_change

__all__ = ["ChangePoint", "change_points", "energy"]

P: Final = 0.001
SHUFFLES: Final = 999
"""(0 + 1) / (999 + 1) is `P`: the first order that does as well ends the test, with the same answer as all of them."""
CLEAR: Final = 2.0
"""A split so many times as good as the best of `CLEAR_AFTER` orders is not tried against the others: its p is far below
`P`, as the chance of a statistic falls at least exponentially with it."""
CLEAR_AFTER: Final = 99
WILD: Final = 5.0
TO_SD: Final = 1.4826
"""The standard deviation of normal values over their median distance from the median."""
SHORTEST: Final = 3
"""Nights on either side of a change."""
LEAST_NIGHTS: Final = 14
"""Of fewer, even the best of all splits is found in more than one order in 1,000."""
PLACES: Final = 24
CHUNK: Final = 1 << 20
"""Numbers worked on at once."""
FIRST_ORDERS: Final = 24
"""Of most nights without a change one of so few orders does as well."""
SAME: Final = 1e-4
"""Relative: statistics closer than this are one and the same."""
SEED: Final = 8

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """A change of level."""

    index: int
    """In the series' points: the first of the new level."""
    night: date
    """Of that point."""
    before: float
    """Mean of the nights since the change before, on the scale of `Point.value`."""
    after: float
    """Mean of the nights up to the next change."""
    p: float
    """Of the permutation test, at most."""
    confidence: float
    """1 - p."""


def change_points(series: Series) -> tuple[ChangePoint, ...]:
    """All changes of at least the least change that matters. A changed fingerprint cuts the series: it is no change of
    this kind, and nothing is searched across it."""
    values = np.array([point.value for point in series.points])
    least = least_change(series.metric)
    found = []
    for start, end in _stretches(series):
        splits = _large_enough(values, start, end, sorted(_splits(values, start, end)), least)
        edges = [start, *(at for at, _ in splits), end]
        for i, (at, p) in enumerate(splits, start=1):
            found.append(
                ChangePoint(
                    index=at,
                    night=series.points[at].night,
                    before=float(values[edges[i - 1] : at].mean()),
                    after=float(values[at : edges[i + 1]].mean()),
                    p=p,
                    confidence=1 - p,
                )
            )
    return tuple(found)


def energy(values: Floats) -> Floats:
    """Q of each split of `values` (n,), n >= 2: (n - 1,), entry i for i + 1 values before it."""
    return _statistics(_places(values), np.arange(len(values))[:, None])[:, 0].astype(np.float64)


def _stretches(series: Series) -> Iterator[tuple[int, int]]:
    """From where to where the nights have one fingerprint."""
    start = 0
    for i, point in enumerate(series.points):
        if point.fingerprint != series.points[start].fingerprint:
            yield start, i
            start = i
    if series.points:
        yield start, len(series.points)


def _splits(values: Floats, start: int, end: int) -> Iterator[tuple[int, float]]:
    """Where values[start:end] is split, and the p of each."""
    left = [(start, end)]
    while left:
        low, high = left.pop()
        found = _split(values[low:high])
        if found is not None:
            at, p = found
            yield low + at, p
            left += [(low, low + at), (low + at, high)]


def _split(values: Floats) -> tuple[int, float] | None:
    """The best split of values (n,) and its p, if that is no more than `P`."""
    n = len(values)
    if n < LEAST_NIGHTS or np.ptp(values) == 0:
        return None
    values = _tamed(values)
    places = _places(values)
    allowed = slice(SHORTEST - 1, n - SHORTEST)
    seen = energy(values)[allowed]
    best = float(seen.max())
    largest, done, rows = 0.0, 0, FIRST_ORDERS
    while done < SHUFFLES:
        rows = min(rows, SHUFFLES - done)
        shuffled = _statistics(places, _orders(n, done, rows))[allowed]
        largest = max(largest, float(shuffled.max()))
        if largest >= best * (1 - SAME):
            return None
        done, rows = done + rows, CLEAR_AFTER - rows if done == 0 else max(1, CHUNK // places.size)
        if done >= CLEAR_AFTER and best > CLEAR * largest:
            break
    return SHORTEST + int(seen.argmax()), 1 / (SHUFFLES + 1)


def _tamed(values: Floats) -> Floats:
    """`values` (n,), none further than `WILD` robust standard deviations from the median."""
    middle = float(np.median(values))
    spread = TO_SD * float(np.median(np.abs(values - middle)))
    return values.clip(middle - WILD * spread, middle + WILD * spread) if spread > 0 else values


def _places(values: Floats) -> Singles:
    """(n, k): for each value and place, whether the value lies above the place, less how often that is so; times the
    root of the length that the place stands for."""
    n, ordered = len(values), np.sort(values)
    if n - 1 <= PLACES:
        ranks = np.arange(1, n)
    else:
        tail = np.unique(np.round(np.geomspace(1, n / 2, PLACES // 2)).astype(np.int64))
        ranks = np.unique(np.concatenate([tail, n - tail]))
    edges = np.concatenate([[0], (ranks[:-1] + ranks[1:]) // 2, [n - 1]])
    lengths = np.diff(ordered[edges])
    above = values[:, None] > ordered[ranks - 1][None, :]
    made: Singles = ((above - above.mean(axis=0)) * np.sqrt(lengths)).astype(np.float32)
    return made[:, lengths > 0]


def _statistics(places: Singles, orders: Ints) -> Singles:
    """Q of each split of each order: (n - 1, r) from (n, k) and (n, r)."""
    n = len(places)
    sums = np.take(places, orders, axis=0)
    for i in range(1, n):  # numpy's own cumsum along this axis takes three times as long
        sums[i] += sums[i - 1]
    before = np.arange(1, n, dtype=np.float32)
    squares = np.einsum("nrk,nrk->nr", sums[:-1], sums[:-1])
    found: Singles = squares * (2 * n / (before * (n - before)))[:, None]
    return found


def _orders(n: int, start: int, rows: int) -> Ints:
    """Orders of 0 to n - 1, as columns (n, rows), from the `start`-th: those of the next power of two, without the
    numbers that are too large."""
    more = _all_orders(1 << (n - 1).bit_length())[start : start + rows]
    orders: Ints = more[more < n].reshape(rows, n).T
    return orders


@lru_cache(maxsize=16)
def _all_orders(size: int) -> Ints:
    """`SHUFFLES` orders of 0 to size - 1; (SHUFFLES, size)."""
    draws = np.random.default_rng([SEED, size])
    orders = draws.permuted(np.tile(np.arange(size), (SHUFFLES, 1)), axis=1)
    orders.flags.writeable = False
    return orders


def _large_enough(
    values: Floats, start: int, end: int, splits: list[tuple[int, float]], least: float
) -> list[tuple[int, float]]:
    """Without those that change the level by less than `least`: the smallest goes first, and its parts become one."""
    kept = list(splits)
    while kept:
        edges = [start, *(at for at, _ in kept), end]
        means = [float(values[a:b].mean()) for a, b in pairwise(edges)]
        steps = [abs(after - before) for before, after in pairwise(means)]
        smallest = int(np.argmin(steps))
        if steps[smallest] >= least:
            break
        del kept[smallest]
    return kept
