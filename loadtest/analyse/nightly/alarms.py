"""Which nights were out of the ordinary, and since when.

All nights are gone through in their order, with nothing kept from another time: the history alone decides, and says the
same whenever it is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from loadtest.analyse.nightly.levels import Levels, levels
from loadtest.analyse.nightly.prediction import Prediction, p_value, prediction
from loadtest.analyse.nightly.series import Point, Series, least_change

__all__ = ["BASELINE_NIGHTS", "LEAST_NIGHTS", "Alarm", "Tonight", "Watched", "least_spread", "watch"]

BASELINE_NIGHTS: Final = 14
LEAST_NIGHTS: Final = 8
"""Below, nothing is held against the baseline."""
OF_LEAST_CHANGE: Final = 0.25
"""The spread of a baseline counts as this part of the least change that matters, or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One change, told once."""

    metric: str
    arm: str
    control: str
    night: date
    """On which it was confirmed."""
    run_id: str
    since: date
    """The first night of it: the night itself, or the one before."""
    value: float
    """Of the night; see `Point.value`."""
    expected: Prediction
    """By the nights before `since`, at `level`."""
    level: float
    """Of the interval: two nights running beyond it are an alarm."""
    p: float
    """Two-sided, of this night alone."""
    series: int
    """How many were held against their baselines on this night: the more, the rarer each of them has to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tonight:
    """How one series stands on the last night."""

    metric: str
    arm: str
    control: str
    run_id: str
    value: float
    nights: int
    """In the baseline; below `LEAST_NIGHTS` nothing is held against it."""
    expected: Prediction | None
    level: float | None
    p: float | None
    suspected: bool
    """Beyond the interval on this night only: one more such night and it is an alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What there is to tell of all nights, and of the last."""

    night: date | None
    """The last night; None: there is none."""
    alarms: tuple[Alarm, ...]
    """Of all nights, in their order."""
    tonight: tuple[Alarm, ...]
    """Those of them that are of `night`: nobody has been told of them before."""
    standing: tuple[Tonight, ...]
    """Of each series that has a point on `night`, its last."""


def least_spread(metric: str) -> float:
    """What the standard deviation of a metric's nights counts as at least."""
    return OF_LEAST_CHANGE * least_change(metric)


def watch(series: Sequence[Series], night: date | None = None) -> Watched:
    """Hold each night against those before it.

    The baseline of a point are the last `BASELINE_NIGHTS` of its fingerprint since the last alarm of its series, from
    `LEAST_NIGHTS` on. A night that may be the first of two is in no baseline until the next has shown that it is not.

    night: which is the last; by default the last that any series has. If it has no point, because it was invalid,
    nothing is told of it.
    """
    states = [_State(one) for one in series]
    by_night: dict[date, list[tuple[_State, Point]]] = defaultdict(list)
    for state in states:
        for point in state.series.points:
            if night is None or point.night <= night:
                by_night[point.night].append((state, point))
    last = night if night is not None else max(by_night, default=None)
    alarms: list[Alarm] = []
    standing: dict[int, Tonight] = {}
    for when in sorted(by_night):
        of_night = by_night[when]
        ready = {id(state) for state, point in of_night if len(state.baseline(point)) >= LEAST_NIGHTS}
        held = max(1, len(ready))  # of a night with two runs, the second may be the first that has a baseline
        for state, point in of_night:
            found = state.take(point, held, tell=when == last)
            alarms += [found.alarm] if found.alarm is not None else []
            if found.standing is not None:
                standing[id(state)] = found.standing
    return Watched(
        night=last,
        alarms=tuple(alarms),
        tonight=tuple(alarm for alarm in alarms if alarm.night == last),
        standing=tuple(standing.values()),
    )


@dataclass(frozen=True, slots=True)
class _Suspect:
    point: Point
    p: float
    above: bool


@dataclass(frozen=True, slots=True)
class _Found:
    alarm: Alarm | None
    standing: Tonight | None


@dataclass(slots=True)
class _State:
    """One series, as far as it has been gone through."""

    series: Series
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By fingerprint, since the last alarm."""
    suspect: _Suspect | None = None

    def baseline(self, point: Point) -> list[float]:
        return self.values[point.fingerprint][-BASELINE_NIGHTS:]

    def take(self, point: Point, held: int, *, tell: bool) -> _Found:
        """Hold a point against its baseline, then let it become part of the next one's."""
        if self.suspect is not None and self.suspect.point.fingerprint != point.fingerprint:
            self._clear()
        baseline = self.baseline(point)
        if len(baseline) < LEAST_NIGHTS:
            self.values[point.fingerprint].append(point.value)
            return _Found(None, self._standing(point, baseline) if tell else None)
        bar = levels(len(baseline), held)
        p = p_value(baseline, point.value, least_spread=least_spread(self.series.metric))
        now = _Suspect(point, p, above=point.value > sum(baseline) / len(baseline))
        alarm, suspected = None, False
        if (first := self._first_of_two(now, bar)) is not None or p < bar.once:
            begins = point if first is None else first.point
            alarm = self._alarm(now, begins.night, baseline, bar, held)
            self.values.clear()
            self.values[point.fingerprint] = [point.value] if first is None else [begins.value, point.value]
            self.suspect = None
        else:
            self._clear()
            suspected = p < bar.twice
            if suspected:
                self.suspect = now
            else:
                self.values[point.fingerprint].append(point.value)
        return _Found(alarm, self._standing(point, baseline, bar, p, suspected=suspected) if tell else None)

    def _first_of_two(self, now: _Suspect, bar: Levels) -> _Suspect | None:
        """The night before, if the two together are an alarm."""
        first = self.suspect
        if first is None or first.point.night == now.point.night or first.above != now.above:
            return None
        return first if max(first.p, now.p) < bar.twice else None

    def _clear(self) -> None:
        """What was suspected was no change: it is a night like others."""
        if self.suspect is not None:
            self.values[self.suspect.point.fingerprint].append(self.suspect.point.value)
            self.suspect = None

    def _expected(self, baseline: list[float], bar: Levels) -> Prediction:
        return prediction(baseline, 1 - bar.twice, least_spread=least_spread(self.series.metric))

    def _alarm(self, now: _Suspect, since: date, baseline: list[float], bar: Levels, held: int) -> Alarm:
        return Alarm(
            metric=self.series.metric,
            arm=self.series.arm,
            control=self.series.control,
            night=now.point.night,
            run_id=now.point.run_id,
            since=since,
            value=now.point.value,
            expected=self._expected(baseline, bar),
            level=1 - bar.twice,
            p=now.p,
            series=held,
        )

    def _standing(
        self,
        point: Point,
        baseline: list[float],
        bar: Levels | None = None,
        p: float | None = None,
        *,
        suspected: bool = False,
    ) -> Tonight:
        return Tonight(
            metric=self.series.metric,
            arm=self.series.arm,
            control=self.series.control,
            run_id=point.run_id,
            value=point.value,
            nights=len(baseline),
            expected=None if bar is None else self._expected(baseline, bar),
            level=None if bar is None else 1 - bar.twice,
            p=p,
            suspected=suspected,
        )
