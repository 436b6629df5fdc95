"""Statistics with answers that are known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.jobs.calibrate.fit import Apart, apart, fit, least_difference_ms, mad, middle


def test_a_line_is_found_to_the_digit_whatever_two_of_ten_points_say() -> None:
    true = [200.0, 300.0, 500.0, 800.0, 1200.0, 1800.0, 2500.0, 3300.0, 4200.0, 5000.0]
    measured = [146.0 + 1.002 * x for x in true]
    measured[3] += 900.0
    measured[8] -= 2000.0
    line = fit(true, measured)
    assert line is not None
    assert line.slope == pytest.approx(1.002, abs=1e-9)
    assert line.intercept_ms == pytest.approx(146.0, abs=1e-6)
    assert line.jitter_ms == pytest.approx(0.0, abs=1e-6)
    assert line.slope_low <= line.slope <= line.slope_high
    assert line.true_ms(146.0 + 1.002 * 777.0) == pytest.approx(777.0)


def test_the_interval_of_a_slope_holds_it_in_19_of_20() -> None:
    random = np.random.default_rng(1)
    true = np.geomspace(200, 5000, 20)
    lines = [fit(true.tolist(), (1.0 * true + 150 + random.normal(0, 12, 20)).tolist()) for _ in range(200)]
    held = sum(line is not None and line.slope_low <= 1.0 <= line.slope_high for line in lines)
    assert 180 <= held <= 199


def test_no_fit_of_too_little() -> None:
    assert fit([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]) is None
    assert fit([300.0] * 10, [450.0 + i for i in range(10)]) is None


def test_the_mad_is_not_scaled() -> None:
    assert mad([1.0, 2.0, 3.0, 4.0, 100.0]) == 1.0


def test_a_median_has_the_interval_of_its_order_statistics() -> None:
    of_ten = middle([float(i) for i in range(1, 11)])
    assert of_ten is not None
    assert (of_ten.median_ms, of_ten.low_ms, of_ten.high_ms) == (5.5, 2.0, 9.0)
    of_six = middle([3.0, 1.0, 2.0, 6.0, 5.0, 4.0])
    assert of_six is not None
    assert (of_six.low_ms, of_six.high_ms, of_six.largest_ms) == (1.0, 6.0, 2.5)
    of_five = middle([1.0, 2.0, 3.0, 4.0, 5.0])
    assert of_five is not None
    assert of_five.low_ms is None
    assert middle([]) is None


def test_identical_arms_are_compared_block_by_block() -> None:
    same = apart({0: [2.0, 4.0], 1: [-1.0, -1.0], 2: [1.0]})
    assert same is not None
    assert (same.blocks, same.turns) == (3, 5)
    assert same.difference_ms == pytest.approx(1.0)
    assert same.standard_error_ms == pytest.approx(2.0 / 3**0.5)
    assert same.high_ms - same.difference_ms == pytest.approx(4.3027 * 2.0 / 3**0.5, rel=1e-4)
    assert apart({0: [1.0, 2.0]}) is None


def test_what_can_be_told_apart_is_told_apart_as_often_as_promised() -> None:
    """Arms that differ by N, with twelve blocks of five turns: in four of five comparisons or more."""
    random = np.random.default_rng(2)

    def compared(by_ms: float) -> bool:
        same = apart({block: (random.normal(by_ms, 20, 5)).tolist() for block in range(12)})
        assert same is not None
        return same.low_ms > 0 or same.high_ms < 0

    promised, kept = 0, 0
    for _ in range(150):
        same = apart({block: random.normal(0, 20, 5).tolist() for block in range(12)})
        assert same is not None
        least = least_difference_ms(same, 0.0)
        promised += 1
        kept += compared(least)
    assert kept / promised > 0.8


def test_jitter_alone_sets_a_limit_that_lucky_blocks_do_not_undercut() -> None:
    lucky = apart({block: [0.0] * 5 for block in range(12)})
    assert lucky is not None
    # 2.8016 x 1.2533 x 1.4826 x 8 x sqrt(2 / 60)
    assert least_difference_ms(lucky, 8.0) == pytest.approx(7.60, abs=0.01)


def test_n_allows_for_as_much_bias_as_identical_arms_may_have() -> None:
    """df 11: t.975 2.20099, t.80 0.87553."""
    same = Apart(blocks=12, turns=60, difference_ms=2.0, low_ms=-4.0, high_ms=8.0, standard_error_ms=2.7259)
    assert least_difference_ms(same, 0.0) == pytest.approx(8.0 + (2.20099 + 0.87553) * 2.7259, abs=0.001)
