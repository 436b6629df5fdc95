"""Ratios of latencies: known answers, what must change nothing, and data from which nothing follows."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loadtest.analyse.compare.effect import Effect, Settings
from loadtest.analyse.compare.experiment import Arm, Closes, FirstCloses, Greetings, Silences, Turns
from loadtest.analyse.compare.latency import greeting_ratio, latency_ratio
from loadtest.analyse.quantiles import order_statistic

LIMIT = 10_000.0
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def arm(
    values: Floats | list[float], blocks: Ints | list[int], *, in_close: npt.NDArray[np.bool_] | None = None
) -> Arm:
    """An arm of which only turns, and as many greetings, are known."""
    at, latencies, none = np.asarray(blocks, dtype=np.int64), np.asarray(values, dtype=float), np.zeros(0)
    flags = np.zeros(len(at), dtype=bool)
    return Arm(
        name="an arm",
        turns=Turns(
            block=at,
            latency_ms=latencies,
            answered=latencies < LIMIT,
            talked_over=flags,
            lost=latencies >= LIMIT,
            in_close=flags if in_close is None else in_close,
        ),
        greetings=Greetings(block=at, latency_ms=latencies),
        closes=Closes(incidents=none, raw=none, minutes=none, calls_hit=none, calls=none),
        silences=Silences(excess_s=none, talk_s=none),
        first_closes=FirstCloses(block=at[:0], time_s=none, end=at[:0]),
    )


def simulated(
    n_blocks: int = 24, per_block: int = 16, *, times: float = 1.0, seed: int = 1, at_limit: float = 0.0
) -> tuple[Floats, Ints]:
    """Lognormal latencies; blocks of the same number are alike whatever the seed."""
    draws, blocks = np.random.default_rng(seed), np.repeat(np.arange(n_blocks), per_block)
    alike = np.random.default_rng(0).normal(0, 0.2, n_blocks)
    values = 800 * times * np.exp(alike[blocks] + draws.normal(0, 0.3, len(blocks)))
    values[draws.random(len(values)) < at_limit] = LIMIT
    return values.clip(1, LIMIT), blocks


def ends(effect: Effect) -> tuple[float, float]:
    assert effect.interval is not None
    return effect.interval.low, math.inf if effect.interval.high is None else effect.interval.high


def reach(effect: Effect) -> float:
    low, high = ends(effect)
    return math.log(high / low) / 2


# Known answers


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_the_ratio_is_that_of_the_pooled_quantiles(q: float) -> None:
    candidate, control = simulated(times=1.2, seed=2), simulated(seed=3)
    effect = latency_ratio(q)(arm(*candidate), arm(*control), Settings())
    assert effect.scale == "ratio"
    assert effect.candidate == order_statistic(candidate[0], q)
    assert effect.control == order_statistic(control[0], q)
    assert effect.value == effect.candidate / effect.control
    assert effect.blocks == 24
    assert effect.why is None


def test_the_interval_is_t_times_the_standard_error_of_resampled_blocks() -> None:
    """scipy's bootstrap knows no clusters, but blocks can be its data."""
    (x, blocks), (y, _) = simulated(per_block=6, seed=2), simulated(per_block=6, seed=3)
    of_x, of_y = x.reshape(24, 6), y.reshape(24, 6)

    def log_ratio(drawn: Ints) -> float:
        return math.log(order_statistic(of_x[drawn].ravel(), 0.5) / order_statistic(of_y[drawn].ravel(), 0.5))

    oracle = stats.bootstrap((np.arange(24),), log_ratio, vectorized=False, n_resamples=4000, method="basic", rng=7)
    effect = latency_ratio(0.5)(arm(x, blocks), arm(y, blocks), Settings(resamples=4000))
    assert reach(effect) == pytest.approx(stats.t.ppf(0.975, 23) * oracle.standard_error, rel=0.05)
    assert effect.value is not None
    low, high = ends(effect)
    assert math.sqrt(low * high) == pytest.approx(effect.value)


def test_the_tail_moves_both_ends_by_t_however_small_it_is() -> None:
    arms = arm(*simulated(seed=2)), arm(*simulated(seed=3))
    wide, narrow = (latency_ratio(0.5)(*arms, Settings(tail=tail)) for tail in (7.4e-6, 0.025))
    assert reach(wide) / reach(narrow) == pytest.approx(stats.t.isf(7.4e-6, 23) / stats.t.isf(0.025, 23))


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_the_p_value_of_twelve_blocks_is_that_of_all_swaps(q: float) -> None:
    (x, blocks), (y, _) = simulated(12, 4, times=1.1, seed=2), simulated(12, 4, seed=3)
    of_x, of_y = x.reshape(12, 4), y.reshape(12, 4)
    apart = []
    for swapped in itertools.product((False, True), repeat=12):
        one, other = (np.where(np.array(swapped)[:, None], *pair) for pair in ((of_y, of_x), (of_x, of_y)))
        apart.append(abs(math.log(order_statistic(one.ravel(), q) / order_statistic(other.ravel(), q))))
    effect = latency_ratio(q)(arm(x, blocks), arm(y, blocks), Settings(resamples=100))
    assert effect.p_value == pytest.approx(np.mean(np.array(apart) >= apart[0] - 1e-9), abs=1e-12)


def test_arms_that_never_change_places_have_the_least_p_value_there_is() -> None:
    (x, blocks), (y, _) = simulated(times=3, seed=2), simulated(seed=3)
    effect = latency_ratio(0.5)(arm(x, blocks), arm(y, blocks), Settings(resamples=2000))
    assert effect.p_value == 1 / 2001


def test_the_p_value_can_be_left_out_and_nothing_else_changes() -> None:
    arms = arm(*simulated(seed=2)), arm(*simulated(seed=3))
    without, with_it = (latency_ratio(0.5)(*arms, Settings(p_values=asked)) for asked in (False, True))
    assert with_it.p_value is not None
    assert without == replace(with_it, p_value=None)


def test_what_the_blocks_share_is_no_uncertainty() -> None:
    """Blocks that are slow for both arms widen neither end: the arms are paired."""
    (x, blocks), (y, _) = simulated(seed=2), simulated(seed=3)
    shared = np.exp(np.random.default_rng(9).normal(0, 1.0, 24))[blocks]
    paired = latency_ratio(0.5)(arm(x, blocks), arm(y, blocks), Settings())
    slow = latency_ratio(0.5)(
        arm((x * shared).clip(1, 9999), blocks), arm((y * shared).clip(1, 9999), blocks), Settings()
    )
    alone = latency_ratio(0.5)(arm((x * shared).clip(1, 9999), blocks), arm(y, blocks), Settings())
    assert reach(alone) > 3 * reach(paired)
    assert reach(slow) < reach(alone) / 1.5


def test_turns_of_a_block_are_not_taken_for_independent() -> None:
    (x, blocks), (y, _) = simulated(24, 8, seed=2), simulated(24, 8, seed=3)
    once = latency_ratio(0.5)(arm(x, blocks), arm(y, blocks), Settings())
    tenfold = latency_ratio(0.5)(
        arm(np.repeat(x, 10), np.repeat(blocks, 10)), arm(np.repeat(y, 10), np.repeat(blocks, 10)), Settings()
    )
    assert reach(tenfold) == pytest.approx(reach(once), rel=0.1)


# What must change nothing, or everything alike


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), q=st.sampled_from([0.5, 0.95]), n_blocks=st.sampled_from([12, 20]),
       at_limit=st.sampled_from([0.0, 0.01, 0.06]))  # fmt: skip
def test_swapping_the_arms_turns_the_ratio_over(seed: int, q: float, n_blocks: int, at_limit: float) -> None:
    one = arm(*simulated(n_blocks, 8, times=1.2, seed=2 * seed, at_limit=at_limit))
    other = arm(*simulated(n_blocks, 8, seed=2 * seed + 1, at_limit=at_limit))
    how = Settings(resamples=200)
    there, back = latency_ratio(q)(one, other, how), latency_ratio(q)(other, one, how)
    assert (there.candidate, there.control, there.p_value) == (back.control, back.candidate, back.p_value)
    assert {*there.beyond_limit} == {{"candidate": "control", "control": "candidate"}[a] for a in back.beyond_limit}
    if there.value is None:
        assert back.value is None
        return
    assert back.value == pytest.approx(1 / there.value)
    low, high = ends(there)
    assert ends(back) == pytest.approx((1 / high, 1 / low if low else math.inf))


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), times=st.floats(0.1, 50), at_limit=st.sampled_from([0.0, 0.01]))
def test_another_unit_of_time_changes_no_ratio(seed: int, times: float, at_limit: float) -> None:
    (x, blocks), (y, _) = simulated(12, 8, seed=seed, at_limit=at_limit), simulated(12, 8, seed=seed + 1)
    how = Settings(resamples=200)
    ms = latency_ratio(0.95)(arm(x, blocks), arm(y, blocks), how)
    other = latency_ratio(0.95)(arm(x * times, blocks), arm(y * times, blocks), replace(how, limit_ms=LIMIT * times))
    assert (other.value is None) == (ms.value is None)
    if ms.value is not None:
        assert other.value == pytest.approx(ms.value)
        assert ends(other) == pytest.approx(ends(ms))
        assert other.p_value == ms.p_value


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), data=st.data())
def test_the_order_of_rows_changes_nothing(seed: int, data: st.DataObject) -> None:
    (x, blocks), (y, _) = simulated(12, 8, seed=seed, at_limit=0.01), simulated(12, 8, seed=seed + 1)
    order = np.array(data.draw(st.permutations(range(len(x)))))
    how = Settings(resamples=200)
    assert latency_ratio(0.95)(arm(x[order], blocks[order]), arm(y, blocks), how) == latency_ratio(0.95)(
        arm(x, blocks), arm(y, blocks), how
    )


def test_the_seed_alone_decides_the_resamples() -> None:
    arms = arm(*simulated(seed=2)), arm(*simulated(seed=3))
    one, again, other = (latency_ratio(0.5)(*arms, Settings(seed=seed)) for seed in (1, 1, 2))
    assert one == again
    assert one.interval != other.interval


def test_slower_replies_of_the_candidate_move_its_ratio_and_nothing_else() -> None:
    (x, blocks), (y, _) = simulated(seed=2), simulated(seed=3)
    before, after = (latency_ratio(0.5)(arm(x * f, blocks), arm(y, blocks), Settings()) for f in (1.0, 1.25))
    assert before.value is not None
    assert after.value == pytest.approx(1.25 * before.value)
    assert ends(after) == pytest.approx(tuple(1.25 * end for end in ends(before)))


# The limit


def late(n: int, *, n_blocks: int = 24, per_block: int = 16, seed: int = 2) -> tuple[Floats, Ints]:
    """Latencies with `n` turns at the limit, in as many blocks."""
    values, blocks = simulated(n_blocks, per_block, seed=seed)
    values[np.arange(n) * (len(values) // max(n, 1))] = LIMIT
    return values, blocks


@pytest.mark.parametrize(
    ("of_candidate", "of_control", "beyond", "why"),
    [
        (60, 0, ("candidate",), "p95 > limit of 10 s for the candidate"),
        (0, 60, ("control",), "p95 > limit of 10 s for the control"),
        (60, 60, ("candidate", "control"), "p95 > limit of 10 s for the candidate and the control"),
    ],
)
def test_a_quantile_beyond_the_limit_gives_no_ratio_and_names_the_arm(
    of_candidate: int, of_control: int, beyond: tuple[str, ...], why: str
) -> None:
    effect = latency_ratio(0.95)(arm(*late(of_candidate)), arm(*late(of_control, seed=3)), Settings())
    assert (effect.beyond_limit, effect.why) == (beyond, why)
    assert (effect.value, effect.interval, effect.p_value) == (None, None, None)
    assert (effect.candidate is None) == ("candidate" in beyond)
    assert (effect.control is None) == ("control" in beyond)
    shares = [f"{n / 384:.2%} of the {a}'s" for n, a in ((of_candidate, "candidate"), (of_control, "control"))]
    assert effect.notes == (f"{shares[0]} turns and {shares[1]} turns count as the limit of 10 s",)


def test_a_quantile_near_the_limit_is_not_known_to_be_below_it() -> None:
    """4.2 % lost: the p95 itself is a number, and too many resamples' is none."""
    effect = latency_ratio(0.95)(arm(*late(16)), arm(*simulated(seed=3)), Settings())
    assert order_statistic(late(16)[0], 0.95) < LIMIT
    assert effect.beyond_limit == ("candidate",)
    assert effect.value is None


def touching(*, seed: int = 2) -> Arm:
    """2.6 % lost, in five blocks: 1 to 2.5 % of resamples have their p95 at the limit."""
    values, blocks = simulated(seed=seed)
    values[np.isin(blocks, [0, 2, 4, 6, 8]) & (np.arange(len(values)) % 16 < 2)] = LIMIT
    return arm(values, blocks)


def test_a_limit_that_few_resamples_touch_calls_for_percentiles() -> None:
    effect = latency_ratio(0.95)(touching(), arm(*simulated(seed=3)), Settings())
    assert effect.interval is not None
    assert effect.interval.method == "percentiles of 2000 resamples of 24 blocks"
    assert effect.beyond_limit == ()
    assert effect.notes == (
        "2.60% of the candidate's turns and 0.00% of the control's turns count as the limit of 10 s",
    )
    low, high = ends(effect)
    assert effect.value is not None
    assert 0.8 < low < effect.value < high < 2
    assert effect.p_value is not None


@pytest.mark.parametrize("slow", ["candidate", "control"])
def test_an_end_that_falls_on_resamples_beyond_the_limit_is_unbounded(slow: str) -> None:
    """Beyond the limit a candidate may be any number of times slower; beside such a control, any number faster."""
    late, fast = touching(), arm(*simulated(seed=3))
    arms = (late, fast) if slow == "candidate" else (fast, late)
    low, high = ends(latency_ratio(0.95)(*arms, Settings(tail=0.005)))
    assert (low > 0.5, low == 0) == (slow == "candidate", slow == "control")
    assert (high < 2, math.isinf(high)) == (slow == "control", slow == "candidate")


def test_percentiles_bound_nothing_where_the_tail_is_smaller_than_one_resample() -> None:
    effect = latency_ratio(0.95)(touching(), arm(*simulated(seed=3)), Settings(tail=7.4e-6))
    assert ends(effect) == (0, math.inf)
    assert "2000 resamples can't tell an error of 7.4e-06 at each end" in effect.notes


def test_latencies_beyond_the_limit_count_as_the_limit() -> None:
    values, blocks = late(60)
    effect = latency_ratio(0.95)(
        arm(np.where(values >= LIMIT, 1e6, values), blocks), arm(*simulated(seed=3)), Settings()
    )
    assert effect == latency_ratio(0.95)(arm(values, blocks), arm(*simulated(seed=3)), Settings())


# Turns outside closes, and greetings


def test_turns_in_a_close_are_in_the_primary_figure_and_out_of_the_sensitivity() -> None:
    values, blocks = simulated(seed=2)
    struck = np.arange(len(values)) % 10 == 0
    slowed = np.where(struck, values * 3, values)
    control = arm(*simulated(seed=3))
    primary = latency_ratio(0.5)(arm(slowed, blocks, in_close=struck), control, Settings())
    outside = latency_ratio(0.5, outside_closes=True)(arm(slowed, blocks, in_close=struck), control, Settings())
    assert primary == latency_ratio(0.5)(arm(slowed, blocks), control, Settings())
    assert outside == latency_ratio(0.5)(arm(values[~struck], blocks[~struck]), control, Settings())


def test_greetings_are_compared_as_turns_are() -> None:
    arms = arm(*simulated(times=1.3, seed=2)), arm(*simulated(seed=3))
    assert greeting_ratio(0.5)(*arms, Settings()) == latency_ratio(0.5)(*arms, Settings())


def test_an_agent_that_never_greets_is_told_as_such() -> None:
    silent = arm([], [])
    effect = greeting_ratio(0.5)(silent, arm(*simulated(seed=3)), Settings())
    assert effect.why == "p50 needs 4 greetings in each arm: the candidate has 0 and the control has 0"
    assert (effect.value, effect.interval, effect.blocks) == (None, None, 0)


# Data from which nothing follows


def test_a_quantile_of_too_few_turns_is_refused_and_the_other_arms_is_given() -> None:
    few, many = simulated(24, 3, seed=2), simulated(24, 4, seed=3)
    effect = latency_ratio(0.95)(arm(*few), arm(*many), Settings())
    assert effect.why == "p95 needs 73 turns in each arm: the candidate has 72"
    assert effect.candidate is None
    assert effect.control == order_statistic(many[0], 0.95)
    assert (effect.value, effect.interval, effect.p_value) == (None, None, None)


@pytest.mark.parametrize("n_blocks", [1, 11])
def test_fewer_than_twelve_blocks_give_a_ratio_without_interval_or_p_value(n_blocks: int) -> None:
    effect = latency_ratio(0.5)(arm(*simulated(n_blocks, seed=2)), arm(*simulated(n_blocks, seed=3)), Settings())
    assert effect.value is not None
    assert (effect.interval, effect.p_value, effect.blocks) == (None, None, n_blocks)
    assert effect.why == f"needs 12 blocks, has {n_blocks}"


def test_a_single_block_beyond_the_limit_has_no_ratio_either() -> None:
    lost = np.full(16, LIMIT), np.zeros(16, dtype=np.int64)
    effect = latency_ratio(0.5)(arm(*lost), arm(*simulated(1, seed=3)), Settings())
    assert (effect.value, effect.candidate) == (None, None)
    assert effect.beyond_limit == ("candidate",)
    assert effect.control is not None


def test_everything_unanswered_in_both_arms_compares_nothing() -> None:
    lost = arm(np.full(384, LIMIT), np.repeat(np.arange(24), 16))
    effect = latency_ratio(0.5)(lost, lost, Settings())
    assert effect.why == "p50 > limit of 10 s for the candidate and the control"
    assert (effect.candidate, effect.control, effect.value, effect.interval) == (None, None, None, None)


@pytest.mark.parametrize("values", [np.full(384, 800.0), simulated(seed=2)[0]], ids=["equal values", "identical arms"])
def test_data_without_any_difference_are_no_certainty(values: Floats) -> None:
    copied = arm(values, np.repeat(np.arange(24), 16))
    effect = latency_ratio(0.5)(copied, copied, Settings())
    assert effect.value == 1
    assert (effect.interval, effect.p_value) == (None, None)
    assert effect.why is not None
    assert "differ" in effect.why


def test_blocks_in_which_one_arm_has_no_turn_are_left_out_of_both() -> None:
    (x, blocks), (y, _) = simulated(30, seed=2), simulated(30, seed=3)
    kept = blocks >= 5
    effect = latency_ratio(0.5)(arm(x[kept], blocks[kept]), arm(y, blocks), Settings())
    assert effect.notes == ("blocks left out, as one arm has no turns in them: 5",)
    paired = latency_ratio(0.5)(arm(x[kept], blocks[kept] - 5), arm(y[kept], blocks[kept] - 5), Settings())
    assert replace(effect, notes=()) == paired
    assert effect.blocks == 25


def test_arms_that_share_no_block_compare_nothing() -> None:
    (x, blocks), (y, _) = simulated(seed=2), simulated(seed=3)
    effect = latency_ratio(0.5)(arm(x, blocks), arm(y, blocks + 24), Settings())
    assert (effect.value, effect.blocks) == (None, 0)


@settings(max_examples=60)
@given(
    one=st.lists(st.tuples(st.integers(0, 14), st.sampled_from([1.0, 700.0, 9999.0, LIMIT])), max_size=90),
    other=st.lists(st.tuples(st.integers(0, 14), st.floats(1, LIMIT)), max_size=90),
    q=st.sampled_from([0.5, 0.95]),
    tail=st.sampled_from([1e-5, 0.0125, 0.025]),
)
def test_whatever_the_data_there_is_a_figure_or_a_reason(
    one: list[tuple[int, float]], other: list[tuple[int, float]], q: float, tail: float
) -> None:
    candidate, control = (arm([v for _, v in rows], [b for b, _ in rows]) for rows in (one, other))
    effect = latency_ratio(q)(candidate, control, Settings(resamples=50, tail=tail))
    assert (effect.interval is None) == (effect.p_value is None) == (effect.why is not None)
    assert effect.value is None or (effect.value > 0 and effect.beyond_limit == ())
    if effect.interval is not None:
        low, high = ends(effect)
        assert 0 <= low < high
        assert effect.blocks >= 12
        assert effect.p_value is not None
        assert 0 < effect.p_value <= 1
