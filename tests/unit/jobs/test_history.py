"""`loadtest history`: what is shown, made anew, and let go."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner, Result

from loadtest.cli import cli
from loadtest.cli.history import METRICS, history
from loadtest.clock import utc_now
from loadtest.errors import ExitCode
from loadtest.record.history import NAME, append_rows, read_history
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold
from loadtest.record.night import Night, NightState
from loadtest.record.run_json import RunInfo
from loadtest.report import history_view
from tests.unit.made_up import ordinary_run
from tests.unit.nights import FIRST, nights, row, run_name, written


def run(*arguments: str | Path, **options: Any) -> Result:
    return CliRunner().invoke(history, [str(argument) for argument in arguments], standalone_mode=False, **options)


def night_run(results: Path, i: int, *, age_days: float = 0, state: NightState = NightState.COMPLETE) -> RunFolder:
    """The folder of a night's run: measured, and ended so long ago."""
    made = ordinary_run(blocks=12, turns=2)
    made.run_id = run_name(i)
    made.info["ended_utc"] = (utc_now() - timedelta(days=age_days)).isoformat()
    folder = made.write(results)
    Night(
        night=FIRST + timedelta(days=i),
        scenario="made-up",
        scenario_file="made-up.yaml",
        run_id=folder.run_id,
        state=state,
    ).write(folder)
    return folder


def light_run(results: Path, i: int, *, age_days: float = 0, state: NightState = NightState.COMPLETE) -> RunFolder:
    """As much of one as is looked at before it is let go; its rows are in the history."""
    folder = RunFolder(results / run_name(i))
    folder.path.mkdir(parents=True)
    ended = (utc_now() - timedelta(days=age_days)).isoformat()
    RunInfo(
        run_id=folder.run_id,
        scenario="made-up",
        state="complete",  # type: ignore[arg-type]
        kind="rehearsal",  # type: ignore[arg-type]
        stack="embedded",
        seed=1,
        started_utc=ended,
        ended_utc=ended,
        cap=2,
        planned_calls=2,
        hashes={},
        versions={},
        host={"cores": 2},
        arms={},
    ).write(folder)
    night = FIRST + timedelta(days=i)
    Night(night=night, scenario="made-up", scenario_file="m.yaml", run_id=folder.run_id, state=state).write(folder)
    append_rows(results / NAME, [row(i)])
    return folder


def there(results: Path) -> list[str]:
    return sorted(path.name for path in results.iterdir() if path.is_dir())


# --- showing ----------------------------------------------------------------------------------------------------------


def test_the_trend_is_printed_and_the_page_written(tmp_path: Path) -> None:
    written(tmp_path, nights(20))
    result = run(tmp_path)
    assert result.return_value is ExitCode.OK
    assert "20 nights, 2026-01-01 to 2026-01-20" in result.stdout
    assert "preview against ga" in result.stdout
    assert "REHEARSAL" in result.stdout
    assert (tmp_path / "history.html").is_file()
    assert str(tmp_path / "history.html") in result.stdout.replace("\n", "")


def test_only_what_was_asked_for_is_shown(tmp_path: Path) -> None:
    written(tmp_path, nights(20))
    result = run(tmp_path, "--metric", "rate_1011", "--arm", "preview", "--last", "5", "--json")
    assert not (tmp_path / "history.html").exists()
    (of_scenario,) = json.loads(result.stdout)["scenarios"]
    assert [night["night"] for night in of_scenario["nights"]] == [f"2026-01-{day}" for day in range(16, 21)]
    assert of_scenario["nights_before"] == 15
    assert [(t["metric"], t["arm"], t["control"]) for t in of_scenario["trends"]] == [
        ("rate_1011", "preview", "ga"),
        ("rate_1011", "preview", None),
    ]
    assert all(len(trend["figures"]) == 5 for trend in of_scenario["trends"])


def test_a_page_elsewhere_is_written_there(tmp_path: Path) -> None:
    written(tmp_path / "results", nights(3))
    assert run(tmp_path / "results", "--html", tmp_path / "page.html", "--json").return_value is ExitCode.OK
    assert not (tmp_path / "results" / "history.html").exists()
    report = f"{run_name(2)}/report.html"
    (tmp_path / "results" / run_name(2)).mkdir()
    (tmp_path / "results" / report).write_text("the report")
    run(tmp_path / "results")
    assert f'href="{report}"' in (tmp_path / "results" / "history.html").read_text()
    run(tmp_path / "results", "--html", tmp_path / "page.html")
    assert report not in (tmp_path / "page.html").read_text()


def test_an_archive_that_cannot_be_written_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, nights(3))
    (tmp_path / "history.html").mkdir()
    result = run(tmp_path)
    assert result.return_value is ExitCode.OK
    assert "Warning" in result.stderr
    assert "3 nights" in result.stdout


@pytest.mark.parametrize("arguments", [(), ("--arm", "nobody")])
def test_what_is_not_there_is_said_with_a_remedy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    if arguments:
        written(tmp_path, nights(1))
    result = CliRunner().invoke(history, [str(tmp_path), *arguments])
    error = result.exception
    assert "no night has an arm nobody" in str(error) if arguments else "there is no history" in str(error)
    assert "Its arms are ga, preview" in str(error) if arguments else "loadtest history rebuild" in str(error)


def test_help_and_completion_know_options_and_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = CliRunner().invoke(cli, ["history", "--help"]).stdout
    for part in ("--metric", "--last", "rebuild", "prune", "Examples:"):
        assert part in text
    written(tmp_path / "results", nights(1))
    monkeypatch.chdir(tmp_path)
    complete = BashComplete(cli, {}, "loadtest", "_LOADTEST_COMPLETE").get_completions
    assert {"rebuild", "prune"} <= {item.value for item in complete(["history"], "")}
    assert "--metric" in {item.value for item in complete(["history"], "--m")}
    assert [item.value for item in complete(["history", "--arm"], "pre")] == ["preview"]
    assert set(METRICS) == set(history_view.METRICS)


# --- making it anew ---------------------------------------------------------------------------------------------------


def test_rebuilding_takes_the_nights_that_are_there_and_keeps_the_others(tmp_path: Path) -> None:
    night_run(tmp_path, 1)
    night_run(tmp_path, 2, state=NightState.RUNNING)
    other = night_run(tmp_path, 3)
    other.night_json.unlink()  # an ordinary run
    written(tmp_path, [row(0), row(1, estimate=77.0)])
    result = run("rebuild", tmp_path)
    assert result.return_value is ExitCode.OK, result.output
    assert f"{run_name(2)}: its night is not over" in result.stdout
    assert "1 night made anew" in result.stdout
    found = read_history(tmp_path / NAME)
    assert found["run_id"].unique(maintain_order=True).to_list() == [run_name(0), run_name(1)]
    assert 77.0 not in found["estimate"]


def test_a_night_that_cannot_be_read_keeps_its_rows_and_is_named(tmp_path: Path) -> None:
    night_run(tmp_path, 1)
    broken = night_run(tmp_path, 2)
    broken.table("turns").write_text("nothing")
    broken.summary_json.unlink(missing_ok=True)
    written(tmp_path, [row(2)])
    result = run("rebuild", tmp_path)
    assert result.return_value is ExitCode.TOOL_FAILED
    assert run_name(2) in result.stderr
    assert set(read_history(tmp_path / NAME)["run_id"]) == {run_name(1), run_name(2)}


def test_a_damaged_history_is_put_aside_and_made_anew(tmp_path: Path) -> None:
    night_run(tmp_path, 1)
    (tmp_path / NAME).write_text("damaged")
    result = run("rebuild", tmp_path)
    assert f"{NAME}.unreadable-1" in result.stdout
    assert (tmp_path / f"{NAME}.unreadable-1").read_text() == "damaged"
    assert set(read_history(tmp_path / NAME)["run_id"]) == {run_name(1)}


# --- letting go -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (("--keep", "2"), [3, 4]),
        (("--older-than", "2d"), [3, 4]),
        (("--older-than", "2d", "--keep", "1"), [3, 4]),
        (("--older-than", "1h", "--keep", "4"), [1, 2, 3, 4]),
    ],
)
def test_old_runs_go_and_their_figures_stay(tmp_path: Path, options: tuple[str, ...], left: list[int]) -> None:
    for i in range(5):
        light_run(tmp_path, i, age_days=4.5 - i)
    ordinary = tmp_path / "ordinary"
    ordinary.mkdir()
    before = read_history(tmp_path / NAME)
    said = run("prune", tmp_path, *options, "--dry-run")
    assert len(there(tmp_path)) == 6
    result = run("prune", tmp_path, *options)
    assert result.return_value is ExitCode.OK
    names = [path for path in there(tmp_path) if not path.startswith(".")]
    assert names == sorted([*(run_name(i) for i in left), "ordinary"])
    assert read_history(tmp_path / NAME).equals(before)
    assert said.stdout.count("would be removed") == result.stdout.count(": removed") == 5 - len(left)


def test_what_is_not_over_in_use_or_not_in_the_history_stays(tmp_path: Path) -> None:
    light_run(tmp_path, 0, age_days=9, state=NightState.RUNNING)
    used = light_run(tmp_path, 1, age_days=9)
    forgotten = light_run(tmp_path, 2, age_days=9)
    (tmp_path / NAME).unlink()
    append_rows(tmp_path / NAME, [row(1)])
    with hold(used):
        result = run("prune", tmp_path, "--older-than", "1d")
    assert there(tmp_path) == [run_name(0), run_name(1), run_name(2)]
    assert f"{run_name(1)}: stays, in use" in result.stdout
    assert f"{forgotten.run_id}: stays, the history does not have it" in result.stdout


def test_a_run_that_was_half_removed_is_met_by_nobody_and_goes_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(2):
        light_run(tmp_path, i, age_days=9)

    def broken(path: Path) -> None:
        next(path.rglob("run.json")).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("loadtest.jobs.history.shutil.rmtree", broken)
        result = run("prune", tmp_path, "--keep", "1")
    assert result.return_value is ExitCode.INTERRUPTED
    assert [path for path in tmp_path.glob("*/night.json") if run_name(0) in str(path)] == []
    assert run("prune", tmp_path, "--keep", "1").return_value is ExitCode.OK
    assert there(tmp_path) == [run_name(1)]


def test_a_link_leads_to_somebody_elses_runs(tmp_path: Path) -> None:
    theirs = light_run(tmp_path / "theirs", 0, age_days=9)
    mine = tmp_path / "mine"
    light_run(mine, 1, age_days=9)
    append_rows(mine / NAME, [row(0)])
    (mine / theirs.run_id).symlink_to(theirs.path, target_is_directory=True)
    assert run("prune", mine, "--older-than", "1d").return_value is ExitCode.OK
    assert theirs.night_json.is_file()
    assert there(mine) == [theirs.run_id]


def test_without_an_age_or_a_count_nothing_goes(tmp_path: Path) -> None:
    light_run(tmp_path, 0, age_days=99)
    assert CliRunner().invoke(history, ["prune", str(tmp_path)]).exit_code == ExitCode.USAGE
    assert there(tmp_path) == [run_name(0)]


def test_pruning_says_what_it_freed_as_json(tmp_path: Path) -> None:
    folder = light_run(tmp_path, 0, age_days=9)
    (folder.path / "big").write_bytes(bytes(10_000))
    body = json.loads(run("prune", tmp_path, "--older-than", "1d", "--json").stdout)
    assert body["freed_bytes"] > 10_000
    assert body["runs"] == [{"run_id": run_name(0), "freed_bytes": body["freed_bytes"], "stays": None}]
