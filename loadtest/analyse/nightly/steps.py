"""What is told tonight: nights out of the ordinary, and steps that only several nights together show.

One night beyond what was expected of it, or two, may be too little for a step of 10 %, and a dozen nights later it is
what is expected. So a change point that the nights up to the last show for the first time is told, too. A change is
told once, by whichever of the two sees it first; what was told earlier is found by going back over the nights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from loadtest.analyse.nightly.alarms import Alarm, Watched, watch
from loadtest.analyse.nightly.change_points import ChangePoint, change_points
from loadtest.analyse.nightly.series import Series

__all__ = ["Step", "Told", "watch_tonight"]

LOOKBACK: Final = 14
"""Nights. A step that lies further back was told, or will never be."""
NEAR: Final = 3
"""Nights. Where a step lies is known no better than this while few nights of the new level are in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change of level that tonight is the first night to show."""

    metric: str
    arm: str
    control: str
    night: date
    run_id: str
    """Of the last run of tonight."""
    point: ChangePoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What there is to tell of the last night."""

    watched: Watched
    """`watched.tonight` lacks what a step had told before."""
    steps: tuple[Step, ...]
    """None that `watched.tonight` tells of."""


def watch_tonight(series: Sequence[Series], night: date | None = None) -> Told:
    """Hold the last night, or `night`, against those before it, by both rules."""
    watched = watch(series, night)
    if (last := watched.night) is None:
        return Told(watched=watched, steps=())
    alarms, steps = [], []
    for one in series:
        until = _until(one, last)
        if not until.points or until.points[-1].night != last:
            continue
        mine = [alarm for alarm in watched.alarms if _key(alarm) == _key(one)]
        tonight = [alarm for alarm in mine if alarm.night == last]
        alarms += [alarm for alarm in tonight if not _told_as_step(until, alarm)]
        if not tonight:
            steps += list(_new_steps(until, mine))
    return Told(watched=replace(watched, tonight=tuple(alarms)), steps=tuple(steps))


def _new_steps(series: Series, alarms: Sequence[Alarm]) -> Iterator[Step]:
    """Change points that the series shows now and on no night before, and that no earlier alarm was about."""
    for point in _recent(series):
        if any(abs(_index(series, alarm.since) - point.index) <= NEAR for alarm in alarms):
            continue
        if any(
            abs(old.index - point.index) <= NEAR for before in _nights_before(series) for old in change_points(before)
        ):
            continue
        last = series.points[-1]
        yield Step(
            metric=series.metric,
            arm=series.arm,
            control=series.control,
            night=last.night,
            run_id=last.run_id,
            point=point,
        )


def _told_as_step(series: Series, alarm: Alarm) -> bool:
    """Whether an earlier night had shown the change that the alarm is about."""
    above, since = alarm.value > alarm.expected.mean, _index(series, alarm.since)
    return any(
        point.index <= since + NEAR and (point.after > point.before) == above
        for before in _nights_before(series)
        for point in _recent(before)
    )


def _recent(series: Series) -> list[ChangePoint]:
    return [point for point in change_points(series) if point.index >= len(series.points) - LOOKBACK]


def _nights_before(series: Series) -> Iterator[Series]:
    """The series as it was on each of the last nights before its last one, the latest first."""
    nights = sorted({point.night for point in series.points})
    for night in reversed(nights[-1 - LOOKBACK : -1]):
        yield _until(series, night)


def _until(series: Series, night: date) -> Series:
    return replace(series, points=tuple(point for point in series.points if point.night <= night))


def _index(series: Series, night: date) -> int:
    return next(i for i, point in enumerate(series.points) if point.night == night)


def _key(one: Series | Alarm) -> tuple[str, str, str]:
    return one.metric, one.arm, one.control
