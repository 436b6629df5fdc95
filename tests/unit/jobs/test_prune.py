"""What pruning removes, what it never touches, and what it says."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from loadtest.audio.wav import write_flac_from_pcm
from loadtest.cli.prune import prune
from loadtest.clock import utc_now
from loadtest.errors import ExitCode
from loadtest.jobs import prune as job
from loadtest.jobs.run import _keep_recordings
from loadtest.measure.acoustics import read_edges, write_edges
from loadtest.measure.run import measure_run
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold
from loadtest.record.run_json import RunInfo
from loadtest.record.tables import TABLES, read_table, write_table
from tests.unit.measure.build import plain_call, planned, recorded_run
from tests.unit.measure.test_closes import lost_reply

PLAIN, GAP, DISPUTED = "0000-ga", "0001-preview", "0002-ga"


@pytest.fixture(scope="module")
def unmeasured(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Three calls: nothing in the first, a gap in the second, a disputed turn in the third; a warm-up and logs."""
    ended = utc_now()
    run = recorded_run(
        tmp_path_factory.mktemp("unmeasured") / "run",
        tuple(planned(slot, arm) for slot, arm in enumerate(("ga", "preview", "ga"))),
        (plain_call(), lost_reply(), plain_call()),
        started_utc=(ended - timedelta(hours=1)).isoformat(),
        ended_utc=ended.isoformat(),
    )
    flac = run.call(PLAIN)
    write_flac_from_pcm(flac.pcm, flac.flac)
    flac.pcm.unlink()
    plain_call().write(run.warmup("warmup-ga").path)
    run.logs.mkdir()
    (run.logs / "agent.log").write_text("said\n")
    return run


@pytest.fixture(scope="module")
def measured(unmeasured: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = copy(unmeasured, tmp_path_factory.mktemp("measured") / "run")
    measure_run(run)
    turns = read_table(run.table("turns"), "turns")
    turns = turns.with_columns(disputed=pl.col("call_id") == DISPUTED)
    write_table(run.table("turns"), "turns", turns.to_dicts())
    return run


@pytest.fixture
def run(measured: RunFolder, tmp_path: Path) -> RunFolder:
    return copy(measured, tmp_path / "results" / "20261122T160102Z-made-up-3f9a")


def copy(run: RunFolder, to: Path, *, ended_days_ago: float = 0.0) -> RunFolder:
    shutil.copytree(run.path, to)
    copied = RunFolder(to)
    ended = utc_now() - timedelta(days=ended_days_ago)
    replace(RunInfo.read(copied), ended_utc=ended.isoformat()).write(copied)
    return copied


def files(run: RunFolder) -> dict[str, bytes]:
    return {str(path.relative_to(run.path)): path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


def recordings(run: RunFolder) -> set[str]:
    return {name.split("/")[1] for name in files(run) if "/audio." in name}


def do(*arguments: str | Path) -> Result:
    return CliRunner().invoke(prune, [str(argument) for argument in arguments], standalone_mode=False)


def test_calls_with_gaps_or_disputed_turns_are_kept(run: RunFolder) -> None:
    result = do(run.path)
    assert result.return_value == ExitCode.OK
    assert recordings(run) == {GAP, DISPUTED}
    assert "2 recordings removed" in result.output
    assert "2 kept" in result.output


def test_none_are_kept_if_none_is_asked_for(run: RunFolder) -> None:
    do(run.path, "--keep", "none")
    assert recordings(run) == set()


def test_nothing_but_recordings_goes(run: RunFolder) -> None:
    before = files(run)
    do(run.path, "--keep", "none")
    assert files(run) == {name: data for name, data in before.items() if "/audio." not in name}


def test_logs_go_only_if_asked_for(run: RunFolder) -> None:
    before = files(run)
    do(run.path, "--keep", "none", "--logs")
    assert set(before) - set(files(run)) >= {"logs/agent.log"}
    assert {name for name in files(run) if name.startswith("tables/")} == {f"tables/{name}.parquet" for name in TABLES}


def test_what_was_set_aside_is_in_no_table_and_goes_whatever_is_kept(run: RunFolder) -> None:
    aside = run.aside(1)
    for folder in (aside.call(GAP), aside.warmup("warmup-ga")):
        shutil.copytree(run.call(GAP).path, folder.path)
    aside.logs.mkdir()
    (aside.logs / "agent.log").write_text("said\n")
    do(run.path, "--keep", "gaps")
    assert recordings(run) == {GAP, DISPUTED}
    assert not [name for name in files(run) if name.startswith("aside/") and "/audio." in name]
    assert (aside.call(GAP).events.exists(), (aside.logs / "agent.log").exists()) == (True, True)
    do(run.path, "--logs")
    assert not (aside.logs / "agent.log").exists()


def test_the_tables_can_be_made_again(run: RunFolder) -> None:
    measure_run(run)
    before = {name: run.table(name).read_bytes() for name in TABLES}
    do(run.path, "--keep", "none")
    for name in TABLES:
        run.table(name).unlink()
    measure_run(run)
    assert {name: run.table(name).read_bytes() for name in TABLES} == before


def not_there(edges: Path) -> None:
    """As in a run of an earlier loadtest."""
    edges.unlink()


def of_another_analysis(edges: Path) -> None:
    edges.write_text('{"analysis_version": 0}')


def without_second_opinion(edges: Path) -> None:
    write_edges(edges, replace(read_edges(edges), opinions=None))


@pytest.mark.parametrize("spoil", [not_there, of_another_analysis, without_second_opinion])
def test_edges_are_made_before_the_recording_goes(run: RunFolder, spoil: Callable[[Path], None]) -> None:
    edges = run.call(PLAIN).edges
    wanted = edges.read_bytes()
    spoil(edges)
    assert not edges.exists() or edges.read_bytes() != wanted
    do(run.path)
    assert edges.read_bytes() == wanted
    assert PLAIN not in recordings(run)


def test_a_recording_whose_edges_cannot_be_kept_stays(run: RunFolder) -> None:
    run.call(PLAIN).edges.unlink()
    run.call(PLAIN).flac.write_bytes(b"no FLAC")
    result = do(run.path, "--keep", "none")
    assert result.return_value == ExitCode.TOOL_FAILED
    assert "cannot be read" in result.output
    assert PLAIN in recordings(run)


def test_a_dry_run_removes_nothing_and_counts_the_same(run: RunFolder) -> None:
    run.call(PLAIN).edges.unlink()
    before = files(run)
    would = json.loads(do(run.path, "--dry-run", "--json", "--logs").output)
    assert files(run) == before
    did = json.loads(do(run.path, "--json", "--logs").output)
    assert would["dry_run"]
    assert would["runs"] == did["runs"]
    size = sum(map(len, before.values())) - sum(len(d) for n, d in files(run).items() if n in before)
    assert did["freed_bytes"] == did["runs"][0]["freed_bytes"] == size > 0


def test_a_run_in_progress_is_left_alone(run: RunFolder) -> None:
    before = files(run)
    with hold(run):
        result = do(run.path, "--keep", "none", "--logs")
    assert "in progress" in result.output
    assert files(run) == before


def test_a_run_that_was_never_measured_is_left_alone(unmeasured: RunFolder, tmp_path: Path) -> None:
    """Its edges are in no file but the recordings; it may be in progress where folders cannot be locked."""
    run = copy(unmeasured, tmp_path / "run")
    before = files(run)
    assert "loadtest measure" in do(run.path, "--keep", "none", "--logs").output
    assert files(run) == before


def test_only_runs_that_are_old_enough(measured: RunFolder, tmp_path: Path) -> None:
    old = copy(measured, tmp_path / "old", ended_days_ago=31)
    young = copy(measured, tmp_path / "young", ended_days_ago=29)
    result = do("--results", tmp_path, "--older-than", "30d", "--keep", "none")
    assert (recordings(old), len(recordings(young))) == (set(), 4)
    assert f"{young.path}: left alone, too young" in result.output


def test_folders_that_are_no_runs_are_not_touched(run: RunFolder, tmp_path: Path) -> None:
    theirs = tmp_path / "results" / "notes" / "calls" / "0000-ga" / "audio.flac"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"mine")
    elsewhere = copy(run, tmp_path / "elsewhere")
    (tmp_path / "results" / "linked").symlink_to(elsewhere.path)
    do("--results", tmp_path / "results", "--keep", "none", "--logs")
    assert recordings(run) == set()
    assert theirs.read_bytes() == b"mine"
    assert len(recordings(elsewhere)) == 4


def test_a_named_folder_that_is_no_run_stops_it_before_anything_is_removed(run: RunFolder, tmp_path: Path) -> None:
    result = CliRunner().invoke(prune, [str(run.path), str(tmp_path)])
    assert (result.exit_code, len(recordings(run))) == (ExitCode.USAGE, 4)
    assert "is no run" in result.output


def test_recordings_of_calls_that_are_not_in_the_plan_are_not_touched(run: RunFolder) -> None:
    plain_call().write(run.call("somebody-elses").path)
    do(run.path, "--keep", "none")
    assert recordings(run) == {"somebody-elses"}


@pytest.mark.parametrize("arguments", [(), ("--older-than", "30"), ("--older-than", "0.5d"), ("--keep", "all")])
def test_what_is_to_be_pruned_must_be_said(run: RunFolder, arguments: tuple[str, ...]) -> None:
    named = [str(run.path)] if arguments else []
    assert CliRunner().invoke(prune, [*named, *arguments]).exit_code == ExitCode.USAGE


def test_interrupted_it_says_what_is_gone(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = job._keep_edges, iter(range(9))

    def interrupted(call: Any) -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt
        real(call)

    monkeypatch.setattr(job, "_keep_edges", interrupted)
    before = files(run)
    result = do(run.path, "--keep", "none", "--json")
    assert result.return_value == ExitCode.INTERRUPTED
    assert recordings(run) == {GAP, DISPUTED, "warmup-ga"}
    gone = sum(map(len, before.values())) - sum(map(len, files(run).values()))
    assert json.loads(result.output)["freed_bytes"] == gone > 0


@pytest.mark.parametrize(
    ("which", "stay"),
    [("all", {PLAIN, GAP, DISPUTED, "warmup-ga"}), ("gaps", {GAP, DISPUTED}), ("none", set())],
)
def test_a_run_keeps_the_recordings_that_its_scenario_says(
    run: RunFolder, which: Literal["all", "gaps", "none"], stay: set[str]
) -> None:
    with hold(run):  # as a run does to its end
        _keep_recordings(which, run, Console(quiet=True))
    assert recordings(run) == stay


def test_a_run_whose_recordings_cannot_be_removed_says_so_and_goes_on(run: RunFolder) -> None:
    run.call(PLAIN).edges.unlink()
    run.call(PLAIN).flac.write_bytes(b"no FLAC")
    console = Console(file=io.StringIO(), width=1000)
    _keep_recordings("none", run, console)
    assert isinstance(console.file, io.StringIO)
    assert "0 removed, then" in console.file.getvalue()
    assert "loadtest prune" in console.file.getvalue()


def test_edges_are_on_disk_for_good_before_the_recording_goes(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(job, "_sync", lambda path: done.append(f"synced {path.relative_to(run.path)}"))

    def removed(path: Path, *, dry_run: bool) -> int:
        done.append(f"removed {path.relative_to(run.path)}")
        return 0

    monkeypatch.setattr(job, "_remove", removed)
    do(run.path)
    call = f"calls/{PLAIN}"
    assert done[:3] == [f"synced {call}/edges.json", f"synced {call}", f"removed {call}/audio.flac"]
