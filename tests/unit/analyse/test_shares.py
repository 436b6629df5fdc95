"""Shares of turns, and amounts per unit."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.analyse.shares import clopper_pearson, estimate_per_unit, estimate_share


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [  # Clopper & Pearson's interval as tabulated in textbooks
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
    ],
)
def test_clopper_pearson_known_values(count: int, n: int, low: float, high: float) -> None:
    assert clopper_pearson(count, n) == pytest.approx((low, high), abs=6e-5)


def test_few_blocks_take_turns_as_independent_and_say_so() -> None:
    share = estimate_share(np.arange(50) < 45, np.arange(50) % 11)
    assert (share.count, share.n, share.value) == (45, 50, 0.9)
    assert share.interval is not None
    assert (share.interval.low, share.interval.high) == pytest.approx(clopper_pearson(45, 50))
    assert share.interval.assumes == "independent turns"


def test_turns_that_fail_together_widen_the_interval() -> None:
    blocks = np.repeat(np.arange(12), 10)
    scattered = np.ones(120, bool)
    scattered[::10] = False  # one in each block
    together = ~(np.arange(120) < 12)  # a whole block and two
    narrow, wide = estimate_share(scattered, blocks).interval, estimate_share(together, blocks).interval
    assert narrow is not None
    assert wide is not None
    assert wide.assumes is None
    assert narrow.high is not None
    assert wide.high is not None
    assert (narrow.low, narrow.high) == pytest.approx(clopper_pearson(108, 120))
    assert wide.low < narrow.low - 0.05
    assert wide.high > narrow.high


def test_all_or_none_still_has_an_interval() -> None:
    none = estimate_share(np.zeros(73, bool), np.arange(73) % 12)
    assert none.value == 0
    assert none.interval is not None
    assert none.interval.low == 0
    assert none.interval.high == pytest.approx(1 - 0.025 ** (1 / 73))
    assert none.interval.assumes == "independent turns"


def test_no_turns_have_no_share() -> None:
    share = estimate_share(np.array([], bool), np.array([], np.int64))
    assert (share.value, share.interval) == (None, None)


def test_clustered_shares_are_covered() -> None:
    draws = np.random.default_rng(11)
    blocks = np.repeat(np.arange(16), 8)
    hits = 0
    for _ in range(300):
        chance = draws.beta(9 * 2, 1 * 2, 16)  # mean .9, blocks differ
        interval = estimate_share(draws.random(128) < chance[blocks], blocks).interval
        assert interval is not None
        assert interval.high is not None
        hits += interval.low <= 0.9 <= interval.high
    assert hits / 300 >= 0.92


def test_per_unit_is_sum_over_sum_and_never_below_zero() -> None:
    amounts, units, blocks = np.array([0.0] * 23 + [60.0]), np.full(24, 0.5), np.arange(24) % 12
    estimate = estimate_per_unit(amounts, units, blocks)
    assert estimate.value == 5.0
    assert estimate.interval is not None
    assert estimate.interval.low == 0.0


def test_per_unit_without_units_or_blocks_says_why() -> None:
    nothing = np.array([])
    assert estimate_per_unit(nothing, nothing, nothing.astype(np.int64)).value is None
    few = estimate_per_unit(np.ones(4), np.ones(4), np.arange(4))
    assert (few.value, few.interval, few.no_interval) == (1.0, None, "needs 12 blocks, has 4")
    silent = estimate_per_unit(np.zeros(12), np.ones(12), np.arange(12))
    assert (silent.value, silent.interval, silent.no_interval) == (0.0, None, "no event seen")
