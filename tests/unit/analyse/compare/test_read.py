"""From results folders to an experiment: what counts, what is pooled, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from loadtest.analyse.compare.experiment import End
from loadtest.analyse.compare.read import Material, read_runs
from loadtest.errors import AnalysisError, LoadtestError, NewerError, RecordError, ScenarioError
from loadtest.record.layout import RunFolder
from loadtest.record.tables import ANALYSIS_VERSION
from tests.unit.made_up import SIMULATED, MadeUp, ordinary_run, write_frame

DECLARED: dict[str, Any] = {"compare": {"control": "ga"}, "blocks": 16}


def declared(**of_run: Any) -> MadeUp:
    run = ordinary_run(**of_run)
    run.scenario.update(DECLARED)
    return run


def read(run: MadeUp, path: Path, **options: Any) -> Material:
    return read_runs([run.write(path)], **options)


def second(run: MadeUp, **info: Any) -> MadeUp:
    """The same run under another name."""
    run.run_id = "20260102T000000Z-made-up-0a1c"
    run.info.update({"started_utc": "2026-01-02T00:00:00+00:00"} | info)
    return run


def pooled(path: Path, runs: Sequence[MadeUp], **options: Any) -> Material:
    return read_runs([run.write(path) for run in runs], **options)


# What counts.


def test_turns_count_as_in_the_summary(tmp_path: Path) -> None:
    run = declared(blocks=1)
    call = run.tables["calls"][0]["call_id"]
    run.tables["turns"].clear()
    for latency_ms, columns in (
        (700.0, {}),
        (None, {"close_id": "x"}),
        (None, {"outcome": "talked_over", "lost": False}),
        (14_000.0, {}),
        (0.2, {}),
        (900.0, {"valid": False}),
        (900.0, {"kind": "reprompt"}),
        (800.0, {"disputed": True, "close_id": "y"}),
    ):
        run.turn(call, latency_ms, **columns)
    turns = read(run, tmp_path).experiment.arms["preview"].turns
    assert turns.latency_ms.tolist() == [700.0, 10_000.0, 10_000.0, 10_000.0, 1.0, 800.0]
    assert turns.lost.tolist() == [False, True, False, False, False, False]
    assert turns.talked_over.tolist() == [False, False, True, False, False, False]
    assert turns.answered.tolist() == [True, False, False, True, True, True]
    assert turns.in_close.tolist() == [False, True, False, False, False, True]


def test_a_block_counts_if_every_arm_dialled_all_of_it(tmp_path: Path) -> None:
    run = declared(blocks=6)
    calls = run.tables["calls"]
    by_block = {block: [call for call in calls if call["block"] == block] for block in range(6)}
    by_block[1][0].update(outcome="dropped", dialled_s=None)
    by_block[2][1].update(outcome="aborted")
    calls.remove(by_block[3][0])
    by_block[4][0].update(outcome="agent_no_show", answered_s=None)
    for call in by_block[5]:
        call.update(block=None)
    read_ = read(run, tmp_path)
    assert read_.experiment.n_blocks == 2  # 0 and 4
    assert (read_.runs[0].blocks, read_.runs[0].left_out) == (2, 3)
    assert set(read_.experiment.arms["ga"].turns.block.tolist()) == {0, 1}


def test_a_block_with_fewer_calls_than_planned_is_not_complete(tmp_path: Path) -> None:
    run = declared(blocks=3)
    run.scenario["calls_per_block"] = 2
    run.call("ga", 0)
    run.call("preview", 0)
    assert read(run, tmp_path).experiment.n_blocks == 1


def test_closes_and_minutes_are_those_of_calls_whose_connections_are_known(tmp_path: Path) -> None:
    run = declared(blocks=2)
    first, other = (call for call in run.tables["calls"] if call["arm"] == "ga")
    run.close(first["call_id"], 10.0)
    run.close(first["call_id"], 15.0)
    run.close(first["call_id"], 40.0)
    run.close(first["call_id"], 45.0, side="client")
    run.close(first["call_id"], 46.0, code=1000)
    run.close(first["call_id"], 47.0, phase="setup")
    run.close(other["call_id"], 10.0)
    other["socket_s"] = None
    closes = read(run, tmp_path).experiment.arms["ga"].closes
    assert closes.incidents.tolist() == [2.0, 0.0]
    assert closes.raw.tolist() == [3.0, 0.0]
    assert closes.minutes.tolist() == [1.0, 0.0]
    assert closes.calls_hit.tolist() == [1.0, 0.0]
    assert closes.calls.tolist() == [1.0, 0.0]


def test_silences_are_over_all_calls_but_not_of_invalid_turns(tmp_path: Path) -> None:
    run = declared(blocks=2)
    first, other = (call["call_id"] for call in run.tables["calls"] if call["arm"] == "ga")
    run.gap(first, 0, 12_000.0)
    run.gap(first, 1, 15_000.0)
    run.gap(other, 0, 99_000.0)
    run.tables["turns"][-6]["valid"] = False  # the first one of the other call
    silences = read(run, tmp_path).experiment.arms["ga"].silences
    assert silences.excess_s.tolist() == [7.0, 0.0]
    assert silences.talk_s.tolist() == [60.0, 60.0]


def test_the_wait_for_the_first_1011_is_that_of_the_first_socket_that_opened(tmp_path: Path) -> None:
    run = declared(blocks=5)
    ids = [call["call_id"] for call in run.tables["calls"] if call["arm"] == "ga"]

    def connection(call_id: str, n: int, opened_s: float | None, closed_s: float, end: str) -> None:
        row = {"connection_id": f"{call_id}/{n}", "n": n, "opened_s": opened_s, "closed_s": closed_s, "end": end}
        run.tables["connections"].append(run._lead(call_id) | row)

    connection(ids[0], 1, None, 1.0, "refused")
    connection(ids[0], 2, 2.0, 62.0, "hangup")
    connection(ids[1], 1, 1.0, 31.0, "close")
    run.close(ids[1], 31.0)
    connection(ids[1], 2, 32.0, 60.0, "hangup")
    connection(ids[2], 1, 1.0, 11.0, "close")
    run.close(ids[2], 11.0, side="client")
    connection(ids[3], 1, 1.0, 41.0, "goaway")
    first = read(run, tmp_path).experiment.arms["ga"].first_closes
    assert first.block.tolist() == [0, 1, 2, 3]
    assert first.time_s.tolist() == [60.0, 30.0, 10.0, 40.0]
    assert first.end.tolist() == [End.HANG_UP, End.CLOSE_1011, End.OTHER_CLOSE, End.OTHER_CLOSE]


def test_greetings_that_never_came_are_at_the_limit_if_any_arm_greets(tmp_path: Path) -> None:
    run = declared(blocks=3)
    for call in run.tables["calls"]:
        if call["arm"] == "preview":
            call |= {"greeting_s": None, "greeting_latency_ms": None}
    arms = read(run, tmp_path / "one").experiment.arms
    assert arms["preview"].greetings.latency_ms.tolist() == [10_000.0] * 3
    assert len(arms["ga"].greetings.block) == 3
    for call in run.tables["calls"]:
        call |= {"greeting_s": None, "greeting_latency_ms": None}
    arms = read(run, tmp_path / "none").experiment.arms
    assert [len(arm.greetings.block) for arm in arms.values()] == [0, 0]


def test_the_order_of_rows_changes_nothing_that_is_counted(tmp_path: Path) -> None:
    run = declared(lost={"preview": 5, "ga": 2})
    before = read(run, tmp_path / "a").experiment.arms["preview"]
    for rows in run.tables.values():
        rows.reverse()
    after = read(run, tmp_path / "b").experiment.arms["preview"]
    assert np.array_equal(before.closes.incidents, after.closes.incidents)
    assert np.array_equal(before.silences.excess_s, after.silences.excess_s)
    for block in range(16):
        one, other = (np.sort(arm.turns.latency_ms[arm.turns.block == block]) for arm in (before, after))
        assert np.array_equal(one, other)


# Several runs.


def test_runs_are_pooled_by_run_and_block(tmp_path: Path) -> None:
    both = pooled(tmp_path, [declared(blocks=3), second(declared(blocks=2, lost={"ga": 1}))])
    assert both.experiment.n_blocks == 5
    assert [(run.blocks, run.left_out) for run in both.runs] == [(3, 0), (2, 0)]
    ga = both.experiment.arms["ga"]
    assert np.bincount(ga.turns.block).tolist() == [6] * 5
    assert ga.turns.block[ga.turns.lost].tolist() == [3]
    assert ga.closes.incidents.tolist() == [0, 0, 0, 1, 0]


def test_the_order_in_which_runs_are_given_changes_nothing(tmp_path: Path) -> None:
    folders = [declared(blocks=3).write(tmp_path), second(declared(blocks=2, lost={"ga": 1})).write(tmp_path)]
    one, other = read_runs(folders), read_runs(folders[::-1])
    assert one.runs == other.runs
    assert np.array_equal(one.experiment.arms["ga"].turns.latency_ms, other.experiment.arms["ga"].turns.latency_ms)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"info": {"versions": {"google-genai": "9.9"}}}, "versions.google-genai"),
        ({"info": {"host": {"cores": 64}}}, "host.cores"),
        ({"info": {"hashes": {"audio": "other"}}}, "audio"),
        ({"info": {"cap": 9}}, "cap"),
        ({"scenario": {"compare": {"control": "ga", "margins": {"reply_latency_p50": 0.5}}}}, "margins"),
        ({"scenario": {"callee": {"patience_s": 9}}}, "callee.patience_s"),
        ({"scenario": {"arrivals": [{"rate_per_minute": 3}]}}, "arrivals"),
        ({"scenario": {"arms": {a: {"model": "other", "endpoint": SIMULATED} for a in ("preview", "ga")}}}, "arms.ga"),
    ],
)
def test_runs_that_differ_are_refused_by_name_unless_that_is_allowed(
    tmp_path: Path, change: dict[str, Any], name: str
) -> None:
    first, other = declared(blocks=2), second(declared(blocks=2))
    first.info.update(versions={"google-genai": "3.4"}, hashes={"audio": "one"})
    other.info.update({"versions": {"google-genai": "3.4"}, "hashes": {"audio": "one"}} | change.get("info", {}))
    other.scenario.update(change.get("scenario", {}))
    folders = [run.write(tmp_path) for run in (first, other)]
    with pytest.raises(AnalysisError) as refused:
        read_runs(folders)
    assert name in refused.value.message
    assert f"--allow-difference {name}" in refused.value.remedy
    allowed = read_runs(folders, allowed=[name.split(".", maxsplit=1)[0], "margins", "arms", "callee"])
    assert allowed.experiment.n_blocks == 4
    assert any("runs were pooled that differ" in reason and name in reason for reason in allowed.exploratory)


@pytest.mark.parametrize(
    "scenario",
    [
        {"reply_limit_s": 8.0},
        {"callee": {"greeting_limit_s": 4.0}},
        {"arms": {arm: {"model": "m", "endpoint": {"base_url": "https://127.0.0.1:1"}} for arm in ("preview", "ga")}},
    ],
)
def test_runs_whose_figures_are_of_another_kind_are_never_pooled(tmp_path: Path, scenario: dict[str, Any]) -> None:
    other = second(declared(blocks=2))
    other.scenario.update(scenario)
    folders = [run.write(tmp_path) for run in (declared(blocks=2), other)]
    everything = ["reply_limit_s", "callee", "kind", "arms"]
    with pytest.raises(AnalysisError, match="cannot be pooled"):
        read_runs(folders, allowed=everything)


def test_runs_with_other_arms_are_never_pooled(tmp_path: Path) -> None:
    folders = [run.write(tmp_path) for run in (declared(blocks=2), second(declared(blocks=2, arms=("ga", "third"))))]
    with pytest.raises(AnalysisError, match="arms: ga, preview / ga, third"):
        read_runs(folders, allowed=["arms"])


def test_a_run_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    one, copy = declared(blocks=2).write(tmp_path / "one"), declared(blocks=2).write(tmp_path / "copy")
    for folders in ([one, one], [one, copy], [one, RunFolder(one.path / ".." / one.path.name)]):
        with pytest.raises(ScenarioError, match="twice"):
            read_runs(folders)


# What was declared.


def test_what_was_declared_and_kept_is_no_exploration(tmp_path: Path) -> None:
    plain = read(declared(), tmp_path)
    assert (plain.control, plain.candidates, plain.exploratory, plain.warnings[1:]) == ("ga", ("preview",), (), ())
    assert plain.planned_blocks == 16


def test_margins_that_were_edited_afterwards_make_it_exploratory(tmp_path: Path) -> None:
    folder = declared().write(tmp_path)
    text = folder.scenario.read_text()
    folder.scenario.write_text(text.replace("reply_latency_p95: 0.1\n", "reply_latency_p95: 0.9\n"))
    assert folder.scenario.read_text() != text
    (reason,) = read_runs([folder]).exploratory
    assert "not what was declared before" in reason


def test_margins_whose_hash_was_not_kept_confirm_nothing(tmp_path: Path) -> None:
    run = declared()
    run.info["hashes"] = {}
    (reason,) = read(run, tmp_path).exploratory
    assert "no hash" in reason


def test_another_control_than_declared_is_exploratory(tmp_path: Path) -> None:
    other = read(declared(), tmp_path, control="preview")
    assert (other.control, other.candidates) == ("preview", ("ga",))
    assert other.exploratory == ("the control is preview, declared was ga",)


def test_without_a_declaration_it_is_exploratory(tmp_path: Path) -> None:
    read_ = read(ordinary_run(), tmp_path)
    assert (read_.control, read_.candidates) == ("preview", ("ga",))
    assert "declares no comparison" in read_.exploratory[0]


def test_candidates_that_are_not_shown_are_named(tmp_path: Path) -> None:
    run = declared(arms=("preview", "ga", "third"))
    folder = run.write(tmp_path)
    assert read_runs([folder]).candidates == ("preview", "third")
    one = read_runs([folder], candidates=["third"])
    assert one.candidates == ("third",)
    assert "arms that are not shown, though they ran as well: preview" in one.warnings
    assert one.exploratory == ()


@pytest.mark.parametrize(
    "options", [{"control": "nobody"}, {"candidates": ["nobody"]}, {"candidates": ["ga"]}, {"control": "x\x1b[2J"}]
)
def test_an_arm_that_is_not_there_is_a_usage_error(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError) as refused:
        read(declared(blocks=2), tmp_path, **options)
    assert refused.value.exit_code == 2


def hello(folder: RunFolder, call_id: str, version: str) -> None:
    message = {"v": 1, "seq": 0, "t": 1.0, "type": "hello", "agents_version": version, "plugin_version": "1.8.9"}
    call = folder.call(call_id)
    call.path.mkdir(parents=True)
    event = {"type": "probe", "t": 1.0, "via": "data", "received_s": 1.0, "message": message}
    call.events.write_text(json.dumps(event) + "\n")


def test_software_that_changed_during_a_run_is_exploratory(tmp_path: Path) -> None:
    folder = declared(blocks=3).write(tmp_path)
    for call_id, version in {"0000-preview": "1.8.9", "0001-ga": "1.8.9", "0004-preview": "1.8.9"}.items():
        hello(folder, call_id, version)
    assert read_runs([folder]).exploratory == ()
    hello(folder, "0005-ga", "1.9.0")
    read_ = read_runs([folder])
    assert "agents 1.8.9 and 1.9.0" in read_.exploratory[0]
    assert "software" in read_.confounded["preview"][0]


def test_the_same_endpoint_twice_without_a_word_is_said(tmp_path: Path) -> None:
    run = declared(blocks=2)
    run.scenario["arms"] = {arm: {"model": "m", "endpoint": SIMULATED} for arm in run.arms}
    said = "preview and ga are the same endpoint: what differs between them is chance"
    assert said in read(run, tmp_path / "unsaid").warnings
    run.scenario["compare"] = {"control": "ga", "factor": "none"}
    assert said not in read(run, tmp_path / "said").warnings


# What cannot be read.


def test_a_run_with_one_arm_has_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="one arm, ga"):
        read(ordinary_run(arms=("ga",)), tmp_path)


@pytest.mark.parametrize(("version", "remedy"), [(ANALYSIS_VERSION - 1, "measure"), (ANALYSIS_VERSION + 1, "Update")])
def test_tables_of_another_analysis_are_refused(tmp_path: Path, version: int, remedy: str) -> None:
    folder = declared(blocks=2).write(tmp_path)
    write_frame(folder, "turns", pl.read_parquet(folder.table("turns")), analysis=version)
    with pytest.raises(RecordError, match=f"analysis {version}") as refused:
        read_runs([folder])
    assert remedy in refused.value.remedy


def test_tables_of_an_older_analysis_can_be_taken_as_they_are_and_that_is_said(tmp_path: Path) -> None:
    folder = declared(blocks=2).write(tmp_path)
    write_frame(folder, "turns", pl.read_parquet(folder.table("turns")), analysis=ANALYSIS_VERSION - 1)
    read_ = read_runs([folder], allowed=["analysis"])
    assert any("made its tables" in warning for warning in read_.warnings)


def test_a_run_of_a_newer_loadtest_is_refused(tmp_path: Path) -> None:
    run = declared(blocks=2)
    run.info["schema_version"] = 99
    with pytest.raises(NewerError):
        read(run, tmp_path)


def test_a_run_that_was_never_measured_says_what_to_do(tmp_path: Path) -> None:
    folder = declared(blocks=2).write(tmp_path)
    folder.table("turns").unlink()
    with pytest.raises(LoadtestError) as refused:
        read_runs([folder])
    assert "loadtest measure" in refused.value.remedy


def test_an_interrupted_run_counts_as_far_as_it_is_complete(tmp_path: Path) -> None:
    run = declared(blocks=8)
    for call in run.tables["calls"][9:12]:
        call.update(outcome="aborted")
    for call in run.tables["calls"][12:]:
        call.update(outcome="not_dialled", dialled_s=None)
    run.info["state"] = "interrupted"
    read_ = read(run, tmp_path)
    assert read_.experiment.n_blocks == 4
    assert [gate.name for gate in read_.gates if not gate.passed] == []
    assert any("interrupted" in warning for warning in read_.warnings)
