"""Bursts: connections of many calls that were lost at once, more than chance makes of closes that come one by one."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import polars as pl
from scipy import stats

__all__ = ["Burst", "bursts"]

WINDOW_S: Final = 1.0
FEWEST_CALLS: Final = 3
CHANCE: Final = 0.01
"""In a run whose closes come independently, at its mean rate, so often is anything called a burst."""
MERGE_S: Final = 10.0
"""Windows that follow one another within this are one burst."""
AFTER_S: Final = 30.0
"""Refusals that follow so soon belong to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Run seconds; calls: how many lost a connection; refused: connects that came to nothing then and soon after."""

    start_s: float
    end_s: float
    calls: int
    refused: int
    arms: tuple[str, ...]


def bursts(closes: pl.DataFrame, run_s: float) -> tuple[Burst, ...]:
    """Of the rows of table closes, all arms together, in order. run_s: how long the run lasted.

    A window is a burst if so many calls lose their connection in it, not by the client's doing, that a Poisson process
    of the run's mean rate has as many in any of the run's windows with a probability of at most CHANCE.
    """
    lost = closes.filter((pl.col("phase").fill_null("") != "setup") & (pl.col("side") != "client")).sort("at_s")
    refused = closes.filter(pl.col("phase") == "setup").sort("at_s")
    times, calls, arms = (lost[name].to_list() for name in ("at_s", "call_id", "arm"))
    spans: list[tuple[int, int]] = []
    for first in range(len(times)):
        last = bisect_right(times, times[first] + WINDOW_S) - 1
        if not _more_than_chance(len(set(calls[first : last + 1])), len(times) - (last + 1 - first), run_s):
            continue
        if spans and times[first] <= times[spans[-1][1]] + MERGE_S:
            spans[-1] = spans[-1][0], last
        else:
            spans.append((first, last))
    return tuple(
        Burst(
            start_s=times[first],
            end_s=times[last],
            calls=len(set(calls[first : last + 1])),
            refused=refused.filter(pl.col("at_s").is_between(times[first], times[last] + AFTER_S)).height,
            arms=tuple(sorted(set(arms[first : last + 1]))),
        )
        for first, last in spans
    )


def _more_than_chance(together: int, others: int, run_s: float) -> bool:
    """So many calls in one window, with so many closes elsewhere: a burst must not hide behind its own share."""
    if together < FEWEST_CALLS or run_s <= WINDOW_S:
        return False
    expected = max(1, others) * WINDOW_S / run_s
    return float(stats.poisson.sf(together - 1, expected)) * run_s / WINDOW_S <= CHANCE
