"""A night on the real stack: killed when its last call is over, measured and judged, and told again."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from loadtest.errors import RecordError
from loadtest.record.history import NAME, read_history
from loadtest.record.layout import RunFolder
from loadtest.record.night import Night, NightState
from loadtest.record.run_json import RunInfo, RunState
from tests.e2e.harness import LiveRun, loadtest, profile, scenario

REFERENCE = {"model": "gemini-3.8-live", "endpoint": profile()}
NIGHT = "2026-11-23"


def test_a_night_that_is_killed_goes_on_is_judged_and_told_again(tmp_path: Path) -> None:
    file = scenario(
        tmp_path,
        {"one": REFERENCE, "other": REFERENCE},
        blocks=1,
        arrivals=[{"rate_per_minute": 60}],
        compare={"control": "one"},
        thresholds=["lost_turns.per_100 <= 100"],
    )
    results = tmp_path / "results"
    with LiveRun(file, "--night", NIGHT, job="nightly") as live:

        def over() -> bool | None:
            return True if live.folder is not None and _state(live.folder) is RunState.COMPLETE else None

        live.wait_for(over, "the end of the last call")
        live.signal(signal.SIGKILL)
        killed = live.finish(linger_s=60)  # callees finish what they can
    folder = killed.folder
    assert (killed.exit_code, killed.leftovers) == (-signal.SIGKILL, ())
    assert Night.read(folder).state is NightState.RUNNING
    assert not (results / NAME).exists()

    arguments = ("nightly", str(file), "--night", NIGHT, "--results", str(results), "--json")
    went_on = loadtest(*arguments)
    assert went_on.returncode in {0, 3}, went_on.stderr  # whether the machine was at ease is no subject here
    assert "that is done now. Nothing is dialled." in went_on.stderr
    night = json.loads(went_on.stdout)
    assert (night["run_id"], night["state"], night["kind"]) == (folder.run_id, "complete", "rehearsal")
    assert night["exit_code"] == went_on.returncode
    assert [check["name"] for check in night["checks"] if check["group"] == "thresholds"] == [
        f"lost_turns.per_100 <= 100 ({arm})" for arm in ("one", "other")
    ]
    assert {path.name for path in folder.path.iterdir()} >= {"report.html", "comparison.json", "night.md", "junit.xml"}
    rows = read_history(results / NAME)
    assert set(rows["run_id"]) == {folder.run_id}
    assert set(rows.filter(rows["control"].is_null())["arm"]) == {"one", "other"}

    calls = {path: path.read_bytes() for path in folder.path.glob("calls/*/events.jsonl")}
    again = loadtest(*arguments)
    assert (again.returncode, json.loads(again.stdout)) == (went_on.returncode, night)
    assert "nothing is dialled" in again.stderr
    assert {path: path.read_bytes() for path in folder.path.glob("calls/*/events.jsonl")} == calls
    assert len(list(results.glob("*/run.json"))) == 1


def _state(folder: RunFolder) -> RunState | None:
    try:
        return RunInfo.read(folder).state
    except RecordError:  # the folder is there before what is in it
        return None
