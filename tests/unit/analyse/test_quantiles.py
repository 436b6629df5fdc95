"""Quantiles: which one, when it is refused, and its interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analyse.quantiles import estimate_quantile, needed, order_statistic, resampled_quantiles

LIMIT = 10_000.0


def lognormal(n_blocks: int, per_block: int, *, between: float = 0.1, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    blocks = np.repeat(np.arange(n_blocks), per_block)
    values = 800 * np.exp(draws.normal(0, between, n_blocks)[blocks] + draws.normal(0, 0.3, len(blocks)))
    return values, blocks


def test_a_quantile_is_the_order_statistic_at_the_rounded_up_rank() -> None:
    assert order_statistic(np.array([40.0, 10, 30, 20]), 0.5) == 20
    assert order_statistic(np.arange(1.0, 101), 0.95) == 95
    assert order_statistic(np.arange(1.0, 102), 0.95) == 96


@given(st.lists(st.floats(1, 1e4), min_size=1, max_size=60), st.sampled_from([0.05, 0.5, 0.9, 0.95, 0.99]))
def test_order_statistic_is_numpys_inverted_cdf(values: list[float], q: float) -> None:
    assert order_statistic(np.array(values), q) == np.quantile(values, q, method="inverted_cdf")


def test_quantiles_need_3_84_q_over_1_minus_q_values() -> None:
    assert (needed(0.5), needed(0.95), needed(0.99)) == (4, 73, 381)


@pytest.mark.parametrize(("n", "given"), [(72, False), (73, True)])
def test_p95_is_refused_below_73_values(n: int, *, given: bool) -> None:
    p95 = estimate_quantile(np.linspace(500, 900, n), np.arange(n), 0.95, limit_ms=LIMIT, seed=1)
    assert (p95.value_ms is not None) is given
    if not given:
        assert p95.interval is None
        assert p95.no_interval == "needs 73 values, has 72"


def test_a_quantile_at_the_limit_is_never_a_number() -> None:
    values = np.concatenate([np.full(90, 800.0), np.full(10, LIMIT)])
    p95 = estimate_quantile(values, np.arange(100) % 4, 0.95, limit_ms=LIMIT, seed=1)
    assert p95.value_ms is None
    assert p95.beyond_limit_ms == LIMIT
    p50 = estimate_quantile(values, np.arange(100) % 4, 0.5, limit_ms=LIMIT, seed=1)
    assert (p50.value_ms, p50.beyond_limit_ms) == (800.0, None)


def test_values_beyond_the_limit_count_as_the_limit() -> None:
    values, blocks = lognormal(12, 8)
    late = values.copy()
    late[values > np.sort(values)[-10]] = 60_000
    assert estimate_quantile(late, blocks, 0.95, limit_ms=LIMIT, seed=1).beyond_limit_ms == LIMIT


def test_a_quantile_close_to_the_limit_is_not_known_to_be_below_it() -> None:
    values, blocks = lognormal(16, 6)
    values[[3, 40, 77]] = LIMIT  # 3.1 %: the p95 itself is below the limit, many resamples' are not
    p95 = estimate_quantile(values, blocks, 0.95, limit_ms=LIMIT, seed=1)
    assert order_statistic(values, 0.95) < LIMIT
    assert p95.beyond_limit_ms == LIMIT
    assert p95.interval is not None
    assert p95.interval.high is None
    assert p95.interval.low < 3000
    assert p95.interval.method.startswith("percentiles")


def test_everything_unanswered_is_beyond_the_limit_on_both_ends() -> None:
    p50 = estimate_quantile(np.full(60, LIMIT), np.arange(60) % 12, 0.5, limit_ms=LIMIT, seed=1)
    assert p50.beyond_limit_ms == LIMIT
    assert p50.interval is not None
    assert (p50.interval.low, p50.interval.high) == (LIMIT, None)


def test_fewer_than_twelve_blocks_have_no_interval_and_say_so() -> None:
    values, blocks = lognormal(11, 10)
    p50 = estimate_quantile(values, blocks, 0.5, limit_ms=LIMIT, seed=1)
    assert p50.value_ms is not None
    assert p50.interval is None
    assert p50.no_interval == "needs 12 blocks, has 11"


@pytest.mark.parametrize("q", [0.5, 0.95])
@pytest.mark.parametrize("per_block", [1, 7, 40])
def test_resampled_quantiles_are_those_of_the_blocks_written_out(q: float, per_block: int) -> None:
    values, blocks = lognormal(9, per_block, seed=per_block)
    values = np.round(values, -1)  # with ties
    fast = resampled_quantiles(values, blocks, q, seed=5, resamples=60)
    weights = np.random.default_rng(5).multinomial(9, np.full(9, 1 / 9), size=60)
    for row, quantile in zip(weights, fast, strict=True):
        written_out = np.concatenate([np.repeat(values[blocks == b], w) for b, w in enumerate(row)])
        assert quantile == order_statistic(written_out, q)


def test_blocks_may_be_of_any_size_and_number() -> None:
    values, _ = lognormal(1, 50)
    blocks = np.repeat([-1, 3, 900], [1, 9, 40])
    fast = resampled_quantiles(values, blocks, 0.5, seed=2, resamples=40)
    assert set(fast) <= set(values)


def test_the_order_of_rows_changes_nothing() -> None:
    values, blocks = lognormal(12, 9)
    shuffled = np.random.default_rng(3).permutation(len(values))
    assert estimate_quantile(values, blocks, 0.5, limit_ms=LIMIT, seed=1) == estimate_quantile(
        values[shuffled], blocks[shuffled], 0.5, limit_ms=LIMIT, seed=1
    )


def test_another_unit_gives_the_same_interval_in_that_unit() -> None:
    values, blocks = lognormal(12, 9)
    in_ms = estimate_quantile(values, blocks, 0.5, limit_ms=None, seed=1)
    in_s = estimate_quantile(values / 1000, blocks, 0.5, limit_ms=None, seed=1)
    assert in_ms.interval is not None
    assert in_s.interval is not None
    assert in_ms.interval.high is not None
    assert in_s.interval.high == pytest.approx(in_ms.interval.high / 1000)
    assert in_s.interval.low == pytest.approx(in_ms.interval.low / 1000)


def test_the_seed_alone_decides_the_interval() -> None:
    values, blocks = lognormal(12, 9)
    one, again, other = (estimate_quantile(values, blocks, 0.5, limit_ms=LIMIT, seed=s) for s in (1, 1, 2))
    assert one == again
    assert one.interval != other.interval


def covered(q: float, *, simulations: int, n_blocks: int, resamples: int) -> float:
    """Share of simulated experiments whose interval holds the true quantile, turns alike within blocks."""
    from scipy import stats

    between, within = 0.15, 0.3
    truth = 800 * np.exp(stats.norm.ppf(q) * np.hypot(between, within))
    hits = 0
    for seed in range(simulations):
        draws = np.random.default_rng([17, seed])
        blocks = np.repeat(np.arange(n_blocks), 8)
        values = 800 * np.exp(draws.normal(0, between, n_blocks)[blocks] + draws.normal(0, within, len(blocks)))
        interval = estimate_quantile(values, blocks, q, limit_ms=LIMIT, seed=seed, resamples=resamples).interval
        assert interval is not None
        assert interval.high is not None
        hits += interval.low <= truth <= interval.high
    return hits / simulations


def test_turn_level_confidence_intervals() -> None:
    """Resampling turns covers about .80-.86 here; resampling blocks keeps what it says."""
    assert covered(0.5, simulations=300, n_blocks=12, resamples=400) >= 0.92
