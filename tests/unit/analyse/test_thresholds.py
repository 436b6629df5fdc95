"""Thresholds: every metric that can be asked for is measured, and what is not known does not pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.analyse.arm import arm_figures
from loadtest.analyse.inputs import read_run
from loadtest.analyse.thresholds import check_thresholds, figure
from loadtest.scenario.thresholds import METRICS, parse_threshold
from tests.unit.made_up import MadeUp, ordinary_run

ARMS = ("preview", "ga")


@pytest.mark.parametrize(("metric", "stat"), [(name, stat) for name, m in METRICS.items() for stat in m.stats])
def test_every_metric_of_the_grammar_has_a_figure(tmp_path: Path, metric: str, stat: str) -> None:
    data = read_run(ordinary_run(blocks=16, turns=25).write(tmp_path))
    value, why = figure(arm_figures(data, "ga"), metric, stat)
    assert value is not None or (metric, stat) == ("greeting_latency", "p95"), why


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("reply_latency.p50 < 900", {"preview": True, "ga": True}),
        ("reply_latency.ga.p50 < 700", {"ga": False}),
        ("answered_share.value >= 0.99", {"preview": False, "ga": True}),
        ("rate_1011.per_minute <= 0.1", {"preview": False, "ga": True}),
        ("lost_turns.per_100 < 5", {"preview": False, "ga": True}),
        ("gap_seconds.per_hour > 1", {"preview": True, "ga": False}),
        ("valid_share.value >= 1", {"preview": True, "ga": True}),
    ],
)
def test_a_threshold_is_held_against_each_arm_or_the_one_named(
    tmp_path: Path, text: str, holds: dict[str, bool]
) -> None:
    data = read_run(ordinary_run(lost={"preview": 7}).write(tmp_path))
    figures = {arm: arm_figures(data, arm) for arm in ARMS}
    results = check_thresholds([parse_threshold(text, ARMS)], figures)
    assert {r.arm: r.holds for r in results} == holds


def test_a_figure_that_is_not_known_does_not_meet_a_threshold(tmp_path: Path) -> None:
    run = MadeUp()
    run.turn(run.call("ga", 0, socket_s=None))
    figures = {"ga": arm_figures(read_run(run.write(tmp_path)), "ga")}
    asked = ["reply_latency.p95 < 3000", "rate_1011.per_minute < 9"]
    results = check_thresholds([parse_threshold(text, ARMS) for text in asked], figures)
    assert [(r.holds, r.value, r.why) for r in results] == [
        (False, None, "needs 73 values, has 1"),
        (False, None, "connected time unknown"),
    ]


def test_beyond_the_limit_meets_no_threshold_even_above_the_limit(tmp_path: Path) -> None:
    run = MadeUp()
    call = run.call("ga", 0)
    for _ in range(5):
        run.turn(call, None)
    figures = {"ga": arm_figures(read_run(run.write(tmp_path)), "ga")}
    (result,) = check_thresholds([parse_threshold("reply_latency.p50 < 60000", ARMS)], figures)
    assert (result.holds, result.why) == (False, "> 10.0 s")
