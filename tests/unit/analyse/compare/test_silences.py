"""The ratio of gap seconds: heavy tails, blocks without a gap, and arms without one."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.analyse.compare.effect import Effect, Settings
from loadtest.analyse.compare.experiment import Silences
from loadtest.analyse.compare.silences import gap_seconds
from tests.unit.analyse.compare.arms import arm


def compared(x1: np.ndarray, x0: np.ndarray, *, talk_s: float = 360.0, tail: float = 0.025) -> Effect:
    one, other = (
        arm(silences=Silences(excess_s=np.asarray(x, float), talk_s=np.full(len(x), talk_s))) for x in (x1, x0)
    )
    return gap_seconds(one, other, Settings(tail=tail))


def ends(effect: Effect) -> tuple[float, float | None]:
    assert effect.interval is not None
    return effect.interval.low, effect.interval.high


def gaps(draws: np.random.Generator, blocks: int, mean: float) -> np.ndarray:
    """Seconds of each block: a few gaps, some of them long."""
    return np.array([draws.lognormal(1.0, 1.0, n).sum() for n in draws.poisson(mean, blocks)])


def test_figures_are_seconds_per_hour_of_talk() -> None:
    effect = compared(np.array([6.0, 0, 3, 1] * 6), np.array([2.0, 1, 0, 2] * 6))
    assert (effect.candidate, effect.control, effect.value) == pytest.approx((25.0, 12.5, 2.0))
    low, high = ends(effect)
    assert high is not None
    assert low < 2 < high
    assert "candidate: 60.0 gap seconds in 18 of 24 blocks, 10% of them in one" in effect.notes


def test_swapping_the_arms_turns_the_ratio_over() -> None:
    draws = np.random.default_rng(1)
    x1, x0 = gaps(draws, 24, 3.0), gaps(draws, 24, 1.0)
    there, back = compared(x1, x0), compared(x0, x1)
    (low, high), (other_low, other_high) = ends(there), ends(back)
    assert high is not None
    assert other_high is not None
    assert (other_low, other_high) == pytest.approx((1 / high, 1 / low))
    assert back.p_value == pytest.approx(there.p_value)


def test_rescaling_changes_no_ratio() -> None:
    draws = np.random.default_rng(1)
    x1, x0 = gaps(draws, 24, 3.0), gaps(draws, 24, 1.0)
    there, scaled = compared(x1, x0), compared(60 * x1, 60 * x0, talk_s=9.0)
    assert scaled.value == pytest.approx(there.value)
    assert ends(scaled) == pytest.approx(ends(there))


def test_one_long_gap_is_no_difference() -> None:
    effect = compared(np.array([600.0] + [1.0] * 23), np.array([1.5, 0.5] * 12))
    assert effect.value == pytest.approx(623 / 24)
    assert ends(effect)[0] < 1
    assert effect.p_value is not None
    assert effect.p_value > 0.05


def test_a_candidate_without_gaps_is_bounded_by_how_many_blocks_had_any() -> None:
    effect = compared(np.zeros(24), np.array([5.0, 0.0] * 12))
    assert effect.value == 0
    low, high = ends(effect)
    assert low == 0
    assert high == pytest.approx((1 - 0.025 ** (1 / 12)) / 0.025 ** (1 / 12))
    assert any("not on their length" in note for note in effect.notes)


def test_a_candidate_without_gaps_shows_nothing_on_five_blocks() -> None:
    five = compared(np.zeros(24), np.array([100.0] * 5 + [0.0] * 19))
    assert ends(five) == (0, None)
    assert five.p_value is not None
    assert five.p_value > 0.05


def test_a_control_without_gaps_leaves_the_ratio_open() -> None:
    effect = compared(np.array([5.0, 0.0] * 12), np.zeros(24))
    assert effect.value is None
    assert effect.why == "the control had no gap: the ratio has no upper end"
    low, high = ends(effect)
    assert high is None
    assert low > 1


def test_no_gap_in_either_arm_is_not_estimable() -> None:
    effect = compared(np.zeros(24), np.zeros(24))
    assert (effect.value, effect.interval, effect.p_value) == (None, None, None)
    assert effect.why == "neither arm had a gap in 4.8 hours of talk"


@pytest.mark.parametrize("blocks", [0, 1, 11])
def test_few_blocks_have_no_interval(blocks: int) -> None:
    for x1, x0 in ((1, 1), (0, 1), (1, 0), (0, 0)):
        effect = compared(np.full(blocks, x1), np.full(blocks, x0))
        assert effect.interval is None
        assert effect.why


def test_blocks_that_are_all_alike_and_equal_are_no_error() -> None:
    effect = compared(np.ones(24), np.ones(24))
    assert effect.value == 1
    assert ends(effect) == (1.0, 1.0)
    assert effect.p_value == 1


@pytest.mark.parametrize("tail", [0.025, 0.0125])
def test_the_p_value_is_that_of_the_interval(tail: float) -> None:
    apart = set()
    for seed in range(16):
        draws = np.random.default_rng(seed)
        effect = compared(gaps(draws, 24, 2.5), gaps(draws, 24, 1.0), tail=tail)
        low, high = ends(effect)
        excluded = low > 1 or (high is not None and high < 1)
        assert effect.p_value is not None
        assert excluded == (effect.p_value <= 2 * tail)
        apart.add(excluded)
    assert apart == {True, False}


@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_the_true_ratio_is_covered(ratio: float) -> None:
    covered = 0
    for seed in range(50):
        draws = np.random.default_rng([3, seed])
        low, high = ends(compared(gaps(draws, 24, ratio), gaps(draws, 24, 1.0)))
        covered += low <= ratio and (high is None or ratio <= high)
    assert covered / 50 >= 0.9
