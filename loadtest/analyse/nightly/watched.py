"""What of a night is watched: one number for each metric of a candidate against the control.

On this scale nights are held against each other: the logarithm of a ratio, or a difference. What would leave a night
without a number on its worst or its best day has one here: a rate without events, a silence that never was, a latency
beyond the limit. Otherwise the night on which all goes wrong would be the one night that nobody is told of.
"""

from __future__ import annotations

import math
from typing import Final

from loadtest.scenario.compared import COMPARED

__all__ = ["WATCHED", "log_rate_ratio", "log_silence_ratio", "watched"]

WATCHED: Final = tuple(key for key, metric in COMPARED.items() if metric.purpose != "secondary")
"""The metrics that are watched. What is secondary by default needs more turns, or more events, than a night has."""

HALF_AN_EVENT: Final = 0.5
"""Added to the events of both arms: Haldane, The estimation and significance of the logarithm of a ratio of
frequencies, Annals of Human Genetics 20 (1956)."""
ONE_SECOND: Final = 1.0
"""Added to the gap seconds of both arms; a silence of that length is the least that counts as a gap by default."""


def log_rate_ratio(
    events: int, minutes: float | None, control_events: int, control_minutes: float | None
) -> float | None:
    """Logarithm of the candidate's rate over the control's, half an event added to both; None without exposure."""
    return _log_ratio(events + HALF_AN_EVENT, minutes, control_events + HALF_AN_EVENT, control_minutes)


def log_silence_ratio(seconds: float, hours: float, control_seconds: float, control_hours: float) -> float | None:
    """Logarithm of the candidate's gap seconds per hour of talk over the control's, a second added to both."""
    return _log_ratio(seconds + ONE_SECOND, hours, control_seconds + ONE_SECOND, control_hours)


def watched(metric: str, value: float | None) -> float | None:
    """The number to watch of an effect on its own scale; None: it has none."""
    if value is None or COMPARED[metric].scale == "difference":
        return value
    return math.log(value) if 0 < value < math.inf else None


def _log_ratio(amount: float, units: float | None, control_amount: float, control_units: float | None) -> float | None:
    if not units or not control_units:
        return None
    return math.log(amount / units) - math.log(control_amount / control_units)
