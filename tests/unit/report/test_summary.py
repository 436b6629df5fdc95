"""From a results folder to its summary, its files and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from loadtest.errors import ExitCode, RecordError
from loadtest.record.tables import ANALYSIS_KEY, ANALYSIS_VERSION
from loadtest.report.summary import exit_code, summarise, write_summary
from tests.unit.made_up import SIMULATED, MadeUp, ordinary_run

GOOGLE = {"arms": {arm: {"model": f"gemini-{arm}", "endpoint": "google"} for arm in ("preview", "ga")}}


def spoiled(run: MadeUp, arm: str, n: int) -> MadeUp:
    for turn in [t for t in run.tables["turns"] if t["arm"] == arm][:n]:
        turn.update(valid=False, invalid_reason="loop_lag 300 ms")
    return run


def test_a_fine_run_exits_0(tmp_path: Path) -> None:
    assert exit_code(summarise(ordinary_run().write(tmp_path))) is ExitCode.OK


@pytest.mark.parametrize(("bad", "code"), [(4, ExitCode.OK), (5, ExitCode.INVALID)])
def test_under_95_percent_valid_turns_in_one_arm_exit_3(tmp_path: Path, bad: int, code: ExitCode) -> None:
    summary = summarise(spoiled(ordinary_run(), "ga", bad).write(tmp_path))  # of 96
    assert exit_code(summary) is code
    assert summary.valid is (code is ExitCode.OK)


def test_a_threshold_that_does_not_hold_exits_4_and_an_invalid_run_3_before_it(tmp_path: Path) -> None:
    run = ordinary_run(lost={"ga": 8})
    run.scenario["thresholds"] = ["answered_share.ga.value >= 0.98"]
    assert exit_code(summarise(run.write(tmp_path / "a"))) is ExitCode.THRESHOLD_FAILED
    assert exit_code(summarise(spoiled(run, "ga", 30).write(tmp_path / "b"))) is ExitCode.INVALID


def test_a_run_without_turns_is_no_success(tmp_path: Path) -> None:
    assert exit_code(summarise(MadeUp().write(tmp_path))) is ExitCode.INVALID


def test_calls_of_the_arms_are_all_planned_calls(tmp_path: Path) -> None:
    run = ordinary_run()
    run.call("ga", None, outcome="not_dialled", dialled_s=None, answered_s=None)
    summary = summarise(run.write(tmp_path))
    assert sum(arm.figures.planned for arm in summary.arms.values()) == 33
    for arm in summary.arms.values():
        assert sum(arm.figures.outcomes.values()) == arm.figures.planned


def test_the_control_is_the_declared_one(tmp_path: Path) -> None:
    run = ordinary_run(lost={"preview": 3, "ga": 3})
    assert summarise(run.write(tmp_path / "first")).control == "preview"
    run.scenario["compare"] = {"control": "ga"}
    summary = summarise(run.write(tmp_path / "declared"))
    assert list(summary.ratios_1011) == ["preview"]
    assert summary.ratios_1011["preview"].control == "ga"


@pytest.mark.parametrize("kind", ["rehearsal", "live"])
def test_simulated_endpoints_reported_as_googles(tmp_path: Path, kind: str) -> None:
    """Whatever run.json says: a run against a simulated endpoint is a rehearsal in every rendering."""
    run = ordinary_run()
    run.info["kind"] = kind
    folder = run.write(tmp_path)
    summary = summarise(folder)
    write_summary(folder, summary)
    assert summary.kind == "rehearsal"
    assert json.loads(folder.summary_json.read_text())["kind"] == "rehearsal"
    assert "REHEARSAL against simulated endpoints" in folder.summary_md.read_text().splitlines()[0]
    assert [arm.endpoint for arm in summary.arms.values()] == ["simulated", "simulated"]
    assert (len(summary.warnings) == 1) is (kind == "live")


def test_a_label_cannot_hide_that_an_endpoint_is_simulated(tmp_path: Path) -> None:
    run = ordinary_run()
    run.info["arms"] = {"ga": {"endpoint_label": "Google"}}
    assert summarise(run.write(tmp_path)).arms["ga"].endpoint == "simulated (Google)"


def test_a_live_run_is_live(tmp_path: Path) -> None:
    run = ordinary_run()
    run.scenario.update(GOOGLE)
    run.info.update(kind="live", arms={})
    summary = summarise(run.write(tmp_path))
    assert summary.kind == "live"
    assert summary.arms["ga"].endpoint == "Google"


def live_run() -> MadeUp:
    run = ordinary_run()
    run.scenario.update(GOOGLE)
    usage = {"call_minutes": 12.34, "estimated_usd": 1.239, "prices_as_of": "2026-10-10"}
    run.info.update(kind="live", arms={}, usage={"preview": usage, "ga": {**usage, "estimated_usd": None}})
    return run


def connect(run: MadeUp, arm: str, host: str | None) -> None:
    row = next(row for row in run.tables["calls"] if row["arm"] == arm)
    lead = {name: row[name] for name in ("run_id", "call_id", "arm", "block", "slot")}
    run.tables["connections"].append({**lead, "connection_id": f"{row['call_id']}/1", "n": 1, "host": host})


def test_a_live_run_shows_what_it_used(tmp_path: Path) -> None:
    folder = live_run().write(tmp_path)
    write_summary(folder, summarise(folder))
    text = folder.summary_md.read_text()
    assert "LIVE run against Google's endpoints" in text.splitlines()[0]
    assert "| call minutes | 12.3 | 12.3 |" in text
    assert "| estimated cost | \\$1.24 | no known price |" in text
    assert "prices published on 2026-10-10" in text
    body = json.loads(folder.summary_json.read_text())
    assert body["usage"]["preview"]["estimated_usd"] == 1.239
    assert body["usage"]["ga"]["estimated_usd"] is None


def test_the_generation_of_the_plugin_stands_at_its_arm(tmp_path: Path) -> None:
    run = ordinary_run()
    arms = {arm: {"model": "m", "endpoint": SIMULATED} for arm in run.arms}
    run.scenario["arms"] = arms | {"ga": {**arms["ga"], "agent": {"reference": True, "plugin": "1.6.0"}}}
    folder = run.write(tmp_path)
    write_summary(folder, summarise(folder))
    assert "m, plugin 1.6.0" in folder.summary_md.read_text()
    body = json.loads(folder.summary_json.read_text())
    assert {name: arm["plugin"] for name, arm in body["arms"].items()} == {"preview": None, "ga": "1.6.0"}


def test_a_rehearsal_has_no_cost(tmp_path: Path) -> None:
    folder = ordinary_run().write(tmp_path)
    write_summary(folder, summarise(folder))
    assert "## Cost" not in folder.summary_md.read_text()
    assert json.loads(folder.summary_json.read_text())["usage"] == {}


def test_one_connection_to_another_host_makes_a_run_not_live(tmp_path: Path) -> None:
    run = live_run()
    connect(run, "ga", "generativelanguage.googleapis.com")
    connect(run, "ga", "127.0.0.1")
    summary = summarise(run.write(tmp_path))
    assert summary.kind == "other"
    assert summary.arms["ga"].simulated is None
    assert "seen to connect to 127.0.0.1" in summary.arms["ga"].endpoint
    assert len(summary.warnings) == 1


@pytest.mark.parametrize(
    ("host", "kind", "simulated", "endpoint"),
    [
        (None, "other", None, "declared Google's, not verified"),
        ("generativelanguage.googleapis.com", "live", False, "Google"),
    ],
)
def test_an_external_agents_word_needs_evidence(
    tmp_path: Path, host: str | None, kind: str, simulated: bool | None, endpoint: str
) -> None:
    run = live_run()
    theirs = {"external": True, "name": "a"}
    run.scenario.update(
        stack="external", arms={arm: {"model": "m", "endpoint": "google", "agent": theirs} for arm in run.arms}
    )
    for arm in run.arms:
        connect(run, arm, host)
    folder = run.write(tmp_path)
    summary = summarise(folder)
    write_summary(folder, summary)
    assert (summary.kind, summary.arms["ga"].simulated, summary.arms["ga"].endpoint) == (kind, simulated, endpoint)
    headline = folder.summary_md.read_text().splitlines()[0]
    assert ("LIVE" in headline) is (kind == "live")
    assert ("no figures of Google's" in headline) is (kind != "live")


def test_other_endpoints_are_neither_live_nor_a_rehearsal(tmp_path: Path) -> None:
    run = ordinary_run()
    run.scenario["arms"] = {arm: {"model": "m", "endpoint": {"base_url": "https://127.0.0.1:1"}} for arm in run.arms}
    run.info.update(kind="other", arms={})
    folder = run.write(tmp_path)
    write_summary(folder, summarise(folder))
    headline = folder.summary_md.read_text().splitlines()[0]
    assert "OTHER endpoints, not known to be Google's: no figures of Google's" in headline
    assert "REHEARSAL" not in headline


def test_why_a_run_ended_early_is_said_first_among_what_to_do(tmp_path: Path) -> None:
    run = live_run()
    run.info.update(state="aborted", ended_early="ended early at 2.0 call minutes: the limit of 2 is reached")
    folder = run.write(tmp_path)
    write_summary(folder, summarise(folder))
    steps = folder.summary_md.read_text().rstrip().splitlines()
    assert (
        "- Ended early at 2.0 call minutes: the limit of 2 is reached. What was measured until then is all there is."
        in steps
    )


def test_an_agent_with_an_endpoint_of_its_own_is_not_called_google(tmp_path: Path) -> None:
    run = ordinary_run()
    agents = {arm: {"model": "m", "agent": {"external": None, "name": arm}} for arm in run.arms}
    run.scenario.update(arms=agents, stack="external")
    run.info["arms"] = {}
    summary = summarise(run.write(tmp_path))
    assert (summary.arms["ga"].simulated, summary.arms["ga"].endpoint) == (
        None,
        "the agent's own, not known to be Google's",
    )


def odd_runs() -> dict[str, MadeUp]:
    unanswered = MadeUp()
    for block in range(12):
        for arm in unanswered.arms:
            call = unanswered.call(arm, block, greeting_latency_ms=None, socket_s=None)
            for _ in range(8):
                unanswered.turn(call, None)
    not_dialled = MadeUp()
    for arm in not_dialled.arms:
        nulls: dict[str, Any] = dict.fromkeys(
            ("dialled_s", "dispatched_s", "answered_s", "agent_joined_s", "greeting_latency_ms", "talk_s", "socket_s")
        )
        not_dialled.call(arm, 0, outcome="not_dialled", valid=False, **nulls)
    one_turn = MadeUp(arms=("ga",))
    one_turn.turn(one_turn.call("ga", None))
    return {
        "nothing at all": MadeUp(),
        "one arm": ordinary_run(arms=("ga",)),
        "one turn": one_turn,
        "all unanswered, no evidence": unanswered,
        "nothing dialled": not_dialled,
        "all invalid": spoiled(ordinary_run(), "ga", 1000),
        "three arms": ordinary_run(arms=("preview", "ga", "other"), lost={"other": 2}),
    }


@pytest.mark.parametrize("name", odd_runs())
def test_odd_runs_are_summed_up_without_nan_or_traceback(tmp_path: Path, name: str) -> None:
    folder = odd_runs()[name].write(tmp_path)
    write_summary(folder, summarise(folder))
    json.loads(folder.summary_json.read_text(), parse_constant=pytest.fail)
    text = folder.summary_md.read_text()
    assert "nan" not in text.lower().split()
    assert "None" not in text
    assert "inf" not in text.lower().split()


def test_summarising_again_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = ordinary_run(lost={"preview": 7, "ga": 2}).write(tmp_path)
    write_summary(folder, summarise(folder))
    before = folder.summary_json.read_bytes(), folder.summary_md.read_bytes()
    write_summary(folder, summarise(folder))
    assert (folder.summary_json.read_bytes(), folder.summary_md.read_bytes()) == before
    assert not list(folder.path.glob(".summary*"))


def test_keys_of_summary_json_that_programs_rely_on(tmp_path: Path) -> None:
    folder = ordinary_run(lost={"preview": 7}).write(tmp_path)
    write_summary(folder, summarise(folder))
    body = json.loads(folder.summary_json.read_text())
    assert body["schema_version"] == 1
    assert (body["kind"], body["valid"], body["exit_code"]) == ("rehearsal", True, 0)
    ga = body["arms"]["ga"]["figures"]
    assert ga["outcomes"] == {"completed": 16}
    assert ga["reply_latency"]["p50"]["value_ms"] == pytest.approx(778, abs=30)
    assert set(ga["reply_latency"]["p50"]["interval"]) == {"low", "high", "method", "assumes"}
    assert body["arms"]["preview"]["figures"]["rate_1011"]["events"] == 7
    assert body["ratios_1011"]["ga"]["control"] == "preview"
    assert str(tmp_path) not in folder.summary_json.read_text()


def test_documented_keys_are_the_keys(tmp_path: Path) -> None:
    folder = ordinary_run().write(tmp_path)
    write_summary(folder, summarise(folder))
    page = (Path(__file__).parents[3] / "docs" / "summary.md").read_text()
    body = json.loads(folder.summary_json.read_text())
    told = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    figures = {f"arms.<arm>.figures.{key}" for key in body["arms"]["ga"]["figures"]}
    assert told == set(body) | {f"arms.<arm>.{key}" for key in body["arms"]["ga"]} - {"arms.<arm>.figures"} | figures


@pytest.mark.parametrize(("found", "words"), [("0", "by analysis 0"), (None, "before analyses had versions")])
def test_a_run_that_an_older_analysis_measured_says_so(tmp_path: Path, found: str | None, words: str) -> None:
    folder = ordinary_run().write(tmp_path)
    fresh = summarise(folder)
    assert fresh.analysis_version == ANALYSIS_VERSION
    assert not any("analys" in warning for warning in fresh.warnings)
    made_by = {} if found is None else {ANALYSIS_KEY: found}
    pl.read_parquet(folder.table("turns")).write_parquet(folder.table("turns"), metadata=made_by)
    assert any(words in warning and "measure the run again" in warning for warning in summarise(folder).warnings)


def test_a_folder_that_was_not_measured_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    folder = ordinary_run().write(tmp_path)
    folder.table("turns").unlink()
    with pytest.raises(RecordError, match=r"turns\.parquet") as error:
        summarise(folder)
    assert "loadtest measure" in error.value.remedy
