"""`loadtest run`, but for the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from loadtest.cli.run import run
from loadtest.errors import EndedEarlyError, ExitCode, ScenarioError
from loadtest.jobs.run import Finished
from loadtest.report.summary import summarise, write_summary
from tests.unit.made_up import ordinary_run

SMOKE = str(Path(__file__).parents[3] / "scenarios" / "smoke.yaml")


@pytest.mark.parametrize("output", [[], ["--json"]])
def test_a_run_that_ended_early_shows_what_there_is_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: list[str]
) -> None:
    folder = ordinary_run().write(tmp_path)
    summary = summarise(folder)
    write_summary(folder, summary)
    early = EndedEarlyError("ended early at 2 call minutes", remedy="Raise the limit.")
    asked: dict[str, Any] = {}

    def made_up(_: Path, **options: Any) -> Finished:
        asked.update(options)
        return Finished(folder, summary, ExitCode.TOOL_FAILED, early)

    monkeypatch.setattr("loadtest.jobs.run.run_and_measure", made_up)
    result = CliRunner().invoke(run, [SMOKE, "--live", *output], standalone_mode=False)
    assert result.exception is early
    assert "made-up" in result.stdout
    assert asked["live"] is True


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing argument 'SCENARIO'"),
        (["--resume", ".", "--live"], "--live does not go with --resume"),
        (["--resume", ".", "--results", "r"], "--results does not go with --resume"),
        (["--resume", ".", "--agent-log", "-"], "loadtest measure RUN --agent-log FILE"),
        ([SMOKE, "--blocks-now", "0"], "--blocks-now"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(run, arguments)
    assert result.exit_code == ExitCode.USAGE
    assert said in " ".join(result.output.split())


def test_a_run_is_taken_up_again_by_its_own_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ordinary_run().write(tmp_path)
    summary = summarise(folder)
    write_summary(folder, summary)
    asked: dict[str, Any] = {}

    def made_up(run: Any, **options: Any) -> Finished:
        asked.update(options, run=run)
        return Finished(folder, summary, ExitCode.OK)

    monkeypatch.setattr("loadtest.jobs.resume.resume_and_measure", made_up)
    arguments = ["--resume", str(folder.path), "--set", "limits.cost_usd=9", "--blocks-now", "2"]
    result = CliRunner().invoke(run, arguments, standalone_mode=False)
    assert result.return_value == ExitCode.OK
    assert (asked["run"].path, asked["scenario"], asked["blocks_now"]) == (folder.path, None, 2)
    assert asked["overrides"] == ("limits.cost_usd=9",)


def test_a_live_run_without_a_key_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    results = tmp_path / "results"
    result = CliRunner().invoke(run, [SMOKE, "--live", "--results", str(results)], standalone_mode=False)
    assert isinstance(result.exception, ScenarioError)
    assert result.exception.exit_code == 2
    assert "GOOGLE_API_KEY" in result.exception.message
    assert not results.exists()


def test_a_live_run_beyond_its_limit_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    results = tmp_path / "results"
    args = [SMOKE, "--live", "--set", "limits.cost_usd=0.01", "--results", str(results)]
    result = CliRunner().invoke(run, args, standalone_mode=False)
    assert isinstance(result.exception, ScenarioError)
    assert "limits.cost_usd: expected a plan of at most 0.01" in result.exception.message
    assert not results.exists()
