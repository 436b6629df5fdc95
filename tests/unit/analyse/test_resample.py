"""Quantiles of many resamples at once, against the same resamples written out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.analyse import resample
from loadtest.analyse.quantiles import order_statistic
from loadtest.analyse.resample import arm_swaps, block_weights, drawn_quantiles, in_order

Floats = npt.NDArray[np.float64]


def written_out(values: Floats, units: npt.NDArray[np.int64], q: float, weights: Floats) -> list[float]:
    return [order_statistic(np.repeat(values, row[units].astype(int)), q) for row in weights]


@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 9)), min_size=1, max_size=40),
    drawn=st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=6),
    q=st.sampled_from([0.01, 0.5, 0.95, 0.99]),
)
def test_a_drawn_quantile_is_that_of_the_resample_written_out(
    rows: list[tuple[int, int]], drawn: list[list[int]], q: float
) -> None:
    units, values = (np.array(column) for column in zip(*rows, strict=True))
    weights = np.array(drawn, dtype=float)
    weights[weights[:, units].sum(axis=1) == 0] = 1
    fast = drawn_quantiles(in_order(values.astype(float), units, 5), q, weights)
    assert fast.tolist() == written_out(values.astype(float), units, q, weights)


@pytest.mark.parametrize("q", [0.001, 0.5, 0.95, 1.0])
def test_long_stretches_are_searched_in_steps_to_the_same_end(monkeypatch: pytest.MonkeyPatch, q: float) -> None:
    draws = np.random.default_rng(4)
    values, units = np.round(draws.lognormal(6, 0.5, 7001)), draws.integers(0, 30, 7001)
    weights = block_weights(30, 50, seed=2)
    monkeypatch.setattr(resample, "SPLIT_ABOVE", 90)  # in one step below this, in three here
    assert drawn_quantiles(in_order(values, units, 30), q, weights).tolist() == written_out(values, units, q, weights)


def test_every_resample_draws_as_many_blocks_as_there_are() -> None:
    weights = block_weights(24, 500, seed=1)
    assert weights.shape == (500, 24)
    assert set(weights.sum(axis=1)) == {24.0}
    assert len(np.unique(weights, axis=0)) > 490
    assert weights.var(axis=0).mean() == pytest.approx(23 / 24, rel=0.05)  # of a multinomial


def test_every_swap_of_few_blocks_is_tried_once_and_its_mirror_image_never() -> None:
    swaps = arm_swaps(12, 100, seed=1)
    assert len(np.unique(swaps, axis=0)) == len(swaps) == 2**11
    assert not swaps[0].any()
    mirrored = {tuple(row) for row in 1 - swaps}
    assert not mirrored & {tuple(row) for row in swaps}


def test_many_blocks_are_swapped_by_seeded_draws_and_what_was_seen_is_among_them() -> None:
    swaps = arm_swaps(13, 1000, seed=1)
    assert swaps.shape == (1001, 13)
    assert not swaps[0].any()
    assert swaps[1:].mean() == pytest.approx(0.5, abs=0.02)
    assert (swaps == arm_swaps(13, 1000, seed=1)).all()
    assert (swaps != arm_swaps(13, 1000, seed=2)).any()
