"""However a calibration ends, what was measured is kept, and the exit code says how it went."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from loadtest.cli.calibrate import calibrate as command
from loadtest.errors import ExitCode, InterruptedRunError, LoadtestError, ScenarioError, StackError
from loadtest.jobs.calibrate import job
from loadtest.jobs.calibrate.capacity import Look
from loadtest.jobs.calibrate.design import Target
from loadtest.jobs.calibrate.job import PHASES, Finished
from loadtest.jobs.calibrate.truths import FULL, QUICK, Size
from loadtest.jobs.run import Finished as RunFinished
from loadtest.record import capacity
from loadtest.record.capacity import known_held
from loadtest.record.layout import RunFolder
from tests.unit.made_up import ordinary_run

Ends = ExitCode | LoadtestError


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finished]:
    """A calibration whose runs are made up and end as given, by the name of the scenario; fine if nothing is said."""
    made = ordinary_run(blocks=2, turns=2).write(tmp_path / "made")
    monkeypatch.setattr(capacity, "user_cache_path", lambda name: tmp_path / "cache" / name)

    def do(size: Size = QUICK, **ends: Ends) -> Finished:
        def run(scenario: Path, *, results: Path, **_: Any) -> RunFinished:
            name = json.loads(scenario.read_text())["name"].removeprefix("calibrate-")
            end = ends.get(name.replace("-", "_"), ExitCode.OK)
            if isinstance(end, LoadtestError):
                raise end
            shutil.copytree(made.path, results / name)
            return RunFinished(RunFolder(results / name), None, end)  # type: ignore[arg-type]

        monkeypatch.setattr(job, "run_and_measure", run)
        console = Console(quiet=True)
        return job.calibrate(size, PHASES, Target(), results=tmp_path / "results", console=console, quick=False)

    return do


def kept(done: Finished) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((done.folder / "calibration.json").read_text())
    assert (done.folder / "calibration.md").read_text().startswith("# ")
    return found


def test_runs_that_the_user_stops_are_the_last_and_are_kept(calibrated: Callable[..., Finished]) -> None:
    done = calibrated(FULL, gaps=ExitCode.INTERRUPTED)
    assert done.exit_code is ExitCode.INTERRUPTED
    found = kept(done)
    assert found["state"] == "interrupted"
    assert [run["name"] for run in found["runs"]] == ["truth", "gaps"]
    assert found["holes"]["turns"] == 0
    assert found["valid_share"] is not None


def test_a_stop_before_there_is_anything_leaves_a_page_that_says_so(calibrated: Callable[..., Finished]) -> None:
    done = calibrated(truth=InterruptedRunError("stopped", remedy="Again."))
    assert done.exit_code is ExitCode.INTERRUPTED
    assert kept(done)["runs"] == []


def test_a_stack_that_fails_is_told_and_what_was_measured_before_is_kept(calibrated: Callable[..., Finished]) -> None:
    done = calibrated(FULL, gaps=StackError("livekit-server died", remedy="Look."))
    assert (done.exit_code, kept(done)["state"]) == (ExitCode.TOOL_FAILED, "failed")
    assert isinstance(done.failure, StackError)
    assert [run["name"] for run in kept(done)["runs"]] == ["truth"]


def test_a_target_that_cannot_be_used_leaves_nothing(calibrated: Callable[..., Finished], tmp_path: Path) -> None:
    with pytest.raises(ScenarioError):
        calibrated(truth=ScenarioError("expected a permitted host", remedy="Permit it."))
    assert not list((tmp_path / "results").iterdir())


def test_what_is_held_is_remembered_and_a_failing_stack_is_not_held(
    calibrated: Callable[..., Finished], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "host", lambda: {"cores": 1})
    monkeypatch.setattr(job, "look_at", lambda calls, *_: Look(calls=calls, held=True, turns=4, touched={}))
    died = StackError("livekit-server died", remedy="Look.")
    found = kept(calibrated(FULL, agents_4=died, agents_3=died))
    assert [(look["calls"], look["held"]) for look in found["capacity_with_agents"]["looks"]] == [
        (2, True),
        (4, False),
        (3, False),
    ]
    held = known_held("with_agents")
    assert held is not None
    assert (held.calls, held.touched) == (2, 3)
    assert found["capacity_callees_only"]["held"] == 16


def test_a_machine_that_holds_nothing_is_too_busy_to_calibrate(
    calibrated: Callable[..., Finished], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "look_at", lambda calls, *_: Look(calls=calls, held=False, turns=4, touched={"cpu": 4}))
    assert calibrated(FULL).exit_code is ExitCode.INVALID


def test_the_seal_is_told_before_anything_is_dialled(
    calibrated: Callable[..., Finished], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(job._Job, "say", lambda _, text: said.append(text))
    done = calibrated()
    seal = next(i for i, text in enumerate(said) if "sha256" in text)
    told = next(i for i, text in enumerate(said) if "before the seal is broken" in text)
    assert seal < told
    assert kept(done)["blind"]["sha256"] in said[seal]


def test_the_command_prints_the_page_or_the_json_and_ends_as_the_calibration_did(
    calibrated: Callable[..., Finished], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = calibrated()
    asked: list[Any] = []

    def made_up(*given: Any, **_: Any) -> Finished:
        asked.append(given)
        return done

    monkeypatch.setattr(job, "calibrate", made_up)
    page = CliRunner().invoke(command, ["--quick"], standalone_mode=False)
    assert page.return_value is done.exit_code
    assert str(done.folder) in page.stdout
    text = CliRunner().invoke(command, ["--json", "--only", "capacity"], standalone_mode=False)
    assert json.loads(text.stdout) == kept(done)
    assert [given[:2] for given in asked] == [(QUICK, list(PHASES)), (FULL, ["capacity"])]
    refused = CliRunner().invoke(command, ["--quick", "--only", "capacity"])
    assert refused.exit_code == 2
