"""What other programs are given of a run: the figures of its summary, in forms that they read."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.errors import ExitCode, NewerError, RecordError
from loadtest.jobs.compare import compare_runs, keep_comparison
from loadtest.record.layout import RunFolder
from loadtest.report.export_benchstat import UNITS, benchmark_lines
from loadtest.report.export_csv import figures_csv, table_csv
from loadtest.report.export_otava import otava_series
from loadtest.report.figure_rows import FIGURES, FigureRow, read_figures
from loadtest.report.summary import summarise, write_summary
from loadtest.scenario.compared import COMPARED
from tests.unit.made_up import MadeUp, ordinary_run


def measured(run: MadeUp, path: Path) -> RunFolder:
    folder = run.write(path)
    write_summary(folder, summarise(folder))
    return folder


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def of(folder: RunFolder, arm: str, metric: str) -> FigureRow:
    (row,) = (row for row in read_figures(folder).rows if (row.arm, row.metric) == (arm, metric))
    return row


# Figures


def test_every_figure_is_that_of_the_summary(tmp_path: Path) -> None:
    run = ordinary_run(lost={"preview": 3})
    folder = measured(run, tmp_path)
    figures = summarise(folder).arms["preview"].figures
    p50, lost, rate = figures.reply_latency["p50"], figures.losses.lost, figures.rate_1011
    assert p50.interval is not None
    assert lost.interval is not None
    row = of(folder, "preview", "reply_latency_p50")
    assert (row.value, row.low, row.high, row.n) == (p50.value_ms, p50.interval.low, p50.interval.high, 96)
    row = of(folder, "preview", "lost_turns")
    assert (row.value, row.low, row.n) == (pytest.approx(300 / 96), lost.interval.low * 100, 96)
    row = of(folder, "preview", "rate_1011")
    assert (row.value, row.n) == (rate.per_minute, 3)
    assert row.note == "assumes independent closes"
    assert of(folder, "preview", "answered_share").value == figures.answered.value
    assert of(folder, "preview", "talked_over_share").value == 0
    assert of(folder, "preview", "greeting_latency_p50").value == figures.greeting.latency["p50"].value_ms
    assert of(folder, "preview", "gap_seconds").value == figures.losses.gap_s_per_talk_hour.value
    assert of(folder, "preview", "valid_share").value == 1.0


def test_every_arm_has_every_metric_in_the_units_of_compare(tmp_path: Path) -> None:
    rows = read_figures(measured(ordinary_run(), tmp_path)).rows
    assert [(row.arm, row.metric) for row in rows] == [(arm, m) for arm in ("preview", "ga") for m in FIGURES]
    assert {row.metric: row.unit for row in rows} == {
        m: COMPARED[m].unit if m in COMPARED else "share" for m in FIGURES
    }
    # The time to the first 1011 is only ever compared.
    assert set(COMPARED) - set(FIGURES) == {"time_to_1011"}


def test_what_is_not_known_is_empty_and_says_why(tmp_path: Path) -> None:
    folder = measured(ordinary_run(lost={"preview": 12}), tmp_path)
    rows = {(row["arm"], row["metric"]): row for row in rows_of(figures_csv([read_figures(folder)]))}
    p99 = rows["ga", "reply_latency_p99"]
    assert (p99["value"], p99["low"], p99["high"], p99["beyond"]) == ("", "", "", "")
    assert p99["note"] == "needs 381 values, has 96"
    p95 = rows["preview", "reply_latency_p95"]
    assert (p95["value"], p95["high"], p95["beyond"]) == ("", "", "10000")
    assert float(p95["low"]) > 0


def test_a_summary_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = measured(ordinary_run(), tmp_path)
    body = json.loads(folder.summary_json.read_text())
    folder.summary_json.write_text(json.dumps(body | {"schema_version": 99}))
    with pytest.raises(NewerError):
        read_figures(folder)
    folder.summary_json.write_text("{}")
    with pytest.raises(RecordError, match=r"summary\.json"):
        read_figures(folder)
    folder.summary_json.unlink()
    with pytest.raises(RecordError, match=r"summary\.json"):
        read_figures(folder)


# CSV


def test_tables_are_written_row_by_row_run_after_run(tmp_path: Path) -> None:
    run = ordinary_run(blocks=2, lost={"preview": 1})
    first = measured(run, tmp_path / "a")
    other = measured(ordinary_run(blocks=1), tmp_path / "b")
    rows = rows_of(table_csv([first, other], "turns"))
    assert len(rows) == 24 + 12
    assert [row["lost"] for row in rows].count("true") == 1
    (lost,) = (row for row in rows if row["lost"] == "true")
    assert (lost["latency_ms"], lost["outcome"], lost["close_id"]) == ("", "no_reply", "0000-preview/close-1")


@pytest.mark.parametrize("reason", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_text_never_becomes_a_formula(reason: str, tmp_path: Path) -> None:
    run = ordinary_run(blocks=1)
    run.close("0000-preview", -5.0, reason=reason)
    (row,) = rows_of(table_csv([measured(run, tmp_path)], "closes"))
    assert row["reason"] == f"'{reason}"
    assert row["at_s"] == "-5"


# benchstat


def known_run() -> MadeUp:
    """Two blocks; the preview's second has a lost turn, a 1011 and a gap."""
    run = MadeUp()
    for block, latencies in enumerate(((500.0, 700.0, 900.0), (600.0, None, 800.0))):
        call_id = run.call("preview", block, greeting_latency_ms=400.0, talk_s=30.0, socket_s=30.0)
        for latency in latencies:
            number = run.turn(call_id, latency)
            if latency is None:
                run.gap(call_id, number, 13_000.0, close_id=run.close(call_id, 20.0))
        call_id = run.call("ga", block, greeting_latency_ms=300.0)
        for latency in (650.0, 850.0):  # of an even number the lower one, as everywhere
            run.turn(call_id, latency)
    run.call("preview", 2)  # of a block that is not complete
    return run


def samples(text: str) -> dict[str, list[dict[str, float]]]:
    """By arm, the values of each benchmark line by unit. As strict as the format."""
    arm, found = "", dict[str, list[dict[str, float]]]()
    for line in text.splitlines():
        if setting := re.fullmatch(r"([a-z][^\sA-Z:]*): (\S.*)", line):
            arm = setting[2] if setting[1] == "arm" else arm
        elif line and not line.startswith("Unit "):
            name, iterations, *pairs = line.split(" ")
            assert re.fullmatch(r"Benchmark[A-Z]\w*", name)
            assert iterations == "1"
            assert len(pairs) % 2 == 0
            found.setdefault(arm, []).append(
                {unit: float(value) for value, unit in zip(pairs[::2], pairs[1::2], strict=True)}
            )
    return found


def test_every_complete_block_is_one_sample(tmp_path: Path) -> None:
    found = samples(benchmark_lines([measured(known_run(), tmp_path)]))
    assert found["preview"] == [
        {
            "reply-p50-sec": 0.7,
            "greeting-p50-sec": 0.4,
            "answered/100-turns": 100,
            "lost/100-turns": 0,
            "talked-over/100-turns": 0,
            "1011s/connected-min": 0,
            "gap-sec/talk-hour": 0,
        },
        {
            "reply-p50-sec": 0.8,
            "greeting-p50-sec": 0.4,
            "answered/100-turns": pytest.approx(200 / 3),
            "lost/100-turns": pytest.approx(100 / 3),
            "talked-over/100-turns": 0,
            "1011s/connected-min": 2,
            "gap-sec/talk-hour": 360,
        },
    ]
    assert [each["reply-p50-sec"] for each in found["ga"]] == [0.65, 0.65]


def test_benchstat_is_told_which_way_is_better_and_whose_figures_these_are(tmp_path: Path) -> None:
    run = known_run()
    run.scenario["compare"] = {"control": "ga"}
    lines = benchmark_lines([measured(run, tmp_path)]).splitlines()
    assert [line for line in lines if line.startswith("Unit")] == [
        f"Unit {unit} better={'higher' if unit.startswith('answered') else 'lower'}" for unit in UNITS
    ]
    assert [line for line in lines if line.startswith("arm")] == ["arm: ga", "arm: preview"]  # the control is the base
    assert {f"run: {run.run_id}", "scenario: made-up", "kind: rehearsal"} <= set(lines)
    assert "valid: true" in lines


def test_a_middle_turn_without_a_reply_is_the_limit_and_an_agent_that_never_greets_has_no_greeting(
    tmp_path: Path,
) -> None:
    run = MadeUp()
    for arm in run.arms:
        call_id = run.call(arm, 0, greeting_s=None, greeting_latency_ms=None)
        for latency in (None, None, 500.0):
            run.turn(call_id, latency)
    (sample,) = samples(benchmark_lines([measured(run, tmp_path)]))["preview"]
    assert sample["reply-p50-sec"] == 10.0
    assert "greeting-p50-sec" not in sample


# Otava


def series_of(folders: list[RunFolder]) -> tuple[list[dict[str, str]], Any]:
    made = otava_series([(folder, read_figures(folder)) for folder in folders])
    return rows_of(made.csv), made


def night(path: Path, day: int, **more: Any) -> RunFolder:
    run = ordinary_run(**more)
    run.run_id = f"2026010{day}T000000Z-made-up-0a1b"
    run.info["started_utc"] = f"2026-01-0{day}T00:00:00+00:00"
    return measured(run, path)


def test_a_series_has_a_row_a_run_in_order_of_time_and_only_numbers(tmp_path: Path) -> None:
    folders = [night(tmp_path, 2), night(tmp_path, 1, lost={"preview": 12})]
    rows, made = series_of(folders)
    assert [row["time"] for row in rows] == ["2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"]
    assert rows[0]["preview.reply_latency_p95"] == "10000"  # beyond the limit
    figures = [[float(value) for name, value in row.items() if "." in name] for row in rows]
    assert np.isfinite(figures).all()
    assert made.incomplete == ("preview.reply_latency_p99", "ga.reply_latency_p99")
    assert "ga.reply_latency_p99" not in rows[0]


def test_invalid_runs_are_left_out_and_named(tmp_path: Path) -> None:
    bad = ordinary_run()
    bad.run_id = "20260103T000000Z-made-up-0a1b"
    for turn in bad.tables["turns"]:
        turn.update(valid=False, invalid_reason="loop_lag 300 ms")
    rows, made = series_of([night(tmp_path, 1), measured(bad, tmp_path)])
    assert [row["run_id"] for row in rows] == ["20260101T000000Z-made-up-0a1b"]
    assert made.invalid == ("20260103T000000Z-made-up-0a1b",)


def test_a_stored_comparison_adds_what_arms_differ_by(tmp_path: Path) -> None:
    folder = night(tmp_path, 1)
    comparison = compare_runs([folder])
    keep_comparison(folder.comparison_json, comparison, ExitCode.OK)
    effects = {each.metric: each.effect.value for each in comparison.candidates["ga"].metrics}
    (row,), made = series_of([folder])
    assert float(row["ga/preview.reply_latency_p50"]) == pytest.approx(effects["reply_latency_p50"], rel=1e-8)
    assert effects["rate_1011"] is None
    assert "ga/preview.rate_1011" in made.incomplete
    # A night that was not compared has none.
    rows, made = series_of([folder, night(tmp_path, 2)])
    assert "ga/preview.reply_latency_p50" in made.incomplete
    assert len(rows) == 2
    folder.comparison_json.write_text("[]")
    with pytest.raises(RecordError, match=r"comparison\.json"):
        series_of([folder])
