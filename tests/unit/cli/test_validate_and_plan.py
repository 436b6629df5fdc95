"""`loadtest validate` and `loadtest plan`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtest.cli.plan import plan
from loadtest.cli.validate import validate
from loadtest.errors import ScenarioError

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_validate_says_ok_a_file() -> None:
    result = CliRunner().invoke(validate, ["scenarios/peak.yaml", "scenarios/smoke.yaml"], standalone_mode=False)
    assert result.return_value == 0
    assert result.stdout.splitlines()[0] == ("scenarios/peak.yaml: ok (24 calls, 7 script lines, arms preview, ga)")
    assert len(result.stdout.splitlines()) == 2


def test_validate_says_what_is_wrong_and_exits_2() -> None:
    args = ["scenarios/smoke.yaml", "scenarios/nothing.yaml", "--set", "blocks=many"]
    result = CliRunner().invoke(validate, args, standalone_mode=False)
    assert result.return_value == 2
    assert result.stdout == ""
    assert '--set blocks=many: blocks: expected a whole number; found "many"\n  blocks: ' in result.stderr
    assert "scenarios/nothing.yaml: expected a YAML file" in result.stderr


def test_validate_finds_arrivals_that_end_too_early_and_hosts_that_are_not_listed() -> None:
    for override, said in {
        "arrivals=[{rate_per_minute: 6, for_s: 30}]": "arrivals.0: expected phases in which 4 calls are due",
        "arms.ga.endpoint={base_url: 'https://x.example.org'}": "arms.ga.endpoint.base_url: expected loopback",
    }.items():
        result = CliRunner().invoke(validate, ["scenarios/smoke.yaml", "--set", override], standalone_mode=False)
        assert result.return_value == 2
        assert f"--set {override}: " in result.stderr
        assert said in result.stderr


def test_validate_json() -> None:
    args = ["scenarios/smoke.yaml", "--json", "--set", "callee.ring=3"]
    result = CliRunner().invoke(validate, args, standalone_mode=False)
    assert result.return_value == 2
    found = json.loads(result.stdout)
    assert found["ok"] is False
    (problem,) = found["files"][0]["problems"]
    assert problem["field"] == "callee.ring"
    assert problem["remedy"] == "Did you mean `callee.ring_s`?"
    fine = json.loads(CliRunner().invoke(validate, ["scenarios/smoke.yaml", "--json"], standalone_mode=False).stdout)
    assert fine["ok"] is True
    assert set(fine["files"][0]["hashes"]) == {"scenario", "margins", "script", "audio", "profiles"}


def test_plan_shows_what_was_drawn_for_a_scripts_variables() -> None:
    args = ["scenarios/smoke.yaml", "--set", "script=scripts/ivr.yaml"]
    first, *rows = CliRunner().invoke(plan, args, standalone_mode=False).stdout.splitlines()[:5]
    assert first.split()[-1] == "variables"
    drawn = [row.split()[-1] for row in rows]
    assert all(value in {"parcel=4711", "parcel=4712", "parcel=4713"} for value in drawn)
    assert (drawn[0], drawn[2]) == (drawn[1], drawn[3])  # the same for both arms


def test_plan_shows_every_call_and_the_outlook() -> None:
    args = ["scenarios/peak.yaml", "--set", "blocks=150", "--set", "cap=auto"]
    result = CliRunner().invoke(plan, args, standalone_mode=False)
    assert result.exception is None
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["slot", "block", "arm", "due", "ring", "pickup", "patience"]
    assert [line.split()[0] for line in lines[1:301]] == [str(slot) for slot in range(300)]
    for part in (
        "preview: 150 calls, 1050 script turns (gemini-3.1-flash-live-preview)",
        "minutes from the first dial to the last hang-up",
        "calls at the same time, at most",
        "(auto, from the cores of this machine)",
        "It is assumed that:",
    ):
        assert part in result.stdout


def test_the_shipped_peak_fits_two_cores() -> None:
    result = CliRunner().invoke(plan, ["scenarios/peak.yaml", "--json"], standalone_mode=False)
    told = json.loads(result.stdout)
    outlook = told["outlook"]
    assert outlook["dropped_share"] == 0
    assert min(outlook["turns"].values()) >= 73 / 0.95
    assert 2 <= outlook["mean"] <= 3
    assert outlook["minutes"] <= 8.7
    assert len(told["calls"]) == 24
    assert told["calls"][0]["pickup"] == "answer"
    assert set(told["hashes"]) == {"scenario", "margins", "script", "audio", "profiles", "plan"}


def test_validate_says_what_was_taken_from_the_shipped(tmp_path: Path) -> None:
    """A file of one's own that is mistyped, or in another folder, is not replaced in silence."""
    mine = tmp_path / "mine.yaml"
    mine.write_text((ROOT / "scenarios/smoke.yaml").read_text())
    said = CliRunner().invoke(validate, [str(mine), "scenarios/smoke.yaml"], standalone_mode=False).stdout.splitlines()
    profiles = [f"endpoints/{model}.yaml" for model in ("gemini-3.1-flash-live-preview", "gemini-3.8-live")]
    assert said[0].endswith(f"; {', '.join(['scripts/smoke.yaml', *profiles])}: as shipped with loadtest)")
    assert "shipped" not in said[1]


@pytest.mark.parametrize("terminal", [True, False])
def test_plan_shows_the_values_of_variables_as_they_are(
    terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a terminal, or the table, would take for a command."""
    script = 'version: 1\nvariables: {mood: ["[/b]\\e[31m"]}\nlines: [{name: yes, audio: audio/yes.wav}]\n'
    (tmp_path / "script.yaml").write_text(script)
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: terminal, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    args = ["scenarios/smoke.yaml", "--set", f"script={tmp_path}/script.yaml"]
    result = CliRunner().invoke(plan, args, standalone_mode=False)
    assert result.exception is None
    assert 'mood="[/b]\\u001b[31m"' in result.stdout


def test_plan_refuses_what_cannot_be_run() -> None:
    result = CliRunner().invoke(plan, ["scenarios/nothing.yaml"], standalone_mode=False)
    assert isinstance(result.exception, ScenarioError)


def test_plan_shows_what_a_live_run_would_use_and_refuses_what_exceeds_a_limit() -> None:
    args = ["scenarios/smoke.yaml", "--live"]
    result = CliRunner().invoke(plan, args, standalone_mode=False)
    assert result.return_value == 0
    assert "Expected of Google's endpoints, an upper estimate:\n  preview: " in result.stdout
    assert "the limits are no limit on minutes, $10" in result.stdout
    google = json.loads(CliRunner().invoke(plan, [*args, "--json"], standalone_mode=False).stdout)["google"]
    assert set(google["arms"]) == {"preview", "ga"}
    assert all(0 < arm["call_minutes"] < 5 and 0 < arm["usd"] < 1 for arm in google["arms"].values())

    refused = CliRunner().invoke(plan, [*args, "--set", "limits.call_minutes=1"], standalone_mode=False)
    assert isinstance(refused.exception, ScenarioError)
    assert refused.exception.exit_code == 2
    assert "Expected of Google's endpoints" in refused.stdout  # it is shown all the same


def test_plan_says_nothing_of_google_in_a_rehearsal() -> None:
    assert "Google" not in CliRunner().invoke(plan, ["scenarios/smoke.yaml"], standalone_mode=False).stdout


def test_validate_refuses_a_live_plan_beyond_a_limit() -> None:
    args = ["scenarios/smoke.yaml", "--live", "--set", "limits.cost_usd=0.01"]
    result = CliRunner().invoke(validate, args, standalone_mode=False)
    assert result.return_value == 2
    assert "limits.cost_usd: expected a plan of at most 0.01" in result.stderr


def test_plan_says_how_many_blocks_each_verdict_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.analyse.compare.power.LADDER", (24,))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    args = ["scenarios/compare_preview_ga.yaml", "--power", "--effect", "reply_latency_p50=2", "--simulations", "20"]
    result = CliRunner().invoke(plan, [*args, "--set", "blocks=24", "--json"], standalone_mode=False)
    assert result.return_value == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["candidate"] == "preview"
    rows = {row["metric"]: row for row in found["rows"]}
    assert rows["reply_latency_p50"]["verdict"] == "inferior"
    assert rows["reply_latency_p50"]["blocks"] == 24
    assert rows["reply_latency_p50"]["hours"] > 0
    assert rows["choice"]["verdict"] == "reject"
    assert rows["choice"]["usd"] is None


def test_plan_refuses_assumptions_that_cannot_be() -> None:
    for option, value, said in (
        ("--effect", "latency=1", "expected one of"),
        ("--effect", "rate_1011=much", "expected NAME=VALUE"),
        ("--assume", "p50=1", "expected one of"),
        ("--assume", "p95_ms=1", "a median of"),
        ("--candidate", "ga", "expected one of preview"),
    ):
        args = ["scenarios/compare_preview_ga.yaml", "--power", option, value]
        with pytest.raises(ScenarioError, match=said):
            CliRunner().invoke(plan, args, standalone_mode=False, catch_exceptions=False)
    result = CliRunner().invoke(plan, ["scenarios/peak.yaml", "--effect", "rate_1011=1"])
    assert result.exit_code == 2
    assert "belong to --power" in result.stderr
