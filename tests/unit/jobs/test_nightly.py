"""The nightly job: once a night, on with what was begun, judged by all that counts, and each change told once."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from loadtest.errors import EndedEarlyError, ExitCode, InterruptedRunError, InUseError, NothingLeftError, ScenarioError
from loadtest.jobs import nightly as job
from loadtest.jobs import run
from loadtest.jobs.night_verdict import place_in_group
from loadtest.record.history import NAME, append_rows, read_history
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold
from loadtest.record.night import Night, NightState
from loadtest.record.nightly_lock import hold_nights
from loadtest.record.run_json import RunInfo, RunState
from loadtest.scenario.load import load_scenario
from tests.unit.jobs.nights import SCENARIO, MadeUpCalls, failed, make

ALONE = "nightly.verdict_nights=1"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> MadeUpCalls:
    made = MadeUpCalls()
    made.stand_in(monkeypatch)
    return made


def listening() -> tuple[Console, Callable[[], str]]:
    out = io.StringIO()
    return Console(file=out, width=1000), out.getvalue


def test_a_night_is_run_judged_remembered_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = MadeUpCalls()
    made.stand_in(monkeypatch, report=True)
    told = make(tmp_path, "2026-11-23")
    folder, night = told.folder, told.night
    assert (night.exit_code, night.state, night.kind, told.again) == (0, NightState.COMPLETE, "rehearsal", False)
    assert made.dialled == [folder.run_id]
    assert made.limits_s == [20 * 60]
    assert Night.read(folder) == night
    rows = read_history(tmp_path / NAME)
    assert set(rows["run_id"]) == {folder.run_id}
    assert set(rows["night"]) == {date(2026, 11, 23)}
    for path in (folder.comparison_json, folder.night_md, folder.path / "report.html", tmp_path / "history.html"):
        assert path.stat().st_size > 100
    suites = ET.parse(folder.junit_xml).getroot()
    assert (suites.get("failures"), suites.get("errors")) == ("0", "0")
    assert "Fine" in folder.night_md.read_text()
    assert "REHEARSAL" in folder.night_md.read_text()


def test_a_complete_night_is_told_again_and_nothing_is_dialled(tmp_path: Path, calls: MadeUpCalls) -> None:
    calls.lost = {"preview": 12}  # beyond a threshold
    first = make(tmp_path, "2026-11-23")
    assert first.night.exit_code == ExitCode.THRESHOLD_FAILED
    before = (tmp_path / NAME).read_bytes()
    console, said = listening()
    again = make(tmp_path, "2026-11-23", console=console)
    assert (again.night, again.again) == (first.night, True)
    assert len(calls.dialled) == 1
    assert (tmp_path / NAME).read_bytes() == before
    assert "told again, and nothing is dialled" in said()
    assert "has changed since" not in said()
    changed, said = listening()
    make(tmp_path, "2026-11-23", "callee.ring_s=2", console=changed)
    assert "has changed since" in said()


def test_another_night_is_another_run_and_draws_anew(tmp_path: Path, calls: MadeUpCalls) -> None:
    first, second = make(tmp_path, "2026-11-23"), make(tmp_path, "2026-11-24", "nightly.time_limit_minutes=30")
    assert len(calls.dialled) == 2
    seeds = [RunInfo.read(told.folder).seed for told in (first, second)]
    assert seeds[0] != seeds[1]
    again = job.load_for_night(SCENARIO, [], live=False, night=date(2026, 11, 23))
    assert again.scenario.seed == seeds[0]
    other = job.load_for_night(SCENARIO, ["seed=2"], live=False, night=date(2026, 11, 23))
    assert other.scenario.seed not in seeds
    rows = read_history(tmp_path / NAME)
    # Neither the draws nor how the job goes about it are what nights have to be alike in.
    assert rows["fingerprint"].n_unique() == 1


def test_a_night_that_was_stopped_is_taken_up_and_judged(tmp_path: Path, calls: MadeUpCalls) -> None:
    calls.state = RunState.INTERRUPTED
    with pytest.raises(InterruptedRunError) as stopped:
        make(tmp_path, "2026-11-23")
    assert "--resume" in stopped.value.remedy
    (folder,) = (RunFolder(tmp_path / run_id) for run_id in calls.dialled)
    assert Night.read(folder).state is NightState.RUNNING
    assert not (tmp_path / NAME).exists()  # what was not judged is no history

    calls.state = RunState.COMPLETE
    console, said = listening()
    told = make(tmp_path, "2026-11-23", console=console)
    assert "TAKEN UP AGAIN" in said()
    assert calls.dialled == [folder.run_id] * 2  # the same run
    assert told.night.exit_code == 0
    assert set(read_history(tmp_path / NAME)["state"]) == {"complete"}


def test_a_night_whose_run_is_over_is_judged_without_dialling(
    tmp_path: Path, calls: MadeUpCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> Night:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(job, "judge", killed)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path, "2026-11-23")
    told = make(tmp_path, "2026-11-23")
    assert len(calls.dialled) == 1
    assert (told.night.exit_code, told.again) == (0, False)


def test_a_night_killed_after_its_last_call_counts_as_complete(
    tmp_path: Path, calls: MadeUpCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_left(*_: Any, **__: Any) -> None:
        raise NothingLeftError("all 12 blocks are complete", remedy="")

    calls.state = RunState.INTERRUPTED
    with pytest.raises(InterruptedRunError):
        make(tmp_path, "2026-11-23")
    folder = RunFolder(tmp_path / calls.dialled[0])
    replace(RunInfo.read(folder), state=RunState.RUNNING).write(folder)
    monkeypatch.setattr(job, "resume_and_measure", nothing_left)
    assert make(tmp_path, "2026-11-23").night.exit_code == 0
    assert set(read_history(tmp_path / NAME)["state"]) == {"complete"}


def test_an_older_night_waits_for_resume(tmp_path: Path, calls: MadeUpCalls) -> None:
    calls.state = RunState.INTERRUPTED
    with pytest.raises(InterruptedRunError):
        make(tmp_path, "2026-11-22")
    calls.state = RunState.COMPLETE
    console, said = listening()
    make(tmp_path, "2026-11-23", console=console)
    assert "The night of 2026-11-22 was not finished" in said()
    assert "--resume" in said()

    def resumed() -> job.Told | None:
        return job.take_up_last(SCENARIO, results=tmp_path, console=Console(quiet=True))

    told = resumed()
    assert told is not None
    assert (told.night.night, told.night.exit_code) == (date(2026, 11, 22), 0)
    assert resumed() is None
    assert len(calls.dialled) == 3


def test_two_jobs_are_not_at_work_at_once(tmp_path: Path, calls: MadeUpCalls) -> None:
    with hold_nights(tmp_path), pytest.raises(InUseError, match="another `loadtest nightly`"):
        make(tmp_path, "2026-11-23")
    assert calls.dialled == []
    make(tmp_path, "2026-11-23")


def test_nothing_else_writes_into_the_run_while_it_is_made(
    tmp_path: Path, calls: MadeUpCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(folder: RunFolder, info: RunInfo, *rest: Any, **said: Any) -> Any:
        with pytest.raises(InUseError), hold(folder):
            pass
        return calls.run_in(folder, info, *rest, **said)

    monkeypatch.setattr(job, "run_in", look)
    make(tmp_path, "2026-11-23")


# What a night comes to.


def test_an_invalid_night_ends_with_3_whatever_else_failed(tmp_path: Path, calls: MadeUpCalls) -> None:
    calls.invalid, calls.lost = True, {"preview": 12}
    told = make(tmp_path, "2026-11-23")
    assert told.night.exit_code == ExitCode.INVALID
    assert (told.night.sentence or "").startswith("INVALID")
    assert set(read_history(tmp_path / NAME)["state"]) == {"invalid"}
    assert ET.parse(told.folder.junit_xml).getroot().get("errors") != "0"


def test_a_threshold_that_does_not_hold_is_named(tmp_path: Path, calls: MadeUpCalls) -> None:
    calls.median_ms = {"preview": 800.0, "ga": 4000.0}
    told = make(tmp_path, "2026-11-23")
    assert told.night.exit_code == ExitCode.THRESHOLD_FAILED
    assert failed(told) == [("thresholds", "reply_latency.p50 < 2500 (ga)")]
    assert "1 threshold does not hold" in (told.night.sentence or "")


def test_a_run_that_ended_at_its_limit_is_judged_by_what_there_is(tmp_path: Path, calls: MadeUpCalls) -> None:
    calls.state, calls.ended_early = RunState.ABORTED, "ended early at its time limit of 20 minutes"
    told = make(tmp_path, "2026-11-23")
    assert told.night.exit_code == 0
    assert any("time limit of 20 minutes" in note for note in told.night.notes)
    make(tmp_path, "2026-11-23")
    assert len(calls.dialled) == 1


def test_a_plan_that_needs_longer_than_its_limit_is_refused(tmp_path: Path, calls: MadeUpCalls) -> None:
    with pytest.raises(ScenarioError, match="time_limit_minutes: expected more than 6"):
        make(tmp_path, "2026-11-23", "nightly.time_limit_minutes=5")
    assert not list(tmp_path.glob("*nightly-*"))


def test_the_time_limit_ends_the_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        def __init__(self, *_: Any, **__: Any) -> None:
            self.early: asyncio.Future[EndedEarlyError] = asyncio.get_running_loop().create_future()

        def stop(self) -> None: ...

        def end_early(self, why: EndedEarlyError) -> None:
            self.early.set_result(why)

        async def run(self) -> Any:
            async with asyncio.timeout(20):
                return await self.early

    monkeypatch.setattr("loadtest.run.session.RunSession", Session)
    loaded = load_scenario(SCENARIO)
    nothing: Any = None
    ended = asyncio.run(run._run(loaded, (), RunFolder(tmp_path), nothing, Console(quiet=True), -1, None, False, 0.06))
    assert "time limit of 0.001 minutes" in str(ended)


# Nights before.


def remember(results: Path, told: job.Told, nights: int) -> None:
    """Give the history so many nights before one, all much like it."""
    rows = read_history(results / NAME)
    draws = np.random.default_rng(5)
    for n in range(1, nights + 1):
        jitter = [None if value is None else value + draws.normal(0, 0.02) for value in rows["watched"]]
        earlier = rows.with_columns(
            night=pl.lit(told.night.night - timedelta(days=n)),
            run_id=pl.lit(f"20260101T{n:06d}Z-nightly-0000"),
            watched=pl.Series(jitter, dtype=pl.Float64),
        )
        append_rows(results / NAME, earlier.to_dicts())


def test_a_change_is_told_once(tmp_path: Path, calls: MadeUpCalls) -> None:
    first = make(tmp_path, "2026-11-23")
    assert any(check.name == "no baseline yet" for check in first.night.checks)
    assert "can't be told" in (first.night.sentence or "")
    remember(tmp_path, first, 13)
    assert make(tmp_path, "2026-11-24").night.exit_code == 0

    calls.median_ms = {"preview": 1600.0, "ga": 800.0}
    changed = make(tmp_path, "2026-11-25")
    assert changed.night.exit_code == ExitCode.THRESHOLD_FAILED
    assert ("changes", "reply latency, p50, preview / ga") in failed(changed)
    assert {group for group, _ in failed(changed)} == {"changes"}
    alarm = next(one for one in changed.night.alarms if one["metric"] == "reply_latency_p50")
    assert alarm["value"] == pytest.approx(2.0, rel=0.15)
    assert (alarm["night"], alarm["baseline_nights"], alarm["better"]) == ("2026-11-25", 14, False)
    assert "× 2" in changed.folder.night_md.read_text()

    again = make(tmp_path, "2026-11-25")
    assert (again.night.exit_code, again.night.alarms) == (4, changed.night.alarms)
    after = make(tmp_path, "2026-11-26")
    assert (after.night.exit_code, after.night.alarms) == (0, ())


def test_a_night_that_is_judged_late_tells_its_own_change(tmp_path: Path, calls: MadeUpCalls) -> None:
    """And by the nights before it, though one after it is in the history already."""
    first = make(tmp_path, "2026-11-22")
    remember(tmp_path, first, 13)
    calls.state = RunState.INTERRUPTED
    with pytest.raises(InterruptedRunError):
        make(tmp_path, "2026-11-23")
    calls.state = RunState.COMPLETE
    assert make(tmp_path, "2026-11-24").night.alarms == ()
    calls.median_ms = {"preview": 1600.0, "ga": 800.0}
    told = job.take_up_last(SCENARIO, results=tmp_path, console=Console(quiet=True))
    assert told is not None
    assert "reply_latency_p50" in {alarm["metric"] for alarm in told.night.alarms}
    assert {alarm["night"] for alarm in told.night.alarms} == {"2026-11-23"}
    assert {alarm["baseline_nights"] for alarm in told.night.alarms} == {14}


# The verdict of several nights.


def history_of(*nights: tuple[str, str, str]) -> pl.DataFrame:
    """Run id, fingerprint and state of each."""
    return pl.DataFrame(
        [
            {
                "night": date(2026, 1, 1) + timedelta(days=i),
                "started_utc": "",
                "run_id": run,
                "fingerprint": of,
                "state": s,
            }
            for i, (run, of, s) in enumerate(nights)
        ]
    )


@pytest.mark.parametrize(
    ("run_id", "number", "members"),
    [("a", 1, "a"), ("c", 2, "ac"), ("d", 3, "acd"), ("e", 1, "e"), ("f", 1, "f"), ("g", 2, "fg")],
)
def test_nights_that_count_make_groups_and_another_making_begins_one(run_id: str, number: int, members: str) -> None:
    history = history_of(
        *((run, "x", "invalid" if run == "b" else "complete") for run in "abcde"),
        *((run, "y", "complete") for run in "fg"),
    )
    place = place_in_group(history, run_id, 3)
    assert place is not None
    assert (place.number, "".join(place.members)) == (number, members)
    assert place_in_group(history, "b", 3) is None


def test_the_verdict_pools_nights_and_is_given_at_declared_looks_only(tmp_path: Path, calls: MadeUpCalls) -> None:
    pooled = ("nightly.verdict_nights=4", "compare.looks=2", "thresholds=[]")
    calls.median_ms = {"preview": 1600.0, "ga": 800.0}
    nights = [make(tmp_path, f"2026-11-{day}", *pooled).night for day in (20, 21)]
    assert nights[0].exit_code == 0  # as much worse as ever, and not yet time to say so
    assert any("night 1 of the 4" in note and "after night 2" in note for note in nights[0].notes)
    assert nights[1].exit_code == ExitCode.THRESHOLD_FAILED
    assert "reject preview" in (nights[1].sentence or "")
    verdict = next(check for check in nights[1].checks if check.group == "comparison")
    assert "look 1 of 2" in verdict.text
    assert "24 blocks" in verdict.text


def test_a_verdict_whose_nights_are_gone_is_a_line_of_text(tmp_path: Path, calls: MadeUpCalls) -> None:
    pooled = ("nightly.verdict_nights=2", "compare.looks=1")
    first = make(tmp_path, "2026-11-20", *pooled)
    first.folder.path.rename(tmp_path / "elsewhere")
    second = make(tmp_path, "2026-11-21", *pooled)
    assert second.night.exit_code == 0
    (note,) = (note for note in second.night.notes if note.startswith("Comparison"))
    assert "a look is due, but" in note
    assert str(tmp_path) not in note


def test_what_is_written_of_a_night_is_readable_by_programs(tmp_path: Path, calls: MadeUpCalls) -> None:
    told = make(tmp_path, "2026-11-23", ALONE)
    body = json.loads(told.folder.night_json.read_text())
    assert body["exit_code"] == told.night.exit_code
    assert body["night"] == "2026-11-23"
    figures = {(figure["metric"], figure["arm"]): figure for figure in body["figures"]}
    p50 = figures["reply_latency.p50", "ga"]
    assert p50["low"] < p50["value"] < p50["high"]
    assert {check["result"] for check in body["checks"]} <= {"passed", "failed", "invalid", "open"}
