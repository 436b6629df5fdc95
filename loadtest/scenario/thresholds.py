"""Thresholds: `metric[.arm].stat op value`, such as `reply_latency.p95 < 3000` or `answered_share.ga.value >= 0.98`.

Without an arm a threshold holds for every arm. This module is the one list of what can be asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from loadtest.scenario.problems import nearest

__all__ = ["METRICS", "Metric", "Op", "Threshold", "parse_threshold"]

Op = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is measured for each arm."""

    unit: str
    stats: tuple[str, ...]


METRICS: Final[Mapping[str, Metric]] = {
    "reply_latency": Metric("ms", ("p50", "p95", "p99")),
    "greeting_latency": Metric("ms", ("p50", "p95")),
    "answered_share": Metric("share", ("value",)),
    "lost_turns": Metric("per 100 script turns", ("per_100",)),
    "rate_1011": Metric("per connected minute", ("per_minute",)),
    "gap_seconds": Metric("s per hour of talk", ("per_hour",)),
    "talked_over_share": Metric("share", ("value",)),
    "valid_share": Metric("share", ("value",)),
}

_FORM = re.compile(r"\s*([^\s<>=]+)\s*([<>=!]+)\s*(\S+)\s*")


@dataclass(frozen=True, slots=True)
class Threshold:
    """One condition that a run has to meet."""

    metric: str
    arm: str | None
    """None: every arm."""
    stat: str
    op: Op
    value: float
    """In the metric's unit."""
    text: str
    """As written."""


def parse_threshold(text: str, arms: Collection[str]) -> Threshold:
    """The threshold that `text` states. Raises ValueError that says what was expected."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError("expected `metric[.arm].stat op value`, such as `reply_latency.p95 < 3000`")
    name, op, number = form.groups()
    metric_name, *rest = name.split(".")
    metric = METRICS.get(metric_name)
    if metric is None:
        raise ValueError(f"expected a metric, one of {', '.join(METRICS)}{_hint(metric_name, METRICS)}")
    if not rest or len(rest) > 2:
        raise ValueError(f"expected {metric_name}[.arm].stat, with a stat of {', '.join(metric.stats)}")
    *arm, stat = rest
    if stat not in metric.stats:
        raise ValueError(f"expected a stat of {metric_name}: {', '.join(metric.stats)}{_hint(stat, metric.stats)}")
    if arm and arm[0] not in arms:
        raise ValueError(f"expected one of the arms {', '.join(arms)}{_hint(arm[0], arms)}")
    return Threshold(metric_name, arm[0] if arm else None, stat, _op(op), _value(number, metric), text)


def _op(op: str) -> Op:
    for known in get_args(Op):
        if op == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"expected <, <=, > or >= and not {op}")


def _value(number: str, metric: Metric) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"expected a number >= 0 ({metric.unit}) after the comparison")
    if metric.unit == "share" and value > 1:
        raise ValueError("expected a share between 0 and 1 after the comparison")
    return value


def _hint(word: str, known: Collection[str]) -> str:
    close = nearest(word, tuple(known))
    return f" (did you mean {close}?)" if close else ""
