"""What the nightly job tells: each change once, by whichever rule sees it first."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from loadtest.analyse.nightly.series import Series
from loadtest.analyse.nightly.steps import watch_tonight
from tests.slow.nights import FIRST, made_series

STEP_AT = 40


def nights(step: float, spread: float = 0.03, seed: int = 2) -> Series:
    values = np.random.default_rng(seed).normal(0, spread, 70)
    values[STEP_AT:] += step
    return made_series(values)


def told(series: Series) -> list[tuple[int, str]]:
    """On which nights something is told, and by which rule."""
    found = []
    for i, point in enumerate(series.points):
        tonight = watch_tonight([series], point.night)
        found += [(i, "nights") for _ in tonight.watched.tonight] + [(i, "change point") for _ in tonight.steps]
    return found


def test_a_step_too_small_for_single_nights_is_told_once_when_several_show_it() -> None:
    ((night, rule),) = told(nights(0.075))
    assert rule == "change point"
    assert STEP_AT + 2 <= night <= STEP_AT + 10


def test_a_step_that_an_alarm_told_of_is_not_told_again_by_its_change_point() -> None:
    ((night, rule),) = told(nights(0.5))
    assert (night, rule) == (STEP_AT, "nights")


@pytest.mark.parametrize("seed", range(2, 8))
def test_no_step_is_told_twice_and_none_is_told_of_nights_that_stay_the_same(seed: int) -> None:
    assert len(told(nights(0.095, seed=seed))) == 1
    assert told(nights(0.0, spread=0.02, seed=100 + seed)) == []


def test_a_step_back_is_a_change_as_well() -> None:
    values = np.random.default_rng(3).normal(0, 0.01, 70)
    values[30:50] += 0.2
    assert [night for night, _ in told(made_series(values))] == [30, 50]


def test_a_night_without_a_figure_tells_nothing() -> None:
    series = nights(0.5)
    assert watch_tonight([series], FIRST + timedelta(days=1000)).steps == ()
    assert watch_tonight([]).watched.night is None
