"""Which nights alarm, once each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pytest

from loadtest.analyse.nightly.alarms import watch
from loadtest.analyse.nightly.prediction import p_value
from loadtest.analyse.nightly.series import Point, Series

FIRST = date(2026, 1, 1)
QUIET = [0.01, -0.02, 0.03, -0.01, 0.02, -0.03, 0.0, 0.01, -0.02, 0.02, -0.01, 0.03, -0.02, 0.0]
"""14 nights."""


def night(i: int) -> date:
    return FIRST + timedelta(days=i)


def series(
    values: Sequence[float] | npt.NDArray[np.float64],
    *,
    metric: str = "reply_latency_p95",
    arm: str = "preview",
    prints: Sequence[str] = (),
) -> Series:
    marks = [*prints, *["same"] * (len(values) - len(prints))]
    points = (
        Point(night(i), f"run-{i}", mark, float(value))
        for i, (value, mark) in enumerate(zip(values, marks, strict=True))
    )
    return Series(metric, arm, "ga", tuple(points))


def nights_of(*watched: Series) -> list[date]:
    return [alarm.night for alarm in watch(watched).alarms]


def test_a_night_far_off_alarms_at_once() -> None:
    (alarm,) = watch([series([*QUIET, 0.15])]).alarms
    assert (alarm.metric, alarm.arm, alarm.control, alarm.value) == ("reply_latency_p95", "preview", "ga", 0.15)
    assert (alarm.night, alarm.since, alarm.run_id) == (night(14), night(14), "run-14")
    assert alarm.p < 0.001
    assert alarm.expected.low < 0 < alarm.expected.high < 0.15
    assert (alarm.expected.n, alarm.level, alarm.series) == (14, 0.99, 1)


def test_a_night_somewhat_off_alarms_if_the_next_one_is_too() -> None:
    one, two = series([*QUIET, 0.08]), series([*QUIET, 0.08, 0.08])
    assert 0.001 < p_value(QUIET, 0.08) < 0.01
    suspected = watch([one])
    assert suspected.alarms == ()
    assert suspected.standing[0].suspected
    (alarm,) = watch([two]).tonight
    assert (alarm.night, alarm.since) == (night(15), night(14))
    assert alarm.expected.mean == pytest.approx(np.mean(QUIET))  # the suspected night is not part of what is expected


@pytest.mark.parametrize("second", [0.01, -0.08])
def test_it_does_not_if_the_next_one_is_ordinary_or_off_the_other_way(second: float) -> None:
    assert nights_of(series([*QUIET, 0.08, second, 0.01])) == []


def test_two_runs_of_one_night_are_not_two_nights() -> None:
    points = (
        *series(QUIET).points,
        Point(night(14), "run-14a", "same", 0.08),
        Point(night(14), "run-14b", "same", 0.08),
    )
    assert nights_of(Series("reply_latency_p95", "preview", "ga", points)) == []


def test_the_same_change_never_alarms_twice() -> None:
    level = [value + 0.15 for value in QUIET * 3]
    assert nights_of(series([*QUIET, *level])) == [night(14)]


def test_the_next_change_alarms_again_once_there_is_a_new_baseline() -> None:
    up = [value + 0.15 for value in QUIET]
    back = [*QUIET, *up, *QUIET]
    assert nights_of(series(back)) == [night(14), night(28)]
    assert nights_of(series([*QUIET, *up[:7], *QUIET])) == [night(14)]  # seven nights are no baseline


def test_nothing_is_held_against_fewer_than_eight_nights() -> None:
    assert nights_of(series([*QUIET[:7], 5.0])) == []
    assert nights_of(series([*QUIET[:8], 5.0])) == [night(8)]
    young = watch([series([*QUIET[:7], 5.0])])
    assert (young.standing[0].nights, young.standing[0].expected, young.standing[0].p) == (7, None, None)


def test_the_baseline_are_the_last_fourteen() -> None:
    wild = [1.0, -1.0] * 10
    assert nights_of(series([*wild, *QUIET, 0.15])) == [night(34)]
    assert nights_of(series([*wild, *QUIET[:13], 0.15])) == []


def test_another_fingerprint_is_another_baseline() -> None:
    up = [value + 0.15 for value in QUIET]
    assert nights_of(series([*QUIET, *up], prints=["old"] * 14)) == []
    back = series([*QUIET, *up[:3], 0.15], prints=[*["old"] * 14, *["new"] * 3, "old"])
    assert nights_of(back) == [night(17)]  # the old nights are still what the old fingerprint does


def test_after_a_change_nights_before_it_count_no_more_whatever_their_fingerprint() -> None:
    values = [*QUIET, *QUIET, 0.15, 0.3]
    found = watch([series(values, prints=[*["old"] * 14, *["new"] * 15, "old"])])
    assert [alarm.night for alarm in found.alarms] == [night(28)]
    assert found.standing[0].nights == 0


def test_many_series_have_to_be_rarer_each() -> None:
    off = series([*QUIET, 0.105])
    others = [series([*QUIET, 0.0], arm=f"other {i}") for i in range(7)]
    assert 0.001 / 8 < p_value(QUIET, 0.105) < 0.001
    assert nights_of(off) == [night(14)]
    assert nights_of(off, *others) == []
    young = [series(QUIET[:7], arm=f"young {i}") for i in range(7)]  # what has no baseline cannot alarm
    assert nights_of(off, *young) == [night(14)]


def test_what_is_mostly_zero_alarms_at_much_and_not_at_little() -> None:
    lost = [0.0] * 14
    assert nights_of(series([*lost, 0.5], metric="lost_turns")) == []
    assert nights_of(series([*lost, 4.0], metric="lost_turns")) == [night(14)]
    assert nights_of(series([*lost, -0.04], metric="answered_share")) == [night(14)]


def test_tonight_is_what_nobody_was_told_before() -> None:
    told = series([*QUIET, 0.15, 0.16])
    assert [alarm.night for alarm in watch([told], night(14)).tonight] == [night(14)]
    later = watch([told])
    assert (later.night, later.tonight, len(later.alarms)) == (night(15), (), 1)


def test_a_night_without_a_point_tells_nothing_anew() -> None:
    invalid = watch([series([*QUIET, 0.15])], night(15))
    assert (invalid.tonight, invalid.standing) == ((), ())
    assert len(invalid.alarms) == 1


def test_nights_to_come_change_nothing_of_those_before() -> None:
    rng = np.random.default_rng(5)
    many = [series(rng.normal(0, 0.03, 80) + 0.3 * (np.arange(80) >= 30 + 5 * i), arm=f"arm {i}") for i in range(4)]
    whole = watch(many).alarms
    assert len(whole) >= 3
    for last in range(10, 80, 7):
        assert watch(many, night(last)).alarms == tuple(a for a in whole if a.night <= night(last))


def test_nothing_at_all() -> None:
    assert watch([]).night is None
    assert watch([Series("rate_1011", "preview", "ga", ())]).alarms == ()


def test_the_second_run_of_a_night_may_be_the_first_with_a_baseline() -> None:
    points = (
        *series(QUIET[:8]).points[:7],
        Point(night(7), "run-7a", "same", 0.0),
        Point(night(7), "run-7b", "same", 5.0),
    )
    assert [alarm.run_id for alarm in watch([Series("reply_latency_p95", "preview", "ga", points)]).alarms] == [
        "run-7b"
    ]
