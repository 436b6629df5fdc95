"""What is expected of a night."""

from __future__ import annotations

import pytest
from scipy import stats

from loadtest.analyse.nightly.prediction import p_value, prediction

NIGHTS = [0.02, -0.03, 0.01, 0.05, -0.02, 0.0, 0.03, -0.01]


def test_the_interval_is_that_of_one_more_night_not_of_the_mean() -> None:
    found = prediction(NIGHTS, 0.95)
    spread = stats.tstd(NIGHTS)
    reach = stats.t.isf(0.025, 7) * spread * (1 + 1 / 8) ** 0.5
    assert found.n == 8
    assert (found.low, found.mean, found.high) == pytest.approx((0.00625 - reach, 0.00625, 0.00625 + reach))


def test_p_is_below_a_level_just_where_the_interval_of_that_level_ends() -> None:
    for level in (0.95, 0.999):
        found = prediction(NIGHTS, level)
        assert p_value(NIGHTS, found.high + 1e-9) < 1 - level < p_value(NIGHTS, found.high - 1e-9)
        assert p_value(NIGHTS, found.low - 1e-9) < 1 - level < p_value(NIGHTS, found.low + 1e-9)


def test_nights_that_are_all_the_same_say_nothing_of_how_nights_vary() -> None:
    assert p_value([0.0] * 14, 0.0) == 1
    assert p_value([0.0] * 14, 0.3) == 0
    assert p_value([0.0] * 14, 0.3, least_spread=0.25) > 0.2  # one lost turn in 300
    assert p_value([0.0] * 14, 5.0, least_spread=0.25) < 1e-9
    assert prediction([0.0] * 14, 0.99, least_spread=0.25).high == pytest.approx(0.78, abs=0.01)


def test_a_spread_above_the_least_is_left_as_it_is() -> None:
    assert p_value(NIGHTS, 0.1, least_spread=0.001) == p_value(NIGHTS, 0.1)
