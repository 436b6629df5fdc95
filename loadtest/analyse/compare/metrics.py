"""How each metric of `loadtest.scenario.compared` is estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from loadtest.analyse.compare.effect import Estimator
from loadtest.analyse.compare.latency import greeting_ratio, latency_ratio
from loadtest.analyse.compare.rate_1011 import calls_hit_1011, rate_1011, raw_rate_1011
from loadtest.analyse.compare.shares import answered_share, lost_turns, talked_over_share
from loadtest.analyse.compare.silences import gap_seconds
from loadtest.analyse.compare.survival import time_to_1011

__all__ = ["METRICS", "MIN_VERDICT_BLOCKS", "Metric"]

MIN_VERDICT_BLOCKS: Final = 24
"""Fewer blocks than this carry no verdict."""
MIN_VERDICT_BLOCKS_P99: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """The estimate behind a metric."""

    estimate: Estimator
    sensitivities: Mapping[str, Estimator]
    """The same question asked otherwise, by what is different."""
    limit: Literal["reply", "greeting"] = "reply"
    """Which limit a missing value counts as."""
    least_blocks: int = MIN_VERDICT_BLOCKS
    """For a verdict."""


METRICS: Final[Mapping[str, Metric]] = {
    "rate_1011": Metric(
        estimate=rate_1011, sensitivities={"raw closes": raw_rate_1011, "calls affected": calls_hit_1011}
    ),
    "lost_turns": Metric(estimate=lost_turns, sensitivities={}),
    "reply_latency_p50": Metric(
        estimate=latency_ratio(0.5), sensitivities={"outside closes": latency_ratio(0.5, outside_closes=True)}
    ),
    "reply_latency_p95": Metric(
        estimate=latency_ratio(0.95), sensitivities={"outside closes": latency_ratio(0.95, outside_closes=True)}
    ),
    "reply_latency_p99": Metric(
        estimate=latency_ratio(0.99),
        sensitivities={"outside closes": latency_ratio(0.99, outside_closes=True)},
        least_blocks=MIN_VERDICT_BLOCKS_P99,
    ),
    "greeting_latency_p50": Metric(estimate=greeting_ratio(0.5), sensitivities={}, limit="greeting"),
    "answered_share": Metric(estimate=answered_share, sensitivities={}),
    "talked_over_share": Metric(estimate=talked_over_share, sensitivities={}),
    "gap_seconds": Metric(estimate=gap_seconds, sensitivities={}),
    "time_to_1011": Metric(estimate=time_to_1011, sensitivities={}),
}
"""By key, in the order in which they are shown."""
