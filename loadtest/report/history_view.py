"""What the history says: the one model that every rendering of it takes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import median
from typing import Final

import polars as pl

from loadtest.analyse.compare.fingerprints import Residue
from loadtest.analyse.nightly.alarms import Alarm, watch
from loadtest.analyse.nightly.change_points import ChangePoint, change_points
from loadtest.analyse.nightly.fingerprint import changes
from loadtest.analyse.nightly.of_history import series_of
from loadtest.analyse.nightly.series import Series
from loadtest.record.history import VALID_SHARE
from loadtest.scenario.compared import COMPARED

__all__ = ["Changed", "Figure", "FingerprintChange", "History", "NightRun", "Trend", "history_views"]

BEFORE: Final = 14
"""So many nights are what the last one is shown beside."""
METRICS: Final = (*COMPARED, VALID_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NightRun:
    """The run of a night."""

    night: date
    run_id: str
    kind: str
    """rehearsal, live or other."""
    valid: bool
    state: str
    """complete: it counts; invalid: it is shown, and nothing is held against it."""
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Figure:
    """What a night says of a metric; all None: nothing could be measured."""

    estimate: float | None
    low: float | None
    high: float | None
    n: int
    """Valid script turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A metric of an arm, or of a candidate against the control, from night to night."""

    metric: str
    arm: str
    control: str | None
    figures: tuple[Figure | None, ...]
    """One for each of the history's runs; None: that run has not this arm."""
    before: float | None
    """Median of the nights before the last, 14 at most, that count and have its fingerprint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A change point: from this night on a candidate differs from the control by something else than before."""

    metric: str
    arm: str
    control: str
    point: ChangePoint


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintChange:
    """A night that is made of something else than the one before: with it a new baseline begins."""

    night: date
    run_id: str
    before: str
    after: str
    differ: tuple[Residue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The nights of one scenario."""

    scenario: str
    runs: tuple[NightRun, ...]
    """By night; never empty."""
    trends: tuple[Trend, ...]
    """Candidates against the control first, then the arms; metrics in the order of `COMPARED`."""
    changed: tuple[Changed, ...]
    alarms: tuple[Alarm, ...]
    """Nights out of the ordinary, each change on the night that confirmed it; not what change points alone told."""
    fingerprints: tuple[FingerprintChange, ...]
    nights_before: int
    """Earlier nights that are not shown."""


def history_views(
    frame: pl.DataFrame, *, metrics: Collection[str] = (), arms: Collection[str] = (), last: int | None = None
) -> tuple[History, ...]:
    """One for each scenario in the history (columns: `loadtest.record.history.COLUMNS`), by name.

    metrics, arms: only these, if any are named. last: only so many nights; what changed comes from all of them.
    """
    return tuple(_views(frame, metrics or METRICS, arms, last))


def _views(frame: pl.DataFrame, metrics: Collection[str], arms: Collection[str], last: int | None) -> Iterator[History]:
    def asked(of: Series | Alarm) -> bool:
        return of.metric in metrics and (not arms or of.arm in arms)

    for scenario in sorted(frame["scenario"].unique().to_list()):
        mine = frame.filter(pl.col("scenario") == scenario)
        whole = _runs(mine)
        runs = whole if last is None else whole[-last:]
        since = runs[0].night
        wanted = mine.filter(pl.col("metric").is_in(list(metrics)))
        if arms:
            wanted = wanted.filter(pl.col("arm").is_in(list(arms)))
        series = series_of(mine, scenario)
        yield History(
            scenario=scenario,
            runs=runs,
            trends=_trends(wanted, whole, len(runs)),
            changed=tuple(
                Changed(metric=one.metric, arm=one.arm, control=one.control, point=point)
                for one in series
                if asked(one)
                for point in change_points(one)
                if point.night >= since
            ),
            alarms=tuple(a for a in watch(series).alarms if asked(a) and a.night >= since),
            fingerprints=tuple(_fingerprint_changes(mine, whole, since)),
            nights_before=len(whole) - len(runs),
        )


def _runs(frame: pl.DataFrame) -> tuple[NightRun, ...]:
    columns = ("night", "run_id", "kind", "valid", "state", "fingerprint")
    found = frame.unique("run_id", keep="first", maintain_order=True).select(columns)
    return tuple(NightRun(**row) for row in found.iter_rows(named=True))


def _trends(frame: pl.DataFrame, runs: Sequence[NightRun], shown: int) -> tuple[Trend, ...]:
    at = {run.run_id: i for i, run in enumerate(runs)}
    parts = frame.partition_by(["metric", "arm", "control"], as_dict=True, maintain_order=True, include_key=False)
    found = []
    for (metric, arm, control), part in parts.items():
        figures: list[Figure | None] = [None] * len(runs)
        for run_id, *figure in part.select("run_id", "estimate", "low", "high", "n").iter_rows():
            figures[at[run_id]] = Figure(*figure)
        if any(figure is not None and figure.estimate is not None for figure in figures[-shown:]):
            found.append(
                Trend(
                    metric=str(metric),
                    arm=str(arm),
                    control=None if control is None else str(control),
                    figures=tuple(figures[-shown:]),
                    before=_before(figures, runs),
                )
            )
    return tuple(sorted(found, key=_place))


def _place(trend: Trend) -> tuple[bool, str, str, int]:
    return trend.control is None, trend.arm, trend.control or "", METRICS.index(trend.metric)


def _before(figures: Sequence[Figure | None], runs: Sequence[NightRun]) -> float | None:
    alike = [
        figure.estimate
        for figure, run in zip(figures[:-1], runs[:-1], strict=True)
        if figure is not None
        and figure.estimate is not None
        and run.state == "complete"
        and run.fingerprint == runs[-1].fingerprint
    ]
    return median(alike[-BEFORE:]) if alike else None


def _fingerprint_changes(frame: pl.DataFrame, runs: Sequence[NightRun], since: date) -> Iterator[FingerprintChange]:
    told: Mapping[str, str] = dict(frame.select("run_id", "made_of").drop_nulls().iter_rows())
    for before, after in pairwise(runs):
        if before.fingerprint != after.fingerprint and after.night >= since:
            made_of = [_made_of(told.get(run.run_id)) for run in (before, after)]
            yield FingerprintChange(
                night=after.night,
                run_id=after.run_id,
                before=before.fingerprint,
                after=after.fingerprint,
                differ=changes(*made_of) if all(made_of) else (),
            )


def _made_of(text: str | None) -> dict[str, str]:
    try:
        body = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in body.items()} if isinstance(body, dict) else {}
