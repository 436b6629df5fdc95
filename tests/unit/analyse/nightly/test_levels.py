"""How rare a night must be, by how many series there are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from loadtest.analyse.nightly.levels import ONCE, TWICE, chance_of_two, levels, stated_rate


def test_one_series_has_the_levels_as_stated() -> None:
    assert (levels(14, 1).once, levels(14, 1).twice) == (0.001, 0.01)
    assert stated_rate(14) < 0.0015


@pytest.mark.parametrize("series", [2, 8, 30])
def test_the_chances_of_all_series_add_up_to_those_of_one(series: int) -> None:
    found = levels(14, series)
    assert series * found.once == pytest.approx(ONCE)
    assert series * chance_of_two(14, found.twice) == pytest.approx(chance_of_two(14, TWICE), rel=1e-6)
    assert TWICE / series < found.twice < TWICE / series**0.5  # two nights both have to be so rare


@pytest.mark.parametrize("nights", [8, 14])
def test_the_chance_of_two_nights_is_that_of_draws(nights: int) -> None:
    """A level that is often passed, so that few draws tell; the same integral."""
    draws = np.random.default_rng(3).normal(size=(200_000, nights + 2))
    before = draws[:, :nights]
    error = before.std(axis=1, ddof=1) * (1 + 1 / nights) ** 0.5
    t = (draws[:, nights:] - before.mean(axis=1)[:, None]) / error[:, None]
    bound = -special.stdtrit(nights - 1, 0.05)
    seen = np.mean((t > bound).all(axis=1) | (t < -bound).all(axis=1))
    assert chance_of_two(nights, 0.1) == pytest.approx(seen, rel=0.08)
    assert chance_of_two(nights, 0.1) > 1.2 * 0.1**2 / 2  # both are held against the same nights
