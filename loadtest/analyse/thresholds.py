"""Holding figures against the thresholds of the scenario."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from loadtest.analyse.arm import ArmFigures
from loadtest.analyse.quantiles import Quantile
from loadtest.analyse.shares import Share
from loadtest.scenario.thresholds import Threshold

__all__ = ["ThresholdResult", "check_thresholds", "figure"]

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdResult:
    """One threshold at one arm."""

    text: str
    """As the scenario has it."""
    arm: str
    value: float | None
    """In the threshold's unit. None: not known; `why` says so."""
    why: str | None
    holds: bool
    """False also if the figure is not known: a threshold that nothing was held against has not been met."""


def check_thresholds(thresholds: Iterable[Threshold], arms: Mapping[str, ArmFigures]) -> tuple[ThresholdResult, ...]:
    """Check each threshold at the arm that it names, or at every arm. An arm that is not there is a KeyError."""
    results = []
    for threshold in thresholds:
        for arm in arms if threshold.arm is None else (threshold.arm,):
            value, why = figure(arms[arm], threshold.metric, threshold.stat)
            met = value is not None and _COMPARE[threshold.op](value, threshold.value)
            results.append(ThresholdResult(text=threshold.text, arm=arm, value=value, why=why, holds=met))
    return tuple(results)


def figure(arm: ArmFigures, metric: str, stat: str) -> tuple[float | None, str | None]:
    """The figure that a threshold names, or why it is not known. Latencies in ms, shares 0 to 1."""
    match metric, stat:
        case "reply_latency", ("p50" | "p95" | "p99"):
            return _quantile(arm.reply_latency[stat])
        case "greeting_latency", ("p50" | "p95"):
            return _quantile(arm.greeting.latency[stat])
        case "answered_share", "value":
            return _share(arm.answered)
        case "talked_over_share", "value":
            return _share(arm.talked_over)
        case "valid_share", "value":
            valid = arm.script_turns.share
            return valid, None if valid is not None else "no turn"
        case "lost_turns", "per_100":
            value, why = _share(arm.losses.lost)
            return (None if value is None else value * 100), why
        case "gap_seconds", "per_hour":
            per_hour = arm.losses.gap_s_per_talk_hour.value
            return per_hour, None if per_hour is not None else "no talk"
        case "rate_1011", "per_minute":
            rate = arm.rate_1011.per_minute
            return rate, None if rate is not None else "connected time unknown"
    return None, f"{metric}.{stat} is not measured"


def _quantile(quantile: Quantile) -> tuple[float | None, str | None]:
    if quantile.beyond_limit_ms is not None:
        return None, f"> {quantile.beyond_limit_ms / 1000:.1f} s"
    return quantile.value_ms, None if quantile.value_ms is not None else quantile.no_interval


def _share(share: Share) -> tuple[float | None, str | None]:
    return share.value, None if share.value is not None else "no turn"
