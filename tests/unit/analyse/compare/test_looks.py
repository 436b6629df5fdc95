"""Bounds of looks: known answers, and which look the blocks allow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from loadtest.analyse.compare.looks import bounds, look_blocks, pick_look, spent


def test_four_equal_looks_have_the_published_bounds() -> None:
    assert bounds((0.25, 0.5, 0.75, 1.0), 0.025) == pytest.approx((4.333, 2.963, 2.359, 2.014), abs=5e-4)


def test_a_single_look_spends_all_of_alpha() -> None:
    for alpha in (0.005, 0.025, 0.1):
        assert bounds((1.0,), alpha)[0] == pytest.approx(stats.norm.isf(alpha), abs=1e-8)
        assert spent(1.0, alpha) == pytest.approx(alpha)


@pytest.mark.parametrize("shares", [(0.25, 0.5, 0.75, 1.0), (0.3, 0.42, 1.0), (0.1, 0.9, 1.0)])
def test_all_looks_together_pass_as_often_as_alpha_says(shares: tuple[float, ...]) -> None:
    draws = np.random.default_rng(5)
    steps = np.diff([0.0, *shares])
    paths = np.cumsum(draws.normal(size=(400_000, len(shares))) * np.sqrt(steps), axis=1) / np.sqrt(shares)
    passed = (paths > np.array(bounds(shares, 0.025))).any(axis=1).mean()
    assert passed == pytest.approx(0.025, abs=0.001)


def test_the_blocks_that_are_in_pick_the_look() -> None:
    assert look_blocks(96, 4) == (24, 48, 72, 96)
    half = pick_look(48, 96, 4, 0.025)
    assert (half.number, half.of, half.share) == (2, 4, 0.5)
    assert half.bound_z == pytest.approx(2.963, abs=5e-4)
    assert half.tail == pytest.approx(stats.norm.sf(2.963), rel=2e-3)
    whole = pick_look(96, 96, 1, 0.025)
    assert (whole.number, whole.of) == (1, 1)
    assert whole.tail == pytest.approx(0.025)


def test_looking_before_the_plan_is_complete_costs() -> None:
    early, late = pick_look(30, 96, 1, 0.025), pick_look(95, 96, 1, 0.025)
    assert early.bound_z == pytest.approx(stats.norm.isf(spent(30 / 96, 0.025)))
    assert late.tail == pytest.approx(0.025, abs=0.001)
    between = pick_look(60, 96, 4, 0.025)
    assert between.number == 2
    assert between.bound_z > bounds((0.25, 60 / 96), 0.025)[-1]


@pytest.mark.parametrize(("blocks", "planned"), [(0, 96), (1, 10_000), (0, 0), (7, 0), (200, 96)])
def test_no_number_of_blocks_is_too_odd(blocks: int, planned: int) -> None:
    look = pick_look(blocks, planned, 4, 0.025)
    assert 1 <= look.number <= 4
    assert 0 < look.tail <= 0.025 + 1e-9
    assert look.bound_z <= 5
