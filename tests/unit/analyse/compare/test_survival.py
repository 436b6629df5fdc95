"""The wait for the first 1011: textbook curves and tests, competing ends, and data from which nothing follows."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.analyse.compare.connection_age import rate_by_age
from loadtest.analyse.compare.effect import Effect, Settings
from loadtest.analyse.compare.experiment import End, FirstCloses
from loadtest.analyse.compare.logrank import stratified_logrank
from loadtest.analyse.compare.survival import (
    common_horizon,
    drawn_means,
    restricted_mean,
    survival_curve,
    time_to_1011,
)
from loadtest.analyse.rates import garwood
from tests.unit.analyse.compare.arms import arm

# Freireich et al. 1963: weeks of remission in acute leukaemia, with 6-mercaptopurine and with placebo.
TREATED = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
RELAPSED = [1] * 9 + [0] * 12
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def waits(time_s: list[int] | np.ndarray, end: list[int] | np.ndarray, block: np.ndarray | None = None) -> FirstCloses:
    time = np.asarray(time_s, float)
    return FirstCloses(
        block=np.zeros(len(time), np.int64) if block is None else block.astype(np.int64),
        time_s=time,
        end=np.asarray(end, dtype=np.int64),
    )


LEUKAEMIA = waits(TREATED, RELAPSED), waits(PLACEBO, [1] * 21)


def drawn(seed: int, blocks: int, hazard: float, *, calls: int = 4, other: float = 0.0) -> FirstCloses:
    """Calls of about 100 s with constant hazards, per second."""
    draws, n = np.random.default_rng(seed), blocks * calls
    hang_up = draws.uniform(80, 120, n)
    first, beside = (draws.exponential(1, n) / max(h, 1e-12) for h in (hazard, other))
    time = np.minimum(hang_up, np.minimum(first, beside))
    end = np.where(time == first, End.CLOSE_1011, np.where(time == beside, End.OTHER_CLOSE, End.HANG_UP))
    return waits(time, end, np.repeat(np.arange(blocks), calls))


def compared(candidate: FirstCloses, control: FirstCloses) -> Effect:
    return time_to_1011(arm(first_closes=candidate), arm(first_closes=control), Settings())


def test_kaplan_meier_of_the_leukaemia_data() -> None:
    curve = survival_curve(np.array(TREATED, float), np.array(RELAPSED, bool))
    assert list(curve.time_s) == [6, 7, 10, 13, 16, 22, 23]
    assert list(curve.waiting) == [21, 17, 15, 12, 11, 7, 6]
    assert curve.share == pytest.approx([0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4)


def test_restricted_mean_of_the_leukaemia_data() -> None:
    """R's survival prints a mean of 23.29 (to 35 weeks) with 6-MP; nobody on placebo was censored, 8.67 is the mean."""
    treated, placebo = (
        survival_curve(np.array(TREATED, float), np.array(RELAPSED, bool)),
        survival_curve(np.array(PLACEBO, float), np.ones(21, bool)),
    )
    assert restricted_mean(treated, 35) == pytest.approx(23.29, abs=5e-3)
    assert restricted_mean(placebo, 35) == pytest.approx(np.mean(PLACEBO))
    assert restricted_mean(treated, 6) == 6


def test_logrank_of_the_leukaemia_data() -> None:
    """9 relapses where 19.25 were expected, chi-square 16.79."""
    test = stratified_logrank(*LEUKAEMIA, seed=1)
    assert (test.observed, test.expected) == (9, pytest.approx(19.25, abs=5e-3))
    assert test.z is not None
    assert test.z < 0
    assert test.z**2 == pytest.approx(16.79, abs=5e-3)
    assert test.p_value == 1  # one block cannot tell by swapping


def test_strata_are_added_up_and_swapped_whole() -> None:
    """The same patients in each of 8 strata: 8 times as much, and no swap but that of all of them is as far out."""
    one, other = (
        waits(np.tile(w.time_s, 8), np.tile(w.end, 8), np.repeat(np.arange(8), len(w.time_s))) for w in LEUKAEMIA
    )
    test = stratified_logrank(one, other, seed=1)
    assert (test.observed, test.expected) == (72, pytest.approx(8 * 19.2505, abs=5e-3))
    assert test.z is not None
    assert test.z**2 == pytest.approx(8 * 16.793, abs=0.02)
    assert test.p_value == 2 / 2**8
    back = stratified_logrank(other, one, seed=1)
    assert back.z == pytest.approx(-test.z)


def test_logrank_without_events_says_nothing() -> None:
    nobody, empty = waits([5, 6, 7], [0, 2, 0]), waits([], [])
    for one, other in ((nobody, nobody), (empty, empty), (nobody, empty)):
        test = stratified_logrank(one, other, seed=1)
        assert (test.observed, test.z, test.p_value) == (0, None, None)
    alone = stratified_logrank(waits([5, 6], [1, 1]), empty, seed=1)  # no one to compare with
    assert (alone.observed, alone.z, alone.p_value) == (2, None, None)


def test_a_competing_close_is_no_1011_and_no_survival_either() -> None:
    """By hand: of 4, one other close at 1, a 1011 at 2 of the 3 left, a hang-up, a 1011 at 4 of the last one."""
    time, end = np.array([1.0, 2, 3, 4]), np.array([2, 1, 0, 1])
    competing = survival_curve(time, end == 1, end == 2)
    assert competing.share == pytest.approx([1 - 3 / 4 / 3, 1 - (1 / 4 + 3 / 4 * 2 / 3)])
    censored = survival_curve(time, end == 1)
    assert censored.share == pytest.approx([2 / 3, 0])


def test_without_events_the_curve_stays_at_one() -> None:
    curve = survival_curve(np.array([3.0, 4.0]), np.zeros(2, bool))
    assert len(curve.time_s) == 0
    assert restricted_mean(curve, 4.0) == 4.0


def test_a_tenth_of_each_arm_is_followed_up_to_the_horizon() -> None:
    one, other = waits(np.arange(1.0, 101), np.zeros(100)), waits(np.arange(1.0, 51), np.zeros(50))
    assert common_horizon(one, other) == 46  # 46 to 50 are a tenth of 50
    assert common_horizon(one, one) == 91


def test_the_difference_is_in_seconds_and_swaps() -> None:
    there, back = compared(drawn(1, 24, 0.002), drawn(2, 24, 0.02)), compared(drawn(2, 24, 0.02), drawn(1, 24, 0.002))
    assert there.value is not None
    assert there.interval is not None
    assert there.interval.high is not None
    assert 0 < there.interval.low < there.value < there.interval.high
    assert back.value == pytest.approx(-there.value)
    assert back.interval is not None
    assert back.interval.low == pytest.approx(-there.interval.high)
    assert there.p_value is not None
    assert there.p_value < 0.001
    assert any("log-rank by block: the candidate had" in note for note in there.notes)
    assert any("up to which a tenth of each arm's calls" in note for note in there.notes)


def test_time_in_other_units_and_calls_in_another_order_change_nothing() -> None:
    one, other = drawn(1, 24, 0.01), drawn(2, 24, 0.02)
    order = np.random.default_rng(3).permutation(len(one.block))
    milli = waits(1000 * one.time_s[order], one.end[order], one.block[order])
    there = compared(one, other)
    scaled = compared(milli, waits(1000 * other.time_s, other.end, other.block))
    assert there.value is not None
    assert there.interval is not None
    assert scaled.value == pytest.approx(1000 * there.value)
    assert scaled.interval is not None
    assert scaled.interval.low == pytest.approx(1000 * there.interval.low)
    assert scaled.p_value == pytest.approx(there.p_value)


def test_resampled_curves_are_those_of_the_resampled_calls() -> None:
    """The weighted curves against curves of calls that are really repeated."""
    first, draws = drawn(5, 12, 0.01, other=0.004), np.random.default_rng(4)
    weights = draws.multinomial(12, np.full(12, 1 / 12), size=5).astype(float)
    slow = []
    for row in weights:
        again = np.repeat(np.arange(len(first.block)), row[first.block].astype(int))
        time, end = first.time_s[again], first.end[again]
        curve = survival_curve(time, end == End.CLOSE_1011, end == End.OTHER_CLOSE)
        slow.append(restricted_mean(curve, 90.0))
    assert drawn_means(first, 90.0, weights) == pytest.approx(slow)


def test_the_error_is_that_of_the_means_of_blocks() -> None:
    """Every call ends in a 1011, so the mean is a plain one, whose error is the textbook's."""
    draws, block = np.random.default_rng(8), np.repeat(np.arange(12), 4)
    one, other = (waits(draws.exponential(mean, 48), np.ones(48), block) for mean in (60, 30))
    horizon = common_horizon(one, other)
    a, b = (np.minimum(w.time_s, horizon).reshape(12, 4).mean(axis=1) for w in (one, other))
    reach = 2.200985 * np.std(a - b, ddof=1) / np.sqrt(12)  # t on 11 degrees of freedom
    effect = time_to_1011(arm(first_closes=one), arm(first_closes=other), Settings(resamples=20_000))
    assert effect.interval is not None
    assert effect.interval.low == pytest.approx(np.mean(a - b) - reach, abs=0.02 * reach)


def test_more_events_than_cells_lose_little() -> None:
    first = drawn(6, 100, 0.02, calls=8)
    whole = drawn_means(first, 90.0, np.ones((1, 100)))[0]
    assert whole == pytest.approx(restricted_mean(survival_curve(first.time_s, first.end == 1), 90.0), rel=0.01)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (waits([], []), waits([], []), "no block in which"),
        (drawn(1, 24, 0.01), waits([], []), "no block in which"),
        (drawn(1, 11, 0.01), drawn(2, 11, 0.01), "needs 12 blocks, has 11"),
        (drawn(1, 24, 0.0), drawn(2, 24, 0.0), "needs 6 blocks in which a call had a 1011 first, has 0"),
    ],
)
def test_too_little_is_said(one: FirstCloses, other: FirstCloses, why: str) -> None:
    effect = compared(one, other)
    assert (effect.interval, effect.p_value) == (None, None)
    assert effect.why is not None
    assert effect.why.startswith(why)


def test_identical_arms_don_t_differ() -> None:
    effect = compared(drawn(1, 24, 0.01), drawn(1, 24, 0.01))
    assert (effect.value, effect.interval) == (0, None)
    assert effect.why == "the blocks don't differ: nothing tells how far off this may be"


def test_the_true_difference_is_covered() -> None:
    """Constant hazards: the mean of the first T seconds is (1 - exp(-hazard T)) / hazard."""
    covered = 0
    for seed in range(40):
        one, other = drawn(1000 + seed, 24, 0.02), drawn(seed, 24, 0.005)
        horizon = common_horizon(one, other)
        mean1, mean0 = ((1 - np.exp(-hazard * horizon)) / hazard for hazard in (0.02, 0.005))
        interval = compared(one, other).interval
        assert interval is not None
        assert interval.high is not None
        covered += interval.low <= mean1 - mean0 <= interval.high
    assert covered >= 36


def test_rate_by_age() -> None:
    """Ends at 30 (1011), 60 (1011), 90 and 150 s (hang-ups)."""
    young, middle, old, none = rate_by_age(
        np.array([30.0, 60, 90, 150]), np.array([True, True, False, False]), [0, 60, 120, 180, 240]
    )
    assert (young.events, young.minutes) == (2, pytest.approx(3.5))
    assert (middle.events, middle.minutes) == (0, pytest.approx(1.5))
    assert (old.events, old.minutes, old.per_minute) == (0, pytest.approx(0.5), 0)
    assert (none.minutes, none.per_minute, none.interval) == (0, None, None)
    assert young.per_minute == pytest.approx(2 / 3.5)
    assert young.interval is not None
    assert (young.interval.low, young.interval.high) == pytest.approx(garwood(2, 3.5))
    assert young.interval.assumes == "independent closes"
