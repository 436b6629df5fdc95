"""Do the intervals hold what they say? Simulated experiments with a known truth."""

from __future__ import annotations

import numpy as np
import pytest

from loadtest.analyse.quantiles import estimate_quantile
from loadtest.analyse.rates import estimate_ratio, exact_ratio_interval
from loadtest.analyse.shares import estimate_share

pytestmark = pytest.mark.slow

LIMIT = 10_000.0


@pytest.mark.parametrize("q", [0.5, 0.95])
@pytest.mark.parametrize("n_blocks", [12, 24, 48])
def test_quantile_intervals_cover(q: float, n_blocks: int) -> None:
    from scipy import stats

    truth = 800 * np.exp(stats.norm.ppf(q) * np.hypot(0.15, 0.3))
    hits = 0
    for seed in range(1000):
        draws = np.random.default_rng([17, n_blocks, seed])
        blocks = np.repeat(np.arange(n_blocks), 8)
        values = 800 * np.exp(draws.normal(0, 0.15, n_blocks)[blocks] + draws.normal(0, 0.3, len(blocks)))
        interval = estimate_quantile(values, blocks, q, limit_ms=LIMIT, seed=seed).interval
        assert interval is not None
        assert interval.high is not None
        hits += interval.low <= truth <= interval.high
    assert 0.92 <= hits / 1000 <= 0.99


@pytest.mark.parametrize(("n_blocks", "least"), [(16, 0.86), (48, 0.92)])
def test_a_p95_near_the_limit_is_covered(n_blocks: int, least: float) -> None:
    """4 % lost: the true p95 is finite, and experiments often cannot tell.

    With few blocks the upper end is too low where an experiment happens to lose hardly a turn (measured: .88 of 16
    blocks cover). docs/summary.md says so.
    """
    from scipy import stats

    truth = 800 * np.exp(stats.norm.ppf(0.95 / 0.96) * 0.3)
    hits = 0
    for seed in range(600):
        draws = np.random.default_rng([23, n_blocks, seed])
        blocks = np.repeat(np.arange(n_blocks), 8)
        values = 800 * np.exp(draws.normal(0, 0.3, len(blocks)))
        values[draws.random(len(blocks)) < 0.04] = LIMIT
        interval = estimate_quantile(values, blocks, 0.95, limit_ms=LIMIT, seed=seed).interval
        assert interval is not None
        hits += interval.low <= truth and (interval.high is None or truth <= interval.high)
    assert hits / 600 >= least


@pytest.mark.parametrize("share", [0.9, 0.98])
def test_share_intervals_cover(share: float) -> None:
    draws = np.random.default_rng(29)
    blocks, hits = np.repeat(np.arange(24), 8), 0
    for _ in range(2000):
        chance = draws.beta(share * 20, (1 - share) * 20, 24)
        interval = estimate_share(draws.random(192) < chance[blocks], blocks).interval
        assert interval is not None
        assert interval.high is not None
        hits += interval.low <= share <= interval.high
    assert hits / 2000 >= 0.93


@pytest.mark.parametrize("burst", [False, True])
def test_the_ratio_of_equal_rates_is_covered_in_bursts_too(*, burst: bool) -> None:
    """Bursts strike one arm at a time: the exact interval alone fails there."""
    minutes = np.full(16, 4.0)
    union = exact = told = 0
    for seed in range(400):
        draws = np.random.default_rng([31, seed])
        rate = draws.gamma(0.25, 4.0, (2, 16)) if burst else np.ones((2, 16))
        x1, x0 = draws.poisson(1.5 * rate).astype(float)
        if x1.sum() + x0.sum() == 0:
            continue
        told += 1
        interval = estimate_ratio("a", "b", x1, minutes, x0, minutes, seed=seed).interval
        assert interval is not None
        union += interval.low <= 1 and (interval.high is None or interval.high >= 1)
        low, high = exact_ratio_interval(int(x1.sum()), 64, int(x0.sum()), 64)
        exact += low <= 1 and (high is None or high >= 1)
    assert union / told >= 0.925
    if burst:
        assert exact / told < 0.9
