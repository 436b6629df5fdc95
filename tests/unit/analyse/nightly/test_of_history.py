"""Which numbers of the history are watched, and what a night without events or replies comes to."""

from __future__ import annotations

import math

import polars as pl
import pytest

from loadtest.analyse.nightly.fingerprint import changes, digest, night_fingerprint
from loadtest.analyse.nightly.of_history import series_of
from loadtest.analyse.nightly.watched import WATCHED, log_rate_ratio, log_silence_ratio, watched
from loadtest.record.history import COLUMNS
from tests.unit.nights import row, run_name


def frame(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(COLUMNS), orient="row")


def test_a_series_has_the_nights_that_count_in_their_order() -> None:
    history = frame(
        row(3, watched=0.3),
        row(0, watched=0.0),
        row(1, watched=0.1, state="invalid"),
        row(2, watched=None),
        row(4, watched=0.4, fingerprint="other"),
        row(0, control=None, arm="ga", watched=None),
        row(0, metric="reply_latency_p99", watched=0.5),
        row(5, watched=0.9, scenario="another"),
    )
    (series,) = series_of(history, "made-up")
    assert (series.metric, series.arm, series.control) == ("reply_latency_p95", "preview", "ga")
    assert [(point.run_id, point.value) for point in series.points] == [
        (run_name(0), 0.0),
        (run_name(3), 0.3),
        (run_name(4), 0.4),
    ]
    assert [point.fingerprint for point in series.points][1:] == [series.points[0].fingerprint, "other"]


def test_each_metric_and_candidate_is_a_series_of_its_own_in_a_fixed_order() -> None:
    history = frame(
        *(row(0, metric=metric, arm=arm) for arm in ("new", "beta") for metric in reversed(WATCHED)),
    )
    found = [(series.metric, series.arm) for series in series_of(history, "made-up")]
    assert found == [(metric, arm) for metric in WATCHED for arm in ("beta", "new")]
    assert series_of(history.clear(), "made-up") == ()


def test_nothing_secondary_is_watched() -> None:
    assert {"reply_latency_p99", "time_to_1011"}.isdisjoint(WATCHED)
    assert {"rate_1011", "lost_turns", "reply_latency_p95", "answered_share"} <= set(WATCHED)


def test_a_ratio_is_watched_as_its_logarithm_and_a_difference_as_it_is() -> None:
    assert watched("reply_latency_p95", 1.1) == pytest.approx(math.log(1.1))
    assert watched("lost_turns", -0.4) == -0.4
    assert watched("reply_latency_p95", None) is None
    assert watched("gap_seconds", 0.0) is None
    assert watched("gap_seconds", math.inf) is None


def test_no_event_is_a_number_too() -> None:
    assert log_rate_ratio(0, 100.0, 0, 100.0) == 0.0
    assert log_rate_ratio(50, 100.0, 0, 100.0) == pytest.approx(math.log(101))
    assert log_rate_ratio(0, 100.0, 50, 100.0) == pytest.approx(-math.log(101))
    assert log_rate_ratio(400, 100.0, 200, 100.0) == pytest.approx(math.log(2), abs=0.01)
    assert log_rate_ratio(3, None, 2, 100.0) is None
    assert log_silence_ratio(0.0, 2.0, 0.0, 1.0) == pytest.approx(-math.log(2))
    assert log_silence_ratio(10.0, 0.0, 3.0, 1.0) is None


def test_a_fingerprint_is_of_what_makes_figures_other() -> None:
    run = {"margins": "a", "host.release": "6.1", "versions.loadtest": "1", "script": "s"}
    mine = night_fingerprint(run, 12)
    assert mine == {"blocks": "12", "versions.loadtest": "1", "script": "s"}
    assert digest(mine) == digest(night_fingerprint(run | {"margins": "b", "host.release": "6.2"}, 12))
    assert len({digest(mine), digest(mine | {"script": "t"}), digest(night_fingerprint(run, 24))}) == 3
    assert len(digest(mine)) == 12
    assert [str(changed) for changed in changes(mine, mine | {"versions.loadtest": "2"})] == [
        "versions.loadtest: 1 / 2"
    ]
