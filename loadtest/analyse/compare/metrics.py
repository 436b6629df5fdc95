"""How each metric of `loadtest.scenario.compared` is estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from loadtest.analyse.compare.effect import Estimator

__all__ = ["METRICS", "MIN_VERDICT_BLOCKS", "Metric"]

MIN_VERDICT_BLOCKS: Final = 24
"""Fewer blocks than this carry no verdict."""


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


METRICS: Final[Mapping[str, Metric]] = {}
"""By key, in the order in which they are shown."""
