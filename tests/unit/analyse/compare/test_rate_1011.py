"""The 1011 ratio: what it says with events, without them, and in bursts."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.analyse.compare.effect import Effect, Settings
from loadtest.analyse.compare.rate_1011 import calls_hit_1011, rate_1011, raw_rate_1011
from loadtest.analyse.rates import exact_ratio_interval
from tests.unit.analyse.compare.arms import arm, closes


def compared(x1: list[int], x0: list[int], *, minutes: float = 4.0, tail: float = 0.025) -> Effect:
    one, other = (arm(closes_=closes(np.array(x), np.full(len(x), minutes))) for x in (x1, x0))
    return rate_1011(one, other, Settings(tail=tail))


def ends(effect: Effect) -> tuple[float, float | None]:
    assert effect.interval is not None
    return effect.interval.low, effect.interval.high


def test_figures_and_ratio_are_per_connected_minute() -> None:
    one = arm(closes_=closes(np.array([2, 1] * 12), np.full(24, 2.0)))
    other = arm(closes_=closes(np.array([1, 0] * 12), np.full(24, 4.0)))
    effect = rate_1011(one, other, Settings())
    assert (effect.candidate, effect.control, effect.value) == pytest.approx((0.75, 0.125, 6.0))
    assert effect.blocks == 24
    low, high = ends(effect)
    assert high is not None
    assert 1 < low < 6 < high
    assert effect.p_value is not None
    assert effect.p_value < 0.05


@pytest.mark.parametrize(("x1", "x0"), [([3, 0, 1, 0] * 3, [1, 0, 0, 1] * 3), ([2, 3] * 15, [1, 0] * 15)])
def test_swapping_the_arms_turns_the_ratio_over(x1: list[int], x0: list[int]) -> None:
    there, back = compared(x1, x0), compared(x0, x1)
    (low, high), (other_low, other_high) = ends(there), ends(back)
    assert high is not None
    assert other_high is not None
    assert there.value is not None
    assert back.value == pytest.approx(1 / there.value)
    assert (other_low, other_high) == pytest.approx((1 / high, 1 / low))
    assert back.p_value == pytest.approx(there.p_value)


def test_rescaling_time_changes_no_ratio() -> None:
    minutes, hours = compared([2, 3] * 15, [1, 0] * 15), compared([2, 3] * 15, [1, 0] * 15, minutes=4 / 60)
    assert hours.value == pytest.approx(minutes.value)
    assert ends(hours) == pytest.approx(ends(minutes))


def test_both_at_zero_bound_each_rate_and_no_ratio() -> None:
    effect = compared([0] * 24, [0] * 24)
    assert (effect.value, effect.interval, effect.p_value) == (None, None, None)
    assert (effect.candidate, effect.control) == (0, 0)
    assert effect.why is not None
    assert "below 0.031 (candidate) and 0.031 (control) per connected minute" in effect.why  # 3.0 / 96


@pytest.mark.parametrize("blocks", [8, 24])
def test_an_arm_at_zero_is_not_better_on_few_blocks_however_many_events(blocks: int) -> None:
    burst = compared([0] * blocks, [40] * 5 + [0] * (blocks - 5))
    assert burst.value == 0
    assert ends(burst) == (0, None)
    assert burst.p_value is not None
    assert burst.p_value >= 0.05
    assert any("6 are needed" in note for note in burst.notes)
    six = compared([0] * blocks, [40] * 6 + [0] * (blocks - 6))
    assert ends(six)[1] is not None
    assert ends(six)[1] < 1  # type: ignore[operator]


def test_a_control_at_zero_leaves_the_ratio_open_upwards_and_says_so() -> None:
    effect = compared([1] * 24, [0] * 24)
    assert effect.value is None
    assert effect.why == "the control had no 1011s: the ratio has no upper end"
    low, high = ends(effect)
    assert high is None
    assert low > 1


def test_below_twelve_blocks_closes_are_assumed_independent() -> None:
    effect = compared([2] * 11, [1] * 11)
    assert ends(effect) == pytest.approx(exact_ratio_interval(22, 44, 11, 44))
    assert effect.interval is not None
    assert effect.interval.assumes == "independent closes"
    assert any("11 blocks" in note for note in effect.notes)


def test_bursts_are_told_of() -> None:
    burst, even = compared([12, *[0] * 23], [0, 6, *[0] * 22]), compared([1] * 24, [1, 0] * 12)
    assert ends(burst)[0] < 1
    assert "candidate: 12 1011s in 96 connected minutes, dispersion 12.0, 100% of them in one block" in burst.notes
    assert any("came in bursts" in note for note in burst.notes)
    assert not any("came in bursts" in note for note in even.notes)


def test_an_early_look_has_a_wider_interval() -> None:
    x1, x0 = [2, 3] * 15, [1, 2] * 15
    (low, high), (early_low, early_high) = ends(compared(x1, x0)), ends(compared(x1, x0, tail=7e-6))
    assert high is not None
    assert early_high is not None
    assert early_low < low * 0.8
    assert early_high > high * 1.25


def test_blocks_whose_connections_are_not_known_are_left_out_in_both_arms() -> None:
    known = np.where(np.arange(24) < 3, 0.0, 4.0)
    one = arm(closes_=closes(np.full(24, 2), np.full(24, 4.0)))
    other = arm(closes_=closes(np.ones(24), known))
    effect = rate_1011(one, other, Settings())
    assert effect.blocks == 21
    assert effect.value == pytest.approx(2.0)
    assert "left out 3 blocks in which one arm's connections are not known" in effect.notes


def test_raw_closes_and_calls_hit_ask_the_same_otherwise() -> None:
    minutes = np.full(24, 4.0)
    one = arm(closes_=closes(np.full(24, 2), minutes, raw=np.full(24, 6)))
    other = arm(closes_=closes(np.ones(24), minutes))
    assert rate_1011(one, other, Settings()).value == pytest.approx(2.0)
    assert raw_rate_1011(one, other, Settings()).value == pytest.approx(6.0)
    hit = calls_hit_1011(one, other, Settings())
    assert (hit.candidate, hit.control) == (0.5, 0.25)


@pytest.mark.parametrize("estimate", [rate_1011, raw_rate_1011, calls_hit_1011])
@pytest.mark.parametrize("blocks", [0, 1, 2, 30])
@pytest.mark.parametrize("minutes", [0.0, 4.0])
def test_nothing_in_an_arm_is_no_error(estimate: object, blocks: int, minutes: float) -> None:
    assert callable(estimate)
    for x1, x0 in ((0, 0), (1, 0), (0, 1)):
        one, other = (arm(closes_=closes(np.full(blocks, x), np.full(blocks, minutes))) for x in (x1, x0))
        effect = estimate(one, other, Settings())
        assert effect.value is None or effect.interval is not None
        assert effect.value is not None or effect.why


@pytest.mark.parametrize(("ratio", "burst"), [(1.0, "none"), (1.0, "one arm"), (4.0, "both arms")])
def test_the_true_ratio_is_covered(ratio: float, burst: str) -> None:
    covered = cases = 0
    for seed in range(60):
        draws = np.random.default_rng([5, seed])
        weight = draws.gamma(0.5, 2.0, (2, 24))
        one = weight[0] if burst != "none" else np.ones(24)
        other = weight[0] if burst == "both arms" else np.ones(24)
        effect = compared(list(draws.poisson(1.2 * ratio * one)), list(draws.poisson(1.2 * other)))
        if effect.interval is None:
            continue
        cases += 1
        covered += effect.interval.low <= ratio and (effect.interval.high is None or ratio <= effect.interval.high)
    assert covered / cases >= 0.9
