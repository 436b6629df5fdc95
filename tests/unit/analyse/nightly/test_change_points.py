"""Where a series changed its level."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.analyse.nightly.change_points import change_points, energy
from tests.unit.analyse.nightly.test_alarms import night, series

STEP = np.log(1.1)


def stepped(*at: int, nights: int = 60, spread: float = 0.03, seed: int = 1) -> np.ndarray:
    """Nights with a step of +10 % at each of these."""
    values = np.random.default_rng(seed).normal(0, spread, nights)
    for i in at:
        values[i:] += STEP
    return values


def plain_energy(before: np.ndarray, after: np.ndarray) -> float:
    """Szekely and Rizzo's statistic, from all distances."""

    def apart(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.abs(one[:, None] - other[None, :]).mean())

    n, m = len(before), len(after)
    return n * m / (n + m) * (2 * apart(before, after) - apart(before, before) - apart(after, after))


@pytest.mark.parametrize(("n", "within"), [(25, 1e-4), (60, 0.05), (400, 0.05)])
def test_the_statistic_is_the_energy_distance(n: int, within: float) -> None:
    values = stepped(n // 3, nights=n)
    expected = [plain_energy(values[:i], values[i:]) for i in range(1, n)]
    assert energy(values) == pytest.approx(expected, rel=within, abs=within * max(expected))


def test_a_step_is_found_where_it_is() -> None:
    (found,) = change_points(series(stepped(40)))
    assert abs(found.index - 40) <= 1
    assert found.night == night(found.index)
    assert found.after - found.before == pytest.approx(STEP, abs=0.03)
    assert (found.p, found.confidence) == (0.001, 0.999)


def test_several_are_found_each_with_the_level_between() -> None:
    found = change_points(series(stepped(30, 60, 90, nights=120)))
    assert [round(change.index, -1) for change in found] == [30, 60, 90]
    assert [change.before for change in found][1:] == [change.after for change in found][:-1]


def test_one_night_is_no_change_of_level_and_three_can_be() -> None:
    values = stepped(spread=0.01)
    values[30] += 1.0
    assert change_points(series(values)) == ()
    values[57:] += 0.2
    assert [change.index for change in change_points(series(values))] == [57]


def test_a_change_that_is_too_small_to_matter_is_none() -> None:
    small = np.where(np.arange(60) < 30, 0.0, 0.04) + stepped(spread=0.002)
    assert change_points(series(small)) == ()
    assert len(change_points(series(2 * small))) == 1
    assert change_points(series(small, metric="lost_turns")) == ()
    assert len(change_points(series(50 * small, metric="lost_turns"))) == 1


def test_a_changed_fingerprint_cuts_the_series_and_is_no_change_point() -> None:
    values = stepped(30)
    assert change_points(series(values, prints=["old"] * 30)) == ()
    later = np.concatenate([values, stepped(20, nights=40, seed=2) + 1])
    found = change_points(series(later, prints=["old"] * 60))
    assert [round(change.index, -1) for change in found] == [30, 80]
    assert found[1].before > 0.9  # the level of its own stretch


def test_the_same_nights_give_the_same_answer() -> None:
    values = stepped(20, 40)
    assert change_points(series(values)) == change_points(series(values))


@pytest.mark.parametrize("values", [[], [0.1], [0.0] * 40, [1.0] * 20 + [2.0] * 20, list(range(13))])
def test_whatever_there_is_is_taken(values: list[float]) -> None:
    found = change_points(series(values))
    assert [change.index for change in found] == ([20] if len(values) == 40 and values[-1] == 2 else [])


def test_a_change_has_three_nights_on_either_side() -> None:
    values = stepped(nights=400, spread=0.01)
    values[398:] += 0.2
    assert [change.index for change in change_points(series(values))] == [397]
    assert [change.index for change in change_points(series(values[::-1]))] == [3]
