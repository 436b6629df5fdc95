"""A night's rows say what its summary and its comparison say, and no more."""

from __future__ import annotations

import json
import math
import os
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from loadtest.analyse.compare.result import Comparison
from loadtest.errors import ExitCode, RecordError
from loadtest.jobs import night_rows as module
from loadtest.jobs.compare import compare_runs, keep_comparison
from loadtest.jobs.night_rows import night_rows
from loadtest.record.history import COLUMNS
from loadtest.record.layout import RunFolder
from loadtest.record.night import Night
from loadtest.record.run_json import RunState
from loadtest.record.tables import read_table, write_table
from loadtest.report.summary import summarise, write_summary
from loadtest.scenario.compared import COMPARED
from tests.unit.made_up import RUN_ID, MadeUp, ordinary_run

COMPARE = {"control": "ga", "factor": "model"}


def night_run(path: Path, run: MadeUp | None = None, **info: Any) -> RunFolder:
    """A measured run of a night."""
    run = run or ordinary_run(lost={"preview": 2})
    if len(run.arms) > 1:
        run.scenario["compare"] = COMPARE
    run.info |= info
    folder = run.write(path)
    night = Night(night=date(2026, 1, 1), scenario="made-up", scenario_file="made-up.yaml", run_id=folder.run_id)
    night.write(folder)
    write_summary(folder, summarise(folder))
    return folder


def by_key(folder: RunFolder) -> dict[tuple[str, str, str | None], dict[str, Any]]:
    return {(row["metric"], row["arm"], row["control"]): row for row in night_rows(folder)}


def test_every_metric_of_every_arm_and_candidate_has_one_row(tmp_path: Path) -> None:
    folder = night_run(tmp_path)
    rows = night_rows(folder)
    keys = [(row["metric"], row["arm"], row["control"]) for row in rows]
    own = {(metric, arm, None) for metric in (*COMPARED, "valid_share") for arm in ("preview", "ga")}
    assert len(keys) == len(set(keys))
    assert set(keys) == own | {(metric, "preview", "ga") for metric in COMPARED}
    assert all(row.keys() == COLUMNS.keys() for row in rows)
    assert {(row["night"], row["run_id"], row["scenario"]) for row in rows} == {(date(2026, 1, 1), RUN_ID, "made-up")}
    assert {(row["kind"], row["valid"], row["state"]) for row in rows} == {("rehearsal", True, "complete")}
    assert [bool(row["made_of"]) for row in rows].count(True) == 1
    assert pl.DataFrame(rows, schema=dict(COLUMNS)).height == len(rows)


def test_the_figures_are_those_of_summary_and_comparison(tmp_path: Path) -> None:
    folder = night_run(tmp_path)
    rows, summary, comparison = by_key(folder), summarise(folder), compare_runs([folder])
    figures = summary.arms["preview"].figures
    p50 = figures.reply_latency["p50"]
    assert p50.interval is not None
    mine = rows["reply_latency_p50", "preview", None]
    assert (mine["estimate"], mine["low"], mine["high"]) == (p50.value_ms, p50.interval.low, p50.interval.high)
    assert mine["n"] == figures.script_turns.valid
    assert mine["watched"] is None
    assert figures.losses.lost.value is not None
    assert rows["lost_turns", "preview", None]["estimate"] == pytest.approx(100 * figures.losses.lost.value)
    assert rows["rate_1011", "preview", None]["estimate"] == figures.rate_1011.per_minute
    assert rows["gap_seconds", "preview", None]["estimate"] == figures.losses.gap_s_per_talk_hour.value
    assert rows["answered_share", "ga", None]["estimate"] == summary.arms["ga"].figures.answered.value
    assert rows["valid_share", "ga", None]["estimate"] == 1.0
    for result in comparison.candidates["preview"].metrics:
        row = rows[result.metric, "preview", "ga"]
        assert row["estimate"] == result.effect.value
        assert row["low"] == (result.effect.interval.low if result.effect.interval else None)
    (first,) = (r for r in comparison.candidates["preview"].metrics if r.metric == "time_to_1011")
    assert rows["time_to_1011", "preview", None]["estimate"] == first.effect.candidate


def test_what_is_watched_is_the_logarithm_and_there_without_an_event(tmp_path: Path) -> None:
    rows = by_key(night_run(tmp_path))
    p50 = rows["reply_latency_p50", "preview", "ga"]
    assert p50["watched"] == pytest.approx(math.log(p50["estimate"]))
    lost = rows["lost_turns", "preview", "ga"]
    assert lost["watched"] == lost["estimate"] > 0
    rate = rows["rate_1011", "preview", "ga"]
    assert rate["estimate"] is None  # the control had none: no ratio
    assert rate["watched"] == pytest.approx(math.log(2.5 / 0.5))
    assert rows["gap_seconds", "preview", "ga"]["watched"] == pytest.approx(math.log(6.0))  # 2 x 2.5 s, and 0


def test_a_latency_that_may_be_beyond_the_limit_is_watched_as_it_is(tmp_path: Path) -> None:
    folder = night_run(tmp_path)
    row = by_key(folder)["reply_latency_p95", "preview", "ga"]
    assert row["estimate"] is None  # two of 96 were never answered: it is not known to be below the limit
    turns = read_table(folder.table("turns"), "turns")
    mine, its = (
        sorted(turns.filter(arm=arm)["latency_ms"].fill_null(10_000.0))[math.ceil(0.95 * 96) - 1]
        for arm in ("preview", "ga")
    )
    assert mine < 2000
    assert row["watched"] == pytest.approx(math.log(mine / its))


def test_a_latency_beyond_the_limit_is_watched_at_the_limit(tmp_path: Path) -> None:
    run = ordinary_run(lost={})
    for turn in run.tables["turns"]:
        if turn["arm"] == "preview" and turn["turn"] in {1, 2, 3, 4}:
            turn.update(latency_ms=None, outcome="no_reply", lost=True)
    rows = by_key(night_run(tmp_path, run))
    worst = rows["reply_latency_p50", "preview", "ga"]
    assert worst["estimate"] is None
    assert worst["watched"] == pytest.approx(math.log(10_000 / rows["reply_latency_p50", "ga", None]["estimate"]))


def test_a_run_with_one_arm_has_its_own_figures_and_nothing_to_watch(tmp_path: Path) -> None:
    rows = night_rows(night_run(tmp_path, ordinary_run(arms=("ga",))))
    assert {row["control"] for row in rows} == {None}
    assert {row["watched"] for row in rows} == {None}
    assert {row["state"] for row in rows} == {"complete"}


def test_a_comparison_that_is_there_is_used_if_it_is_of_these_tables_and_as_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = night_run(tmp_path)
    fresh = night_rows(folder)
    keep_comparison(folder.comparison_json, compare_runs([folder]), ExitCode.OK)
    with monkeypatch.context() as patched:
        patched.setattr(module, "compare_runs", lambda *_, **__: pytest.fail("it was compared again"))
        assert night_rows(folder) == fresh
    calls = []

    def compared(*folders: Any, **options: Any) -> Comparison:
        calls.append(folders)
        return compare_runs(*folders, **options)

    monkeypatch.setattr(module, "compare_runs", compared)
    keep_comparison(folder.comparison_json, compare_runs([folder], control="preview"), ExitCode.OK)
    assert night_rows(folder) == fresh
    keep_comparison(folder.comparison_json, compare_runs([folder]), ExitCode.OK)
    later = folder.comparison_json.stat().st_mtime_ns + 1_000_000_000
    os.utime(folder.table("turns"), ns=(later, later))
    assert night_rows(folder) == fresh
    body = json.loads(folder.comparison_json.read_text()) | {"schema_version": 0}
    folder.comparison_json.write_text(json.dumps(body))
    os.utime(folder.comparison_json, ns=(later, later))
    assert night_rows(folder) == fresh
    assert len(calls) == 3


def test_without_a_summary_it_is_made(tmp_path: Path) -> None:
    folder = night_run(tmp_path)
    before = night_rows(folder)
    folder.summary_json.unlink()
    assert night_rows(folder) == before


def test_a_night_counts_only_if_it_is_valid_fairly_compared_and_over(tmp_path: Path) -> None:
    run = ordinary_run()
    for turn in run.tables["turns"][:40]:
        turn["valid"] = False
    invalid = night_rows(night_run(tmp_path / "invalid", run))
    assert {(row["valid"], row["state"]) for row in invalid} == {(False, "invalid")}

    run = ordinary_run()
    for call in run.tables["calls"]:
        if call["arm"] == "ga" and call["block"] in {3, 7}:
            call.update(dialled_s=None, answered_s=None, outcome="dropped")
    unfair = night_rows(night_run(tmp_path / "unfair", run))
    assert {(row["valid"], row["state"]) for row in unfair} == {(True, "invalid")}

    broken_off = night_rows(night_run(tmp_path / "broken", ordinary_run(), state=RunState.INTERRUPTED))
    assert {row["state"] for row in broken_off} == {"invalid"}
    at_limit = {"state": RunState.ABORTED, "ended_early": "ended at its time limit"}
    limited = night_rows(night_run(tmp_path / "limited", ordinary_run(), **at_limit))
    assert {row["state"] for row in limited} == {"complete"}
    short = night_rows(night_run(tmp_path / "short", ordinary_run(blocks=5), **at_limit))
    assert {row["state"] for row in short} == {"invalid"}


def test_the_fingerprint_is_another_only_if_figures_can_be(tmp_path: Path) -> None:
    def fingerprint(name: str, run: MadeUp, **info: Any) -> str:
        found = {row["fingerprint"] for row in night_rows(night_run(tmp_path / name, run, **info))}
        assert len(found) == 1
        return str(found.pop())

    plain = fingerprint("plain", ordinary_run())
    assert fingerprint("kernel", ordinary_run(), host={"cores": 2, "release": "6.9"}) == plain
    assert fingerprint("worse", ordinary_run(lost={"ga": 3})) == plain
    assert fingerprint("cores", ordinary_run(), host={"cores": 4}) != plain
    assert fingerprint("plugin", ordinary_run(), versions={"livekit-plugins-google": "1.9"}) != plain


def test_an_earlier_analysis_is_read_and_is_another_fingerprint(tmp_path: Path) -> None:
    folder = night_run(tmp_path)
    now = night_rows(folder)[0]["fingerprint"]
    for name in ("calls", "turns", "gaps", "connections", "closes", "health"):
        frame = read_table(folder.table(name), name)
        write_table(folder.table(name), name, frame.iter_rows(named=True))
        frame.write_parquet(folder.table(name), metadata={"loadtest_schema": "1", "loadtest_analysis": "1"})
    assert night_rows(folder)[0]["fingerprint"] != now


def test_a_run_that_is_no_nights_is_refused(tmp_path: Path) -> None:
    folder = night_run(tmp_path)
    folder.night_json.unlink()
    with pytest.raises(RecordError, match=r"night\.json"):
        night_rows(folder)
