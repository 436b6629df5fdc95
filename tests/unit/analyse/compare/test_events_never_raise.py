"""Whatever the data are, an estimate of events is a figure with its interval, or says why it isn't."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.analyse.compare.effect import Estimator, Settings
from loadtest.analyse.compare.experiment import Arm, FirstCloses, Silences
from loadtest.analyse.compare.rate_1011 import calls_hit_1011, rate_1011, raw_rate_1011
from loadtest.analyse.compare.shares import answered_share, lost_turns, talked_over_share
from loadtest.analyse.compare.silences import gap_seconds
from loadtest.analyse.compare.survival import time_to_1011
from tests.unit.analyse.compare.arms import arm, closes, turns

ESTIMATORS = (
    rate_1011,
    raw_rate_1011,
    calls_hit_1011,
    lost_turns,
    answered_share,
    talked_over_share,
    gap_seconds,
    time_to_1011,
)


@st.composite
def arms(draw: st.DrawFn, blocks: int) -> Arm:
    """An arm of few calls, in which much can be missing, zero, or all alike."""
    few = st.sampled_from([0, 0, 0, 1, 2, 50])

    def by_block(values: st.SearchStrategy[int]) -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=blocks, max_size=blocks)), dtype=np.float64)

    in_blocks = by_block(st.sampled_from([0, 1, 3])).astype(np.int64)
    block = np.repeat(np.arange(blocks), in_blocks)
    flags = st.lists(st.booleans(), min_size=len(block), max_size=len(block))
    lost = np.array(draw(st.one_of(st.just([False] * len(block)), flags)), dtype=bool)
    times = draw(st.lists(st.sampled_from([0.001, 1.0, 90.0]), min_size=len(block), max_size=len(block)))
    ends = draw(st.lists(st.sampled_from([0, 0, 1, 2]), min_size=len(block), max_size=len(block)))
    return arm(
        turns_=turns(block, lost=lost, talked_over=~lost),
        closes_=closes(by_block(few), by_block(st.sampled_from([0, 1, 4, 400]))),
        silences=Silences(excess_s=by_block(few), talk_s=by_block(st.sampled_from([0, 1, 100]))),
        first_closes=FirstCloses(block=block, time_s=np.array(times, float), end=np.array(ends, dtype=np.int64)),
    )


@pytest.mark.parametrize("estimate", ESTIMATORS)
@given(data=st.data(), blocks=st.sampled_from([0, 1, 2, 12, 13, 15]), tail=st.sampled_from([0.025, 1e-5]))
@settings(max_examples=15, deadline=None, derandomize=True)
def test_whatever_the_data_are(estimate: Estimator, data: st.DataObject, blocks: int, tail: float) -> None:
    one, other = data.draw(arms(blocks)), data.draw(arms(blocks))
    effect = estimate(one, other, Settings(tail=tail, resamples=200))
    assert 0 <= effect.blocks <= blocks
    if effect.value is None or effect.interval is None:
        assert effect.why
    if effect.p_value is not None:
        assert 0 <= effect.p_value <= 1
    if effect.interval is not None:
        assert np.isfinite(effect.interval.low)
        high = np.inf if effect.interval.high is None else effect.interval.high
        assert effect.interval.low <= high
        if effect.value is not None:
            grain = 1e-9 + 1e-5 * abs(effect.value)
            assert effect.interval.low - grain <= effect.value <= high + grain
