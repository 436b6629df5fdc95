"""Due times: how many, in which order, at which rate."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.plan.arrivals import calls_that_fit, due_times
from loadtest.scenario.models import Arrivals

RATE = st.floats(0.1, 600)
CONSTANT = st.builds(lambda r, s: Arrivals(rate_per_minute=r, for_s=s), RATE, st.floats(1, 600))
RAMP = st.builds(
    lambda a, b, s: Arrivals(ramp_per_minute=(a, b), for_s=s), st.just(0.0) | RATE, RATE, st.floats(1, 600)
) | st.builds(lambda a, s: Arrivals(ramp_per_minute=(a, 0.0), for_s=s), RATE, st.floats(1, 600))
PHASES = st.lists(CONSTANT | RAMP, max_size=3)


def due_by(phases: list[Arrivals], t: float) -> float:
    """Cumulative rate at `t`, by summing up small steps: not the way in which it is computed."""
    began, total, steps = 0.0, 0.0, 2000
    for phase in phases:
        length = min(t - began, phase.for_s if phase.for_s is not None else math.inf)
        if length <= 0:
            break
        first, last = phase.ramp_per_minute or (phase.rate_per_minute, phase.rate_per_minute)
        assert first is not None
        assert last is not None
        for i in range(steps):
            middle = (i + 0.5) * length / steps / (phase.for_s or 1.0)
            total += (first + (last - first) * middle) / 60 * length / steps
        began += phase.for_s if phase.for_s is not None else math.inf
    return total


@given(PHASES, RATE, st.integers(1, 40))
def test_call_k_is_due_when_the_cumulative_rate_reaches_k(before: list[Arrivals], rate: float, calls: int) -> None:
    phases = [*before, Arrivals(rate_per_minute=rate)]
    due = due_times(phases, calls)
    assert len(due) == calls
    assert list(due) == sorted(due)
    assert due[0] == 0
    for k in (1, calls // 2, calls - 1):
        if 0 < k < calls:
            # Rounded to the millisecond; at the very end of a ramp to nothing the rate takes its time.
            assert due_by(phases, due[k]) == pytest.approx(k, abs=0.02)


@given(st.lists(CONSTANT | RAMP, min_size=1, max_size=3), st.integers(1, 60))
def test_phases_that_end_hold_what_fits_and_no_more(phases: list[Arrivals], calls: int) -> None:
    fit = int(calls_that_fit(phases))
    assert len(due_times(phases, min(fit, calls))) == min(fit, calls)
    assert all(t <= sum(phase.for_s or 0 for phase in phases) + 0.001 for t in due_times(phases, min(fit, calls)))
    if calls > fit:
        with pytest.raises(ValueError, match=f"{fit} of {calls} calls fit"):
            due_times(phases, calls)


def test_known_answers() -> None:
    assert due_times([Arrivals(rate_per_minute=6)], 4) == (0, 10, 20, 30)
    # A ramp from 0 has reached t²/2 x slope: 1, 2, 3 calls at the square roots.
    ramp = Arrivals(ramp_per_minute=(0, 120), for_s=60)
    assert due_times([ramp], 4) == (0, 7.746, 10.954, 13.416)
    assert calls_that_fit([ramp]) == 60
    # A minute of 6 a minute ends just as the seventh would be due: it belongs to what comes next.
    then = [Arrivals(rate_per_minute=6, for_s=60), Arrivals(rate_per_minute=60)]
    assert due_times(then, 8)[5:] == (50, 60, 61)
    assert calls_that_fit(then[:1]) == 6
    assert calls_that_fit(then) == math.inf
    # Three calls, however 1.8 / 60 * 100 is rounded.
    assert calls_that_fit([Arrivals(rate_per_minute=1.8, for_s=100)]) == 3
    assert due_times([Arrivals(rate_per_minute=1.8, for_s=100), Arrivals(rate_per_minute=60)], 5)[2:] == (
        66.667,
        100,
        101,
    )
