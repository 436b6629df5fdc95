"""What a pipeline is told of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from loadtest.cli.gate import gate as command
from loadtest.errors import ExitCode
from loadtest.jobs.gate import gate
from loadtest.record.run_json import RunState
from loadtest.report.gate_text import gate_markdown
from tests.unit.made_up import MadeUp, ordinary_run

FINE = ["reply_latency.p95 < 2000"]


def run_of(*, blocks: int = 24, thresholds: list[str] | None = None, **scenario: Any) -> MadeUp:
    run = ordinary_run(blocks=blocks)
    run.scenario.update(thresholds=FINE if thresholds is None else thresholds, **scenario)
    return run


def earlier(run: MadeUp) -> MadeUp:
    run.run_id = "20251231T000000Z-made-up-0a1c"
    return run


def slower(run: MadeUp, times: float) -> MadeUp:
    for row in run.tables["turns"]:
        if row["arm"] == "preview" and row["latency_ms"] is not None:
            row["latency_ms"] *= times
    return run


def run_command(*args: str | Path) -> Result:
    return CliRunner().invoke(command, [str(arg) for arg in args], standalone_mode=False)


def test_a_good_run_passes(tmp_path: Path) -> None:
    found = gate(run_of().write(tmp_path))
    assert found.exit_code is ExitCode.OK
    assert {check.group for check in found.checks} == {"validity", "thresholds"}


def test_a_threshold_that_does_not_hold_fails(tmp_path: Path) -> None:
    found = gate(run_of(thresholds=[*FINE, "reply_latency.p50 < 10"]).write(tmp_path))
    assert found.exit_code is ExitCode.THRESHOLD_FAILED
    assert "reply_latency.p50 < 10" in gate_markdown(found).replace("\\", "")


def test_invalid_comes_before_failed(tmp_path: Path) -> None:
    run = run_of(thresholds=["reply_latency.p50 < 10"])
    for turn in run.tables["turns"][:60]:
        turn["valid"] = False
    assert gate(run.write(tmp_path)).exit_code is ExitCode.INVALID


@pytest.mark.parametrize(
    ("info", "code"),
    [
        ({"state": RunState.ABORTED}, ExitCode.INVALID),
        ({"state": RunState.INTERRUPTED}, ExitCode.INVALID),
        ({"state": RunState.PARTIAL}, ExitCode.OK),
        ({"state": RunState.ABORTED, "ended_early": "limits.call_minutes reached"}, ExitCode.OK),
    ],
)
def test_a_run_that_broke_off_is_no_ground_for_anything(tmp_path: Path, info: dict[str, Any], code: ExitCode) -> None:
    run = run_of()
    run.info.update(info)
    assert gate(run.write(tmp_path)).exit_code is code


def test_guardrails_fail_if_they_were_declared(tmp_path: Path) -> None:
    assert gate(slower(run_of(), 1.4).write(tmp_path / "a")).exit_code is ExitCode.OK
    declared = slower(run_of(compare={"control": "ga"}), 1.4).write(tmp_path / "b")
    found = gate(declared)
    assert found.exit_code is ExitCode.THRESHOLD_FAILED
    assert any("preview against ga" in check.name for check in found.checks)


def test_against_a_baseline_what_is_worse_than_its_margin_fails(tmp_path: Path) -> None:
    base = earlier(run_of()).write(tmp_path)
    same = gate(run_of().write(tmp_path / "same"), base)
    assert same.exit_code is ExitCode.OK
    worse = gate(slower(run_of(), 1.4).write(tmp_path / "worse"), base)
    assert worse.exit_code is ExitCode.THRESHOLD_FAILED
    failed = {check.name for check in worse.checks if check.result == "failed"}
    assert failed == {"preview: reply latency, p50", "preview: reply latency, p95"}
    told = " ".join(worse.notes)
    assert "at another time" in told
    assert "10 to 35 in 100" in told


def test_an_invalid_baseline_is_no_ground_either(tmp_path: Path) -> None:
    base = earlier(run_of())
    for turn in base.tables["turns"][:60]:
        turn["valid"] = False
    assert gate(run_of().write(tmp_path), base.write(tmp_path)).exit_code is ExitCode.INVALID


def test_nothing_declared_is_said(tmp_path: Path) -> None:
    found = gate(run_of(thresholds=[]).write(tmp_path))
    assert found.exit_code is ExitCode.OK
    assert "neither thresholds nor a comparison" in found.notes[-1]


def test_the_command_writes_what_machines_read_and_nothing_into_the_run(tmp_path: Path) -> None:
    folder, base = run_of(compare={"control": "ga"}).write(tmp_path), earlier(run_of()).write(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*") if path.is_file()}
    markdown, junit = tmp_path / "gate.md", tmp_path / "gate.xml"
    done = run_command(folder.path, "--baseline", base.path, "--json", "--markdown", markdown, "--junit", junit)
    body = json.loads(done.stdout)
    assert (done.return_value, body["exit_code"], body["baseline"]) == (0, 0, base.run_id)
    assert markdown.read_text().startswith("### loadtest gate made-up")
    root = ET.fromstring(junit.read_text())
    assert int(root.attrib["tests"]) == len(body["checks"])
    assert {suite.attrib["name"].rpartition(": ")[2] for suite in root} == {
        *("validity", "thresholds", "comparison", "baseline")
    }
    after = {path for path in folder.path.rglob("*") if path.is_file() and path.name != ".lock"}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert after == set(before)


def test_the_terminal_is_told_within_its_width(tmp_path: Path) -> None:
    done = run_command(run_of(thresholds=["reply_latency.p50 < 10"]).write(tmp_path).path)
    assert done.return_value == ExitCode.THRESHOLD_FAILED
    assert "FAILED" in done.stdout
    assert all(len(line) <= 100 for line in done.stdout.splitlines())


def test_a_difference_without_a_baseline_is_a_mistake(tmp_path: Path) -> None:
    path = run_of().write(tmp_path).path
    assert "give both" in CliRunner().invoke(command, [str(path), "--allow-difference", "software"]).output
