"""Ways this tool could lie, those that analysis could commit; each test bears the name of one.

All of them, and where their tests are:

- turn-level confidence intervals: test_quantiles
- dropping unanswered, disputed or talked-over turns: here, tests/unit/measure/test_ways_to_lie
- re-prompts counted as turns: here, tests/unit/measure/test_ways_to_lie
- closed-loop dialling: tests/unit/run/test_dialler
- anchoring at the start of an utterance: tests/unit/measure/test_ways_to_lie
- 1011s silently retried by the plugin: tests/unit/measure/test_ways_to_lie, tests/e2e/plugin
- GoAway or 1000 counted as 1011: test_closes, tests/unit/measure/test_ways_to_lie
- client-made 1011 counted as Google's: test_closes, tests/unit/measure/test_ways_to_lie
- exposure counted while disconnected: test_closes, tests/unit/measure/test_ways_to_lie
- one arm's storm slowing the other on a shared machine: tests/e2e/test_validity
- zero-event intervals: test_rates, compare/test_rate_1011
- peeking: here, compare/test_looks
- margins chosen after the data: here
- arms at different hours: here
- a saturated tester: here, test_validity, tests/unit/measure/test_ways_to_lie
- pooled SDK versions: here
- averaged percentiles: here
- "not significant" read as equal: here
- the simulator's log leaking into tables: tests/unit/measure/test_run, tests/e2e/test_main_run
- simulated endpoints reported as if they were Google's: here, tests/unit/report/test_summary
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.analyse.arm import ArmFigures, arm_figures, reply_latencies_ms
from loadtest.analyse.compare.result import Choice, Comparison, MetricResult, Verdict
from loadtest.analyse.inputs import read_run
from loadtest.errors import AnalysisError
from loadtest.jobs.compare import compare_runs
from loadtest.report.comparison_markdown import comparison_markdown
from loadtest.report.comparison_object import comparison_exit_code
from tests.unit.made_up import MadeUp, ordinary_run


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
    run = ordinary_run(lost={"preview": 5, "ga": 2})
    before = figures(run, tmp_path / "a", "preview")
    for rows in run.tables.values():
        rows.reverse()
    after = figures(run, tmp_path / "b", "preview")
    assert after == before


def test_greetings_that_never_came_are_not_dropped(tmp_path: Path) -> None:
    run = MadeUp()
    for greeting_latency_ms in (800.0, 900.0, None, None, None):
        greeted = {} if greeting_latency_ms is not None else {"greeting_s": None}
        run.call("ga", 0, greeting_latency_ms=greeting_latency_ms, **greeted)
    greeting = figures(run, tmp_path).greeting
    assert (greeting.greeted, greeting.calls) == (2, 5)
    assert greeting.latency["p50"].beyond_limit_ms == 10_000
    never = MadeUp()
    never.call("ga", 0, greeting_s=None, greeting_latency_ms=None)
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


# Those that comparing could commit.


def declared(*, blocks: int = 24, planned: int = 24, faster: float = 1.0, **compare: Any) -> MadeUp:
    """preview replies in `faster` of the time that ga takes; one script turn in 48 or so is lost in either."""
    run = ordinary_run(blocks=blocks, lost={"preview": 3, "ga": 3})
    run.scenario.update(compare={"control": "ga", **compare}, blocks=planned)
    for turn in run.tables["turns"]:
        if turn["arm"] == "preview" and turn["latency_ms"] is not None:
            turn["latency_ms"] *= faster
    return run


FASTER: dict[str, Any] = {"success": ["reply_latency_p50"], "margins": {"reply_latency_p50": 0.05}}


def result_of(comparison: Comparison, key: str) -> MetricResult:
    return next(metric for metric in comparison.candidates["preview"].metrics if metric.metric == key)


def test_what_is_plainly_better_as_declared_is_adopted(tmp_path: Path) -> None:
    """So that what follows is not refused for want of anything else."""
    comparison = compare_runs([declared(faster=0.8, **FASTER).write(tmp_path)])
    assert comparison.candidates["preview"].choice is Choice.ADOPT
    assert comparison.exploratory == ()
    assert comparison_exit_code(comparison, require_verdict=True) == 0


def test_margins_chosen_after_the_data(tmp_path: Path) -> None:
    folder = declared(faster=0.8, **FASTER).write(tmp_path)
    folder.scenario.write_text(folder.scenario.read_text().replace("reply_latency_p50: 0.05", "reply_latency_p50: 0.5"))
    comparison = compare_runs([folder])
    assert result_of(comparison, "reply_latency_p50").margin == 0.5
    assert "not what was declared before the first dial" in comparison.exploratory[0]
    assert "exploratory, no confirmation" in comparison.candidates["preview"].sentence
    assert comparison_exit_code(comparison, require_verdict=True) == 5


def test_peeking(tmp_path: Path) -> None:
    """What would do at the declared end does not before it, and blocks beyond the plan confirm nothing."""
    slightly = 0.955
    end = compare_runs([declared(faster=slightly, **FASTER).write(tmp_path / "end")])
    early = compare_runs([declared(faster=slightly, planned=96, **FASTER).write(tmp_path / "early")])
    assert result_of(end, "reply_latency_p50").verdict is Verdict.SUPERIOR
    assert result_of(early, "reply_latency_p50").verdict is not Verdict.SUPERIOR
    assert early.look.tail < 0.001 < end.look.tail == 0.025
    beyond = compare_runs([declared(faster=slightly, blocks=30, **FASTER).write(tmp_path / "beyond")])
    assert beyond.exploratory == ("30 blocks are in, 24 were planned",)


def test_arms_at_different_hours(tmp_path: Path) -> None:
    run = declared(faster=0.8, **FASTER)
    for call in run.tables["calls"]:
        if call["arm"] == "preview":
            for column in ("due_s", "dialled_s", "dispatched_s", "agent_joined_s", "answered_s", "ended_s"):
                call[column] += 6 * 3600
    comparison = compare_runs([run.write(tmp_path)])
    assert comparison.candidates["preview"].choice is Choice.INVALID
    assert [gate.name for gate in comparison.gates if not gate.passed] == ["side_by_side"]
    assert comparison_exit_code(comparison) == 3


def test_a_saturated_tester_decides_nothing(tmp_path: Path) -> None:
    run = declared(faster=0.8, **FASTER)
    for sample in run.tables["health"]:
        sample["cpu"] = 1.97
    comparison = compare_runs([run.write(tmp_path)])
    assert comparison.candidates["preview"].choice is Choice.INVALID
    assert [gate.name for gate in comparison.gates if not gate.passed] == ["tester_health"]


def test_pooled_sdk_versions(tmp_path: Path) -> None:
    runs = [declared(blocks=12, faster=0.8, **FASTER) for _ in range(2)]
    for run, run_id, version in zip(runs, ("monday", "tuesday"), ("1.8.9", "1.9.0"), strict=True):
        run.run_id, run.info["versions"] = run_id, {"livekit-plugins-google": version}
    folders = [run.write(tmp_path) for run in runs]
    with pytest.raises(AnalysisError, match=r"versions\.livekit-plugins-google: 1\.8\.9 / 1\.9\.0"):
        compare_runs(folders)
    comparison = compare_runs(folders, allowed=["versions.livekit-plugins-google"])
    assert comparison.blocks == 24
    assert "1.8.9 / 1.9.0" in comparison.exploratory[0]
    assert comparison_exit_code(comparison, require_verdict=True) == 5


def test_sdk_versions_that_differ_between_arms(tmp_path: Path) -> None:
    run = declared(faster=0.8, **FASTER)
    arms = read_run(run.write(tmp_path / "like")).info.arms
    run.info["arms"] = {**arms, "preview": {**arms["preview"], "versions": {"google-genai": "2.0"}}}
    comparison = compare_runs([run.write(tmp_path / "unlike")])
    assert comparison.candidates["preview"].choice is Choice.INVALID
    assert "google-genai 2.0" in comparison.candidates["preview"].confounded[0]


def test_not_significant_read_as_equal(tmp_path: Path) -> None:
    """No difference is shown, and no equality either: the interval reaches past the margin on both sides."""
    run = declared(margins={"reply_latency_p50": 0.01, "answered_share": 0.001})
    comparison = compare_runs([run.write(tmp_path)])
    candidate = comparison.candidates["preview"]
    for key in ("reply_latency_p50", "answered_share"):
        metric = result_of(comparison, key)
        assert metric.effect.interval is not None
        assert metric.verdict is Verdict.INCONCLUSIVE
        assert any(metric.title in text and "not shown" in text for text in candidate.missing)
    assert candidate.choice is Choice.INCONCLUSIVE
    assert "not decided" in candidate.sentence


@pytest.mark.parametrize("recorded", ["rehearsal", "live"])
def test_simulated_endpoints_reported_as_if_they_were_googles(tmp_path: Path, recorded: str) -> None:
    """Whatever run.json says of itself: no model is chosen by a rehearsal, in no rendering."""
    run = declared(faster=0.8, **FASTER)
    run.info["kind"] = recorded
    comparison = compare_runs([run.write(tmp_path)])
    assert comparison.kind == "rehearsal"
    assert comparison.candidates["preview"].sentence.startswith(
        "rehearsal: on real endpoints this would have read: adopt preview"
    )
    first, *rest = comparison_markdown(comparison).splitlines()
    assert "REHEARSAL against simulated endpoints, no figures of Google's" in first
    assert all("on real endpoints this would have read" in line for line in rest if "adopt preview" in line)
    assert any("run.json says live" in warning for warning in comparison.warnings) is (recorded == "live")
