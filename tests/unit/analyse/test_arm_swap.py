"""The arm-swap inversion, against every flip in plain Python."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from loadtest.analyse.arm_swap import ArmSwap, swap_arms


def swap(x1: list[float], t1: list[float], x0: list[float], t0: list[float], *, tail: float = 0.025) -> ArmSwap:
    arrays = (np.array(values, dtype=np.float64) for values in (x1, t1, x0, t0))
    return swap_arms(*arrays, seed=1, tail=tail)


def swap_bounds_by_enumeration(
    x1: list[float], t1: list[float], x0: list[float], t0: list[float], *, tail: float = 0.025
) -> tuple[float, float]:
    """Every flip, in plain Python, on a fine grid of ratios: the outermost accepted ones."""
    kept = [(a, b, c, d) for a, b, c, d in zip(x1, t1, x0, t0, strict=True) if a + c > 0]
    accepted = []
    for step in range(-1400, 1401):
        ratio = math.exp(step / 200)
        excess = [a - (a + c) * ratio * b / (ratio * b + d) for a, b, c, d in kept]
        flips = [
            sum(s * e for s, e in zip(signs, excess, strict=True))
            for signs in itertools.product((1, -1), repeat=len(kept))
        ]
        above = sum(f >= sum(excess) - 1e-9 for f in flips) / len(flips)
        below = sum(f <= sum(excess) + 1e-9 for f in flips) / len(flips)
        if min(above, below) > tail:
            accepted.append(ratio)
    return min(accepted), max(accepted)


def test_agrees_with_enumeration() -> None:
    x1, t1 = [2.0, 1, 0, 3, 1, 2, 0, 1], [4, 4, 4, 3.5, 4, 4, 4, 4.0]
    x0, t0 = [1.0, 1, 1, 1, 0, 1, 2, 1], [4, 3.8, 4, 4, 4, 4, 4, 4.0]
    found = swap(x1, t1, x0, t0)
    assert (found.low, found.high) == pytest.approx(swap_bounds_by_enumeration(x1, t1, x0, t0), rel=0.006)


def every_tail(x1: np.ndarray, x0: np.ndarray, ratio: float) -> float:
    """P(flipped sum at least as far up) over all flips of blocks with equal exposure."""
    excess = x1 - (x1 + x0) * ratio / (1 + ratio)
    swapped = (np.arange(2 ** len(excess))[:, None] >> np.arange(len(excess))) & 1
    return float(np.mean(swapped @ excess <= 1e-9))


@pytest.mark.parametrize("tail", [0.025, 1e-3, 1e-4])
def test_drawn_flips_agree_with_all_of_them_far_out_too(tail: float) -> None:
    """18 blocks are too many to try all flips, and 1e-4 is too far out for 9,999 plain ones."""
    draws = np.random.default_rng(3)
    x1, x0, minutes = draws.gamma(3.0, 2.0, 18), draws.gamma(1.0, 2.0, 18), np.full(18, 4.0)
    found = swap_arms(x1, minutes, x0, minutes, seed=5, tail=tail)
    assert found.high is not None
    assert every_tail(x1, x0, found.low) == pytest.approx(tail, rel=0.15)
    assert every_tail(x0, x1, 1 / found.high) == pytest.approx(tail, rel=0.15)
    if tail < 1e-3:
        assert found.p_above == pytest.approx(every_tail(x1, x0, 1.0), rel=0.15)
        assert found.p_below > 0.99


def test_needs_six_blocks_with_events() -> None:
    minutes, none = [4.0] * 12, [0.0] * 12
    assert swap([1.0] * 5 + [0.0] * 7, minutes, none, minutes).low == 0
    assert swap([1.0] * 6 + [0.0] * 6, minutes, none, minutes).low > 0
    assert swap([1.0] * 6 + [0.0] * 6, minutes, none, minutes, tail=0.01).low == 0
    assert swap([1.0] * 7 + [0.0] * 5, minutes, none, minutes, tail=0.01).low > 0


def test_the_outermost_accepted_ratio_has_nothing_accepted_beyond() -> None:
    """Bursts and uneven exposure: what is accepted is in one piece, whatever flips were drawn."""
    draws = np.random.default_rng(9)
    x1, x0 = draws.negative_binomial(0.4, 0.1, (2, 15)).astype(float)
    t1, t0 = draws.uniform(1, 9, (2, 15))
    found = swap_arms(x1, t1, x0, t0, seed=2)
    assert found.high is not None
    for ratio, inside in ((found.low * 0.99, False), (found.low * 1.01, True), (found.high * 0.99, True)):
        assert (swap_arms(x1, t1 * ratio, x0, t0, seed=2).p_above > 0.025) == inside
    assert swap_arms(x1, t1 * found.high * 1.01, x0, t0, seed=2).p_below <= 0.025


def test_nothing_seen_bounds_nothing() -> None:
    nothing = swap([0.0] * 20, [4.0] * 20, [0.0] * 20, [4.0] * 20)
    assert nothing == ArmSwap(low=0.0, high=None, p_above=1.0, p_below=1.0)
