"""When calls are due: the arrival process as a pure function, so that scheduling needs no network to be tested.

Call k, from 0, is due when the cumulative rate reaches k: the first at once, and nothing waits for an answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from loadtest.scenario.models import Arrivals

__all__ = ["calls_that_fit", "due_times"]

_SLACK = 1e-9
"""Of a call: phases that end just as a call would be due do not include it, whatever the rounding."""


def due_times(phases: Sequence[Arrivals], calls: int) -> tuple[float, ...]:
    """Seconds from the run's start at which `calls` calls are due, ascending, to the millisecond.

    Raises ValueError if the phases end before; `calls_that_fit` says how many there would be.
    """
    due: list[float] = []
    began_s, before = 0.0, 0.0  # when this phase begins, and the cumulative rate there
    for phase in phases:
        holds = _calls_of(phase)
        while len(due) < calls and len(due) - before < holds - _SLACK:
            due.append(round(began_s + _reached_s(phase, max(0.0, len(due) - before)), 3))
        before += holds
        began_s += phase.for_s if phase.for_s is not None else math.inf
    if len(due) < calls:
        raise ValueError(f"{len(due)} of {calls} calls fit into the phases")
    return tuple(due)


def calls_that_fit(phases: Sequence[Arrivals]) -> float:
    """How many calls are due before the phases end: a whole number, or infinity."""
    total = sum(_calls_of(phase) for phase in phases)
    return total if math.isinf(total) else max(0, math.ceil(total - _SLACK))


def _rates(phase: Arrivals) -> tuple[float, float]:
    """Calls a second at the beginning and the end of the phase."""
    if phase.ramp_per_minute is not None:
        first, last = phase.ramp_per_minute
        return first / 60, last / 60
    assert phase.rate_per_minute is not None
    return phase.rate_per_minute / 60, phase.rate_per_minute / 60


def _calls_of(phase: Arrivals) -> float:
    first, last = _rates(phase)
    return math.inf if phase.for_s is None else (first + last) / 2 * phase.for_s


def _reached_s(phase: Arrivals, calls: float) -> float:
    """Seconds into the phase at which `calls` have been due: the inverse of first t + (last - first) t² / (2 for_s)."""
    first, last = _rates(phase)
    if calls == 0:
        return 0.0
    slope = 0.0 if phase.for_s is None else (last - first) / phase.for_s
    # This form of the quadratic formula loses no digits, whichever of the terms is small.
    return 2 * calls / (first + math.sqrt(max(0.0, first * first + 2 * slope * calls)))
