"""1011 rates and their ratio, against independent, slow computations."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from loadtest.analyse.rates import estimate_rate, estimate_ratio, exact_ratio_interval, garwood, union_ratio_interval


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(
    ("events", "low", "high"),
    [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (3, 0.6187, 8.7673), (10, 4.7954, 18.3904), (100, 81.3640, 121.6272)],
)
def test_garwood_known_values(events: int, low: float, high: float) -> None:
    assert garwood(events, 1.0) == pytest.approx((low, high), abs=5e-4)
    assert garwood(events, 20.0) == pytest.approx((low / 20, high / 20), abs=5e-5)


def test_zero_event_intervals() -> None:
    """No event in T minutes is no rate of zero: two-sided up to 3.69 / T, one-sided up to 3.0 / T."""
    rate = estimate_rate(array(0, 0, 0), array(4, 4, 4))
    assert rate.per_minute == 0
    assert rate.interval is not None
    assert (rate.interval.low, rate.interval.high) == pytest.approx((0, 3.6889 / 12), abs=1e-4)
    assert rate.upper_bound == pytest.approx(2.9957 / 12, abs=1e-4)
    assert (rate.dispersion, rate.top_block_share) == (None, None)


def test_rates_are_labelled_with_what_they_assume() -> None:
    interval = estimate_rate(array(1, 0), array(4, 4)).interval
    assert interval is not None
    assert interval.assumes == "independent closes"


def test_bursts_show_in_dispersion_and_top_block() -> None:
    even, burst = (
        estimate_rate(array(*[1] * 12), array(*[2] * 12)),
        estimate_rate(array(12, *[0] * 11), array(*[2] * 12)),
    )
    assert even.dispersion == 0
    assert burst.dispersion == pytest.approx(12.0)
    assert burst.top_block_share == 1.0


def test_unknown_exposure_gives_no_rate() -> None:
    rate = estimate_rate(array(), array())
    assert (rate.minutes, rate.per_minute, rate.interval) == (None, None, None)


def conditional_bounds_by_bisection(x1: int, t1: float, x0: int, t0: float) -> tuple[float, float]:
    """The exact conditional interval from nothing but binomial sums in fractions."""
    n = x1 + x0

    def upper_tail(p: Fraction) -> Fraction:
        return sum((math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(x1, n + 1)), Fraction(0))

    def lower_tail(p: Fraction) -> Fraction:
        return sum((math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(x1 + 1)), Fraction(0))

    def bisect(below: object) -> float:
        assert callable(below)
        low, high = 0, 1 << 30
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if below(Fraction(middle, 1 << 30)) else (low, middle)
        return low / (1 << 30)

    p_low = bisect(lambda p: upper_tail(p) < Fraction(25, 1000)) if x1 else 0.0
    p_high = bisect(lambda p: lower_tail(p) > Fraction(25, 1000))
    return p_low / (1 - p_low) * t0 / t1, p_high / (1 - p_high) * t0 / t1


@pytest.mark.parametrize(
    ("x1", "t1", "x0", "t0"), [(2, 10.0, 7, 12.0), (9, 5.0, 3, 10.0), (0, 8.0, 4, 8.0), (1, 1.0, 1, 1.0)]
)
def test_exact_ratio_agrees_with_binomial_sums(x1: int, t1: float, x0: int, t0: float) -> None:
    low, high = exact_ratio_interval(x1, t1, x0, t0)
    assert (low, high) == pytest.approx(conditional_bounds_by_bisection(x1, t1, x0, t0), rel=1e-5)


def test_exact_ratio_at_a_smaller_tail_is_wider() -> None:
    low, high = exact_ratio_interval(9, 5.0, 3, 10.0)
    wide_low, wide_high = exact_ratio_interval(9, 5.0, 3, 10.0, tail=0.0025)
    assert high is not None
    assert wide_high is not None
    assert wide_low < low * 0.8
    assert wide_high > high * 1.25


def test_exact_ratio_is_unbounded_when_the_control_had_no_event() -> None:
    low, high = exact_ratio_interval(3, 10.0, 0, 10.0)
    assert low == pytest.approx((0.025 ** (1 / 3)) / (1 - 0.025 ** (1 / 3)))
    assert high is None


def test_ratio_is_the_union_from_twelve_blocks_and_the_exact_one_below() -> None:
    x1, x0 = array(*[3, 0, 0, 0] * 3), array(*[1, 0, 1, 0] * 3)
    minutes = array(*[4.0] * 12)
    union = estimate_ratio("ga", "preview", x1, minutes, x0, minutes, seed=1)
    exact = exact_ratio_interval(9, 48, 6, 48)
    assert union.interval is not None
    assert union.value == pytest.approx(1.5)
    assert union.interval.low <= exact[0]
    assert union.interval.assumes is None
    few = estimate_ratio("ga", "preview", x1[:11], minutes[:11], x0[:11], minutes[:11], seed=1)
    assert few.interval is not None
    assert few.interval.assumes == "independent closes"
    assert (few.interval.low, few.interval.high) == pytest.approx(exact_ratio_interval(9, 44, 6, 44))


def test_a_burst_in_one_arm_is_no_difference_between_arms() -> None:
    minutes = array(*[4.0] * 12)
    storm = estimate_ratio("ga", "preview", array(20, *[0] * 11), minutes, array(*[0] * 11, 1), minutes, seed=1)
    assert exact_ratio_interval(20, 48, 1, 48)[0] > 2  # what independence would claim
    assert storm.interval is not None
    assert storm.interval.low < 1


def test_swapping_the_arms_inverts_the_ratio() -> None:
    draws = np.random.default_rng(4)
    x1, x0 = draws.poisson(2.0, 14).astype(float), draws.poisson(1.0, 14).astype(float)
    t1, t0 = draws.uniform(3, 5, 14), draws.uniform(3, 5, 14)
    one = estimate_ratio("a", "b", x1, t1, x0, t0, seed=1)
    other = estimate_ratio("b", "a", x0, t0, x1, t1, seed=1)
    assert one.value is not None
    assert other.value == pytest.approx(1 / one.value)
    assert one.interval is not None
    assert other.interval is not None
    assert one.interval.high is not None
    assert other.interval.high is not None
    # The flips are drawn by block, so the two searches differ by the grain of 9,999 draws only.
    assert other.interval.low == pytest.approx(1 / one.interval.high, rel=0.03)
    assert other.interval.high == pytest.approx(1 / one.interval.low, rel=0.03)


def test_no_events_in_either_arm_have_no_ratio() -> None:
    minutes = array(4, 4)
    ratio = estimate_ratio("ga", "preview", array(0, 0), minutes, array(0, 0), minutes, seed=1)
    assert (ratio.value, ratio.interval) == (None, None)
    assert ratio.no_interval == "neither arm had an event in the complete blocks"


def test_one_arm_at_zero_claims_no_superiority_from_few_blocks() -> None:
    minutes = array(*[4.0] * 12)
    ratio = estimate_ratio("ga", "preview", array(*[0] * 12), minutes, array(9, *[0] * 11), minutes, seed=1)
    assert ratio.value == 0
    assert ratio.interval is not None
    assert ratio.interval.high is None
    assert ratio.note is not None
    assert "fewer than 6 blocks" in ratio.note


@pytest.mark.parametrize("tail", [0.025, 0.0125, 1e-3])
@pytest.mark.parametrize("blocks", [8, 30])
def test_the_p_value_is_that_of_the_interval(blocks: int, tail: float) -> None:
    apart = set()
    for seed in range(12):
        draws = np.random.default_rng(seed)
        x1, x0 = draws.poisson(1.6, blocks).astype(float), draws.poisson(0.8, blocks).astype(float)
        t1, t0 = draws.uniform(3, 5, blocks), draws.uniform(3, 5, blocks)
        interval, p = union_ratio_interval(x1, t1, x0, t0, seed=1, tail=tail)
        excluded = interval.low > 1 or (interval.high is not None and interval.high < 1)
        assert excluded == (p <= 2 * tail)
        apart.add(excluded)
    assert apart == {True, False}
