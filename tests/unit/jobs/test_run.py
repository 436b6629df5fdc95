"""Where a run's results go, and what is said when they cannot be made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.errors import EndedEarlyError, RecordError, StackError
from loadtest.jobs import run
from loadtest.jobs.opening import make_folder, open_run
from loadtest.plan.build import build_plan
from loadtest.scenario.load import load_scenario

UPGRADE = Path(__file__).parents[3] / "scenarios" / "plugin-upgrade.yaml"
SMOKE = Path(__file__).parents[3] / "scenarios" / "smoke.yaml"


def test_runs_that_begin_in_the_same_second_never_share_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr("loadtest.jobs.opening.secrets.token_hex", lambda _: next(drawn))
    names = [make_folder(tmp_path / "results", "20261122T160102Z-peak").run_id for _ in range(2)]
    assert names == ["20261122T160102Z-peak-aaaa", "20261122T160102Z-peak-bbbb"]


@pytest.mark.parametrize("results", ["file/results", "/proc/results"])
def test_a_folder_that_cannot_be_made_is_said_with_a_remedy(tmp_path: Path, results: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="cannot be created") as raised:
        make_folder(tmp_path / results, "20261122T160102Z-peak")
    assert "--results" in raised.value.remedy


def test_run_json_says_which_generation_of_the_plugin_an_arm_has(tmp_path: Path) -> None:
    loaded = load_scenario(UPGRADE, [])
    _, info = open_run(loaded, build_plan(loaded), tmp_path)
    old, new = info.arms["plugin-1-6-0"], info.arms["plugin-1-8-9"]
    assert (old["plugin"], new["plugin"]) == ("1.6.0", "1.8.9")
    assert (old["agent"], new["agent"]) == ("reference, plugin 1.6.0", "reference, plugin 1.8.9")
    assert (old["versions"]["google-genai"], new["versions"]["google-genai"]) == ("2.8.0", "3.4.0")
    same = old.keys() - {"plugin", "agent", "versions"}
    assert {key: old[key] for key in same} == {key: new[key] for key in same}
    assert (
        loaded.hashes["scenario"] != load_scenario(UPGRADE, ["arms.plugin-1-6-0.agent.plugin=1.8.9"]).hashes["scenario"]
    )


def test_generations_are_prepared_before_there_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def offline(plugin: str) -> Path:
        asked.append(plugin)
        raise StackError("its environment cannot be made", remedy="Go online.")

    monkeypatch.setattr(run, "find_server", lambda: None)
    monkeypatch.setattr(run, "provide_generation", offline)
    with pytest.raises(StackError, match="cannot be made"):
        run.run_and_measure(
            UPGRADE, overrides=[], live=False, results=tmp_path / "results", console=Console(quiet=True)
        )
    assert asked == ["1.6.0"]
    assert not (tmp_path / "results").exists()


def test_a_run_that_ended_early_and_cannot_be_measured_says_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_scenario(SMOKE, ["recordings=none"])
    plan = build_plan(loaded)
    folder, info = open_run(loaded, plan, tmp_path)
    replace(info, origin_monotonic_s=1.0).write(folder)
    recording = folder.warmup("warmup-ga").flac
    recording.parent.mkdir(parents=True)
    recording.touch()

    async def ends_early(*_: object) -> None:
        raise EndedEarlyError("ended early at the limit", remedy="Raise it.")

    def disk_is_full(_: object) -> None:
        raise RecordError("tables: no space left on device", remedy="Make room.")

    monkeypatch.setattr(run, "_run", ends_early)
    monkeypatch.setattr("loadtest.measure.run.measure_run", disk_is_full)
    with pytest.raises(EndedEarlyError, match="at the limit") as raised:
        run.run_in(folder, info, loaded, plan, Console(quiet=True), -1, None)
    assert "Raise it." in raised.value.remedy
    assert f"loadtest measure {folder.path}" in raised.value.remedy
    assert recording.exists()  # whatever the scenario keeps: nothing has been made of it yet
