"""Differences of shares: near 0 and 1, with turns that fail together, and with too little to tell."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.analyse.compare.effect import Effect, Settings
from loadtest.analyse.compare.shares import (
    answered_share,
    difference_p_value,
    lost_turns,
    share_difference,
    talked_over_share,
)
from tests.unit.analyse.compare.arms import NO_BLOCKS, arm, turns


def lost(per_block: list[int], *, of: int = 32) -> np.ndarray:
    """Which of the `of` turns of each block are lost."""
    return np.concatenate([np.arange(of) < n for n in per_block])


def compared(x1: list[int], x0: list[int], *, of: int = 32, tail: float = 0.025) -> Effect:
    block = np.repeat(np.arange(len(x1)), of)
    one, other = (arm(turns_=turns(block, lost=lost(x, of=of))) for x in (x1, x0))
    return lost_turns(one, other, Settings(tail=tail))


def ends(effect: Effect) -> tuple[float, float]:
    assert effect.interval is not None
    assert effect.interval.high is not None
    return effect.interval.low, effect.interval.high


def test_lost_turns_are_per_hundred() -> None:
    effect = compared([4, 0] * 12, [1, 1] * 12)
    assert (effect.candidate, effect.control, effect.value) == pytest.approx((6.25, 3.125, 3.125))
    low, high = ends(effect)
    assert low < 3.125 < high
    assert effect.blocks == 24
    assert "72 events in 24 of 24 blocks" in effect.notes


def test_answered_and_talked_over_are_shares() -> None:
    block = np.repeat(np.arange(24), 32)
    one = arm(turns_=turns(block, lost=lost([2] * 24), talked_over=lost([4] * 24)))
    other = arm(turns_=turns(block, lost=lost([1] * 24)))
    answered, over = answered_share(one, other, Settings()), talked_over_share(one, other, Settings())
    assert (answered.candidate, answered.control, answered.value) == pytest.approx((30 / 32, 31 / 32, -1 / 32))
    assert over.value == pytest.approx(0.125)
    lost_low, lost_high = ends(lost_turns(one, other, Settings()))
    assert ends(answered) == pytest.approx((-lost_high / 100, -lost_low / 100))  # nothing but the sign differs


def test_swapping_the_arms_turns_the_sign() -> None:
    there, back = compared([4, 0, 1] * 8, [1, 1, 0] * 8), compared([1, 1, 0] * 8, [4, 0, 1] * 8)
    (low, high), (other_low, other_high) = ends(there), ends(back)
    assert (other_low, other_high) == pytest.approx((-high, -low))
    assert back.p_value == pytest.approx(there.p_value)


def test_the_order_of_turns_changes_nothing() -> None:
    block, hits = np.repeat(np.arange(24), 32), lost([4, 0, 1] * 8)
    other = arm(turns_=turns(block, lost=lost([1] * 24)))
    order = np.random.default_rng(2).permutation(len(block))
    one, shuffled = (arm(turns_=turns(block[o], lost=hits[o])) for o in (np.arange(len(block)), order))
    assert lost_turns(one, other, Settings()) == lost_turns(shuffled, other, Settings())


def test_independent_turns_give_newcombes_interval() -> None:
    """56/70 against 48/80: the published interval of method 10 is .0524 to .3339; no block differs here."""
    ones = np.array([56 / 14.0] * 14)  # 14 blocks of 5 turns, all alike
    low, high = share_difference(ones, np.full(14, 5.0), np.full(14, 48 / 14), np.full(14, 80 / 14))
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_turns_that_are_lost_together_widen_the_interval() -> None:
    (low, high), (wide_low, wide_high) = (
        ends(compared([2] * 24, [1] * 24)),
        ends(compared([16, *[0] * 7] * 3, [1] * 24)),
    )
    assert low > 0  # 48 of 768 against 24 of 768, spread evenly
    assert wide_low < 0
    assert wide_high - wide_low > 2 * (high - low)


def test_blocks_that_are_bad_for_both_arms_cancel() -> None:
    bad = [8, *[0] * 5] * 4
    together, apart = ends(compared(bad, bad)), ends(compared(bad, bad[3:] + bad[:3]))
    assert together[1] - together[0] < 0.8 * (apart[1] - apart[0])


def test_no_event_in_either_arm_is_no_certainty() -> None:
    effect = compared([0] * 24, [0] * 24)
    low, high = ends(effect)
    assert effect.value == 0
    assert 100 * 3.8415 / (768 + 3.8415) < high < 0.6  # a little more than Wilson's bound of 0 in 768
    assert low == pytest.approx(-high)
    assert effect.p_value == 1
    assert effect.interval is not None
    assert effect.interval.assumes == "independent turns"


def test_all_lost_in_one_arm_is_inferior_and_bounded() -> None:
    low, high = ends(compared([32] * 24, [0] * 24))
    assert 95 < low < high == 100


def test_few_blocks_have_no_interval() -> None:
    effect = compared([4] * 11, [1] * 11)
    assert effect.value == pytest.approx(9.375)
    assert (effect.interval, effect.p_value) == (None, None)
    assert effect.why == "needs 12 blocks, has 11"


@pytest.mark.parametrize("tail", [0.025, 0.0125, 1e-4])
def test_the_p_value_is_that_of_the_interval(tail: float) -> None:
    apart = set()
    for seed in range(60):
        draws = np.random.default_rng(seed)
        h1 = draws.binomial(32, 0.05, 24).astype(np.float64)
        h0 = draws.binomial(32, draws.choice([0.005, 0.03]), 24).astype(np.float64)
        n = np.full(24, 32.0)
        low, high = share_difference(h1, n, h0, n, tail=tail)
        excluded = low > 0 or high < 0
        assert excluded == (difference_p_value(h1, n, h0, n) <= 2 * tail)
        apart.add(excluded)
    assert apart == {True, False}


def test_blocks_in_which_one_arm_has_no_turn_are_left_out() -> None:
    block = np.repeat(np.arange(24), 32)
    one = arm(turns_=turns(block, lost=lost([1] * 24)))
    other = arm(turns_=turns(block[block > 3], lost=lost([1] * 20)))
    effect = lost_turns(one, other, Settings())
    assert (effect.blocks, effect.value) == (20, 0)
    assert "left out 4 blocks in which one arm has no turns" in effect.notes


@pytest.mark.parametrize("estimate", [lost_turns, answered_share, talked_over_share])
def test_nothing_in_an_arm_is_no_error(estimate: object) -> None:
    assert callable(estimate)
    block = np.repeat(np.arange(24), 2)
    for hits in (np.zeros(48), np.ones(48)):
        for others in (NO_BLOCKS, block[:1], block[:4], block):
            one = arm(turns_=turns(block, lost=hits, talked_over=hits))
            other = arm(turns_=turns(others, lost=np.zeros(len(others))))
            for effect in (estimate(one, other, Settings()), estimate(other, one, Settings())):
                assert effect.interval is not None or effect.why
    assert estimate(arm(), arm(), Settings()).why == "no block in which both arms have script turns"


@pytest.mark.parametrize("shares", [(0.003, 0.003), (0.05, 0.05), (0.06, 0.02)])
@pytest.mark.parametrize("alike", [None, 20.0])
def test_the_true_difference_is_covered(shares: tuple[float, float], alike: float | None) -> None:
    covered, n = 0, np.full(24, 32.0)
    for seed in range(300):
        draws = np.random.default_rng([11, seed])
        chances = [p if alike is None else draws.beta(p * alike, (1 - p) * alike, 24) for p in shares]
        h1, h0 = (draws.binomial(32, chance, 24).astype(float) for chance in chances)
        low, high = share_difference(h1, n, h0, n)
        covered += low <= shares[0] - shares[1] <= high
    assert covered / 300 >= 0.92
