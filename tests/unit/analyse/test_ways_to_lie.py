"""Ways this tool could lie, those that analysis could commit; each test bears the name of one.

Elsewhere: turn-level confidence intervals (test_quantiles), zero-event intervals (test_rates), client-made 1011s,
goAway, 1000 and exposure while disconnected (test_closes), a saturated tester (test_validity), simulated endpoints
reported as Google's (tests/unit/report/test_summary).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.analyse.arm import ArmFigures, arm_figures, reply_latencies_ms
from loadtest.analyse.inputs import read_run
from tests.unit.made_up import MadeUp


def figures(run: MadeUp, path: Path, arm: str = "ga") -> ArmFigures:
    return arm_figures(read_run(run.write(path)), arm)


def test_averaged_percentiles(tmp_path: Path) -> None:
    """Nine quick calls of one turn and a slow one of eleven: the pooled median is slow, the mean of medians is not."""
    run = MadeUp()
    for block in range(9):
        run.turn(run.call("ga", block), 500.0)
    slow = run.call("ga", 9)
    for _ in range(11):
        run.turn(slow, 2_000.0)
    assert figures(run, tmp_path).reply_latency["p50"].value_ms == 2_000.0


def test_dropping_unanswered_turns(tmp_path: Path) -> None:
    run = MadeUp()
    call = run.call("ga", 0)
    for latency_ms in [600.0] * 40 + [None] * 60:
        run.turn(call, latency_ms)
    ga = figures(run, tmp_path)
    assert ga.reply_latency["p50"].n == 100
    assert ga.reply_latency["p50"].value_ms is None
    assert ga.reply_latency["p50"].beyond_limit_ms == 10_000
    assert ga.answered.value == pytest.approx(0.4)


@pytest.mark.parametrize(
    "columns",
    [
        {"outcome": "talked_over", "latency_ms": None, "lost": False},
        {"outcome": "answered", "latency_ms": None, "lost": False},
        {"outcome": "answered", "latency_ms": 6_000.0, "lost": True},
        {"outcome": "answered", "latency_ms": 14_000.0},
        {"outcome": None, "latency_ms": None, "lost": None},
    ],
)
def test_dropping_talked_over_turns_and_others_without_a_reply_in_time(tmp_path: Path, columns: dict[str, Any]) -> None:
    run = MadeUp()
    run.turn(run.call("ga", 0), **columns)
    data = read_run(run.write(tmp_path))
    assert reply_latencies_ms(data.turns, data.limit_ms).tolist() == [10_000.0]


def test_dropping_disputed_turns(tmp_path: Path) -> None:
    run = MadeUp()
    call = run.call("ga", 0)
    for disputed in (True, True, False, None):
        run.turn(call, 800.0, disputed=disputed)
    ga = figures(run, tmp_path)
    assert ga.reply_latency["p50"].n == 4
    assert (ga.disputed.count, ga.disputed.n) == (2, 3)


def test_hiding_what_rests_on_the_second_detector(tmp_path: Path) -> None:
    run = MadeUp()
    call = run.call("ga", 0)
    for _ in range(3):
        run.turn(call, 800.0, disputed=False, energy_outcome="answered", energy_latency_ms=800.0)
    run.turn(call, 4000.0, disputed=True, energy_outcome="answered", energy_latency_ms=500.0)
    run.turn(call, None, disputed=True, energy_outcome="answered", energy_latency_ms=600.0)
    run.turn(call, 700.0)  # no second opinion: the first one is all there is
    ga = figures(run, tmp_path)
    assert ga.energy_alone is not None
    assert (ga.answered.count, ga.energy_alone.answered.count) == (5, 6)
    assert (ga.reply_latency["p50"].value_ms, ga.energy_alone.reply_latency["p50"].value_ms) == (800.0, 700.0)


def test_a_run_with_one_detector_has_no_figure_of_two(tmp_path: Path) -> None:
    run = MadeUp()
    run.turn(run.call("ga", 0), 800.0)
    assert figures(run, tmp_path).energy_alone is None


def test_re_prompts_counted_as_turns(tmp_path: Path) -> None:
    run = MadeUp()
    call = run.call("ga", 0)
    run.turn(call, None)
    for kind in ("reprompt", "reprompt", "barge_in"):
        run.turn(call, 300.0, kind=kind, lost=None)
    ga = figures(run, tmp_path)
    assert ga.script_turns.turns == 1
    assert (ga.answered.count, ga.answered.n) == (0, 1)
    assert ga.reply_latency["p50"].n == 1


def test_invalid_turns_are_in_no_figure_but_the_share_of_valid_ones(tmp_path: Path) -> None:
    run = MadeUp()
    call = run.call("ga", 0)
    for _ in range(8):
        run.turn(call, 800.0)
    for _ in range(2):
        run.turn(call, None, valid=False, invalid_reason="loop_lag 200 ms")
    ga = figures(run, tmp_path)
    assert (ga.script_turns.turns, ga.script_turns.valid, ga.answered.n) == (10, 8, 8)


def test_what_was_heard_in_invalid_turns_changes_no_estimate(tmp_path: Path) -> None:
    def make(name: str, **columns: Any) -> ArmFigures:
        run = MadeUp()
        for block in range(12):
            call = run.call("ga", block)
            for n in range(4):
                run.turn(call, 800.0 + n)
            run.turn(call, valid=False, invalid_reason="loop_lag 200 ms", **columns)
        return figures(run, tmp_path / name)

    quick = make("quick", latency_ms=10.0)
    assert make("slow", latency_ms=9_000.0) == quick
    assert make("lost", latency_ms=None) == quick
    assert make("talked-over", latency_ms=None, outcome="talked_over", lost=False) == quick


def test_an_arm_is_not_touched_by_the_other(tmp_path: Path) -> None:
    def make(other_ms: float) -> ArmFigures:
        run = MadeUp()
        draws = np.random.default_rng(3)
        for block in range(12):
            for arm in run.arms:
                call = run.call(arm, block)
                for _ in range(7):
                    jitter = float(draws.uniform(0, 300))
                    run.turn(call, (500.0 if arm == "ga" else other_ms) + jitter)
        return figures(run, tmp_path / str(other_ms))

    assert make(500.0) == make(5_000.0)


def test_the_order_of_rows_changes_no_figure(tmp_path: Path) -> None:
    from tests.unit.made_up import ordinary_run

    run = ordinary_run(lost={"preview": 5, "ga": 2})
    before = figures(run, tmp_path / "a", "preview")
    for rows in run.tables.values():
        rows.reverse()
    after = figures(run, tmp_path / "b", "preview")
    assert after == before


def test_greetings_that_never_came_are_not_dropped(tmp_path: Path) -> None:
    run = MadeUp()
    for greeting_latency_ms in (800.0, 900.0, None, None, None):
        run.call("ga", 0, greeting_latency_ms=greeting_latency_ms)
    greeting = figures(run, tmp_path).greeting
    assert (greeting.greeted, greeting.calls) == (2, 5)
    assert greeting.latency["p50"].beyond_limit_ms == 10_000
    never = MadeUp()
    never.call("ga", 0, greeting_latency_ms=None)
    assert figures(never, tmp_path / "never").greeting.latency["p50"].n == 0


def test_greetings_during_which_the_tester_was_late_say_nothing(tmp_path: Path) -> None:
    run = MadeUp()
    for in_time_ms in (800.0, 850.0, 900.0, 950.0):
        run.call("ga", 0, greeting_latency_ms=in_time_ms)
    for late_ms in (5_000.0, 6_000.0, 7_000.0, None):
        run.call("ga", 0, greeting_latency_ms=late_ms, valid=False)
    greeting = figures(run, tmp_path).greeting
    assert (greeting.greeted, greeting.calls) == (4, 4)
    assert greeting.latency["p50"].value_ms == 850.0


def test_every_planned_call_counts_once(tmp_path: Path) -> None:
    run = MadeUp()
    for outcome in ("completed", "completed", "no_answer", "dropped", "agent_silent", "something_new"):
        run.call("ga", 0, outcome=outcome)
    ga = figures(run, tmp_path)
    assert ga.planned == 6 == sum(ga.outcomes.values())
    assert list(ga.outcomes) == ["completed", "no_answer", "agent_silent", "dropped", "something_new"]


def test_an_arm_without_a_single_row_has_no_figures_and_no_nan(tmp_path: Path) -> None:
    empty = figures(MadeUp(), tmp_path)
    assert empty.planned == 0
    assert empty.answered.value is None
    assert empty.reply_latency["p50"].value_ms is None
    assert empty.losses.gap_s_per_talk_hour.value is None
