"""From the history to the series that are watched."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from loadtest.analyse.nightly.series import Point, Series
from loadtest.analyse.nightly.watched import WATCHED

__all__ = ["series_of"]


def series_of(history: pl.DataFrame, scenario: str) -> tuple[Series, ...]:
    """One series for each watched metric of each candidate, by metric, arm and control; its points are the nights of
    the scenario that count, in order.

    history: columns as in `loadtest.record.history.COLUMNS`. A night on which nothing could be measured has no point.
    """
    return tuple(_series(history.filter(pl.col("scenario") == scenario)))


def _series(history: pl.DataFrame) -> Iterator[Series]:
    counted = history.filter(
        (pl.col("state") == "complete")
        & pl.col("control").is_not_null()
        & pl.col("watched").is_finite()
        & pl.col("metric").is_in(WATCHED)
    ).sort("night", "started_utc", "run_id", maintain_order=True)
    grouped = {
        key: part.select("night", "run_id", "fingerprint", "watched").rows()
        for key, part in counted.partition_by(
            ["metric", "arm", "control"], as_dict=True, maintain_order=True, include_key=False
        ).items()
    }
    for key in sorted(grouped, key=lambda key: (WATCHED.index(str(key[0])), str(key[1]), str(key[2]))):
        metric, arm, control = map(str, key)
        points = tuple(
            Point(night=night, run_id=run_id, fingerprint=fingerprint, value=value)
            for night, run_id, fingerprint, value in grouped[key]
        )
        yield Series(metric=metric, arm=arm, control=control, points=points)
