"""What was lost, and what the 1011s had to do with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from loadtest.analyse.arm import ArmFigures, arm_figures
from loadtest.analyse.gaps import censored_median
from loadtest.analyse.inputs import read_run
from tests.unit.made_up import MadeUp


def figures(run: MadeUp, path: Path) -> ArmFigures:
    return arm_figures(read_run(run.write(path)), "ga")


def test_lost_turns_by_cause_and_what_the_1011s_cost(tmp_path: Path) -> None:
    run = MadeUp()
    call = run.call("ga", 0)
    close = run.close(call, 10.0)
    reset = run.close(call, 40.0, code=1006, side="none")
    run.gap(call, run.turn(call, None, close_id=close), 12_000.0)
    run.gap(call, run.turn(call, None, close_id=reset), 11_000.0)
    run.gap(call, run.turn(call, None), 10_500.0, cause="stall")
    run.turn(call, None)  # nothing tells why
    run.turn(call, 700.0, truncated=True, close_id=close)
    run.turn(call, 700.0, truncated=True, close_id=reset)
    run.turn(call, 700.0)
    losses = figures(run, tmp_path).losses
    assert (losses.lost.count, losses.lost.n) == (4, 7)
    assert losses.causes == {"ws_close": 2, "stall": 1, "unknown": 1}
    assert (losses.lost_to_1011, losses.truncated_to_1011) == (1, 1)


def test_what_a_log_does_not_tell_of_cut_replies_is_not_none(tmp_path: Path) -> None:
    run = MadeUp()
    call = run.call("ga", 0)
    run.turn(call, 700.0, close_id=run.close(call, 10.0, phase="replying", evidence="agent_log"))
    assert figures(run, tmp_path).losses.truncated_to_1011 is None


def test_gap_seconds_are_the_excess_over_all_talk(tmp_path: Path) -> None:
    run = MadeUp()
    call, quiet = run.call("ga", 0, talk_s=120.0), run.call("ga", 1, talk_s=240.0)
    run.gap(call, run.turn(call, None), 12_000.0, excess_ms=2_000.0)
    run.gap(call, run.turn(call), 3_000.0, kind="mid_reply", excess_ms=2_000.0, lost_turn=False)
    run.turn(quiet)
    per_hour = figures(run, tmp_path).losses.gap_s_per_talk_hour
    assert per_hour.amount == pytest.approx(4.0)
    assert per_hour.value == pytest.approx(40.0)  # 4 s in a tenth of an hour, the quiet call included


def test_gaps_of_invalid_turns_say_nothing_about_the_agent(tmp_path: Path) -> None:
    run = MadeUp()
    call = run.call("ga", 0)
    run.gap(call, run.turn(call, None, valid=False, invalid_reason="loop_lag 900 ms"), 20_000.0)
    run.turn(call)
    losses = figures(run, tmp_path).losses
    assert (losses.lost.count, losses.gaps, losses.gap_s_per_talk_hour.amount) == (0, 0, 0.0)


def test_a_hole_in_the_greeting_counts_if_the_greeting_does(tmp_path: Path) -> None:
    """It has no turn; whether the tester was well is said of the call."""
    run = MadeUp()
    well, unwell = run.call("ga", 0), run.call("ga", 1, valid=False, invalid_reason="loop_lag 900 ms")
    for call, gap_ms in ((well, 3_000.0), (unwell, 20_000.0)):
        run.gap(call, None, gap_ms, kind="mid_reply", excess_ms=gap_ms - 1_000, lost_turn=False)
        run.turn(call)
    losses = figures(run, tmp_path).losses
    assert (losses.gaps, losses.gap_s_per_talk_hour.amount) == (1, 2.0)


def test_patience_is_the_median_of_answered_calls(tmp_path: Path) -> None:
    run = MadeUp()
    for patience_s in (4.0, 5.0, 7.0):
        run.call("ga", 0, patience_s=patience_s)
    run.call("ga", 0, patience_s=100.0, answered_s=None, outcome="no_answer")
    assert figures(run, tmp_path).losses.patience_median_s == 5.0


def test_dead_air_that_never_ended_is_censored_and_not_dropped() -> None:
    durations, ended = np.array([5.0, 6, 7, 8, 9]), np.zeros(5, bool)
    assert censored_median(durations, ended) == 7.0
    assert censored_median(durations, np.array([True, True, False, False, False])) == 8.0
    assert censored_median(durations, np.ones(5, bool)) is None
    assert censored_median(np.array([]), np.array([], bool)) is None
