"""What is drawn, as data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from loadtest.report.html.calls import Texts, call_data, shown_calls, worst_calls
from loadtest.report.html.closes import by_age, close_codes, closes_over_time
from loadtest.report.html.figures import thin
from loadtest.report.html.gaps import gap_lengths
from loadtest.report.html.latency import block_slopes, ecdf_steps, latency_spread
from loadtest.report.html.load import calls_at, latency_by_concurrency, offered_and_achieved
from loadtest.report.html.pool import Pool, read_pool
from loadtest.report.html.subgroups import by_line, trend
from tests.unit.made_up import MadeUp, ordinary_run


def pooled(run: MadeUp, path: Path) -> Pool:
    run.scenario.setdefault("compare", {"control": "ga"})
    return read_pool([run.write(path)])


def test_the_curve_ends_in_the_share_that_was_answered() -> None:
    ms = np.array([10_000.0, 400.0, 10_000.0, 800.0, 600.0])
    x, y = ecdf_steps(ms, 10_000)
    assert x.tolist() == [400, 600, 800, 10_000]
    assert y.tolist() == pytest.approx([0.2, 0.4, 0.6, 0.6])


def test_a_curve_of_nothing_and_of_silence_alone() -> None:
    assert [a.tolist() for a in ecdf_steps(np.array([]), 10_000)] == [[10_000], [0]]
    assert [a.tolist() for a in ecdf_steps(np.full(3, 10_000.0), 10_000)] == [[10_000], [0]]


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    x, y = ecdf_steps(np.arange(1.0, 100_001.0), 1e6, most=50)
    assert len(x) == 51
    assert (x[0], y[-2]) == (1, 1)
    assert thin(3, 10).tolist() == [0, 1, 2]


def test_lost_turns_lower_the_curve_of_their_arm(tmp_path: Path) -> None:
    chart = latency_spread(pooled(ordinary_run(lost={"preview": 8}), tmp_path))
    assert chart.traces[0]["name"].startswith("ga: 100.0 % [")
    assert chart.traces[1]["name"].startswith("preview: 91.7 % [")
    assert chart.traces[1]["y"][-1] == pytest.approx(100 * 88 / 96, abs=0.01)


def test_the_control_has_the_first_colour(tmp_path: Path) -> None:
    assert pooled(ordinary_run(), tmp_path).arms == ("ga", "preview")


def test_rates_by_age_count_from_when_a_connection_was_ready(tmp_path: Path) -> None:
    run = MadeUp(arms=("ga",), scenario={"compare": None})
    for block, closed in ((0, 26.0), (1, 9.0)):
        call_id = run.call("ga", block)
        lead = {name: run.tables["calls"][-1][name] for name in ("run_id", "call_id", "arm", "block", "slot")}
        run.tables["connections"].append(
            lead | {"connection_id": f"{call_id}/1", "n": 1, "opened_s": 0.0, "setup_ms": 1000.0, "closed_s": closed}
        )
    run.close("0000-ga", 26.0)
    rows = by_age(pooled(run, tmp_path)).table.rows
    assert [row[:4] for row in rows] == [("ga", "under 10 s", "0", "0.3"), ("ga", "10 s to 30 s", "1", "0.2")]
    assert rows[1][4].startswith("4 [")


def test_closes_are_counted_once_an_incident_and_stand_apart_by_code(tmp_path: Path) -> None:
    run = ordinary_run(lost={"preview": 1})
    run.close("0000-preview", 23.0)
    run.close("0001-ga", 30.0, code=1006, side="none", reason="")
    pool = pooled(run, tmp_path)
    over_time = closes_over_time(pool)
    assert [trace["name"] for trace in over_time.traces] == ["ga: 0", "preview: 1"]
    rows = {(row[0], row[3]): row[4] for row in close_codes(pool).table.rows}
    assert rows == {("1011 by server", "preview"): "2", ("1006 by none", "ga"): "1"}


def test_calls_in_progress_are_of_all_arms(tmp_path: Path) -> None:
    run = MadeUp()
    for dialled, ended in ((0.0, 10.0), (4.0, 12.0), (11.0, 20.0)):
        run.call("ga", 0, dialled_s=dialled, ended_s=ended)
    pool = pooled(run, tmp_path)
    at = np.array([3.0, 5.0, 11.5, 30.0])
    assert calls_at(pool, at, np.zeros(4)).tolist() == [1, 2, 2, 0]


def test_the_worst_calls_are_those_that_lost_most(tmp_path: Path) -> None:
    run = ordinary_run(lost={"preview": 1})
    slow = run.call("ga", 3)
    run.turn(slow, 9_000.0)
    hole = run.call("ga", 4)
    run.gap(hole, run.turn(hole), 4_000.0, kind="mid_reply", lost_turn=False, cause="stall")
    found = worst_calls(pooled(run, tmp_path))
    assert [w.call_id for w in found[:3]] == ["0000-preview", hole, slow]
    assert len(found) == 10
    assert found[0].reasons == ("1011: Internal error encountered.",)


def test_gaps_of_invalid_turns_are_in_no_chart(tmp_path: Path) -> None:
    run = ordinary_run(lost={"preview": 2})
    for row in run.tables["turns"]:
        row["valid"] = row["valid"] and row["call_id"] != "0000-preview"
    assert gap_lengths(pooled(run, tmp_path)).table.rows == (("preview", "ws close", "1", "1", "2.5 s", "12.5 s"),)


def test_a_large_run_keeps_the_calls_that_matter_and_a_spread_of_the_others(tmp_path: Path) -> None:
    pool = pooled(ordinary_run(blocks=40, lost={"preview": 3}), tmp_path)
    worst = worst_calls(pool)
    kept = shown_calls(pool, worst, most_turns=120)
    assert {w.number for w in worst} <= set(kept)
    assert len(kept) < pool.calls.height
    assert shown_calls(pool, worst) == tuple(range(pool.calls.height))
    assert [call["n"] for call in call_data(pool, kept, Texts())] == list(kept)


def test_seconds_of_a_call_count_from_the_answer(tmp_path: Path) -> None:
    run = MadeUp(arms=("ga",))
    call_id = run.call("ga", 0, answered_s=100.0, ended_s=160.0, greeting_s=101.5)
    run.turn(call_id, 900.0, speech_start_s=105.0, speech_end_s=107.0, reply_start_s=107.9, reply_end_s=110.0)
    run.scenario["compare"] = None
    texts = Texts()
    call = call_data(pooled(run, tmp_path), [0], texts)[0]
    assert (call["d"], call["g"]) == (60.0, 1.5)
    kind, line, *times, latency, outcome, flags, why = call["T"][0]
    assert (times, latency, flags) == ([5.0, 7.0, 7.9, 10.0], 900, 4)
    assert [texts.all[i] for i in (kind, line, outcome, why)] == ["script", "yes", "answered", ""]


def test_runs_are_drawn_end_to_end_and_their_blocks_counted_on(tmp_path: Path) -> None:
    folders = []
    for name in ("first", "second"):
        run = ordinary_run(blocks=3)
        run.run_id, run.scenario["compare"] = name, {"control": "ga"}
        for rows in run.tables.values():
            for row in rows:
                row.update({"run_id": name} if "run_id" in row else {})
        folders.append(run.write(tmp_path))
    pool = read_pool(folders)
    assert sorted(pool.calls["pooled"].unique()) == [0, 1, 2, 3, 4, 5]
    assert len(pool.call_numbers) == pool.calls.height == 12
    first, second = (pool.calls.filter(pl.col("run") == i) for i in (0, 1))
    ends, begins = (frame["due_s"] + frame["offset_s"] for frame in (first, second))
    assert ends.max() < begins.min()  # type: ignore[operator]


@pytest.mark.parametrize("blocks", [0, 1])
def test_charts_of_nothing_are_drawn_empty(tmp_path: Path, blocks: int) -> None:
    pool = pooled(ordinary_run(blocks=blocks), tmp_path)
    drawn = (latency_spread, block_slopes, closes_over_time, by_age, close_codes, gap_lengths, offered_and_achieved)
    for draw in (*drawn, latency_by_concurrency, by_line, trend):
        chart = draw(pool)
        assert chart is not None


def test_one_arm_has_no_slopes(tmp_path: Path) -> None:
    run = ordinary_run(arms=("ga",))
    assert block_slopes(pooled(run, tmp_path)) is None
