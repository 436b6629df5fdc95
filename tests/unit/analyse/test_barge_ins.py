"""How soon the agent stopped when it was interrupted."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.analyse.arm import arm_figures
from loadtest.analyse.inputs import read_run
from loadtest.report.markdown import markdown
from loadtest.report.summary import render, summarise
from tests.unit.made_up import MadeUp


def barge_in(run: MadeUp, call: str, stop_ms: float | None, **columns: object) -> None:
    run.turn(call, **{"kind": "barge_in", "lost": None, "stop_ms": stop_ms, **columns})  # type: ignore[arg-type]


def test_who_does_not_stop_counts_as_the_limit_and_is_told(tmp_path: Path) -> None:
    run = MadeUp()
    for block in range(20):
        call = run.call("ga", block)
        for stop_ms in (300.0, 400.0, 500.0, 700.0, 9_000.0 if block % 2 else 600.0):
            run.turn(call)
            barge_in(run, call, stop_ms)
    found = arm_figures(read_run(run.write(tmp_path)), "ga")
    barge_ins = found.barge_ins
    assert (barge_ins.said, barge_ins.n, barge_ins.not_stopped.count) == (100, 100, 10)
    assert barge_ins.stop["p50"].value_ms == 500.0
    assert barge_ins.stop["p50"].interval is not None
    assert (barge_ins.stop["p95"].value_ms, barge_ins.stop["p95"].beyond_limit_ms) == (None, 2_000.0)
    assert (found.script_turns.turns, found.answered.n) == (100, 100)


def test_only_what_was_valid_and_met_speech_says_when_it_stopped(tmp_path: Path) -> None:
    run = MadeUp()
    call = run.call("ga", 0)
    barge_in(run, call, 400.0)
    barge_in(run, call, None, outcome="no_reply", latency_ms=None)
    barge_in(run, call, 1_500.0, valid=False, invalid_reason="loop_lag 900 ms")
    barge_ins = arm_figures(read_run(run.write(tmp_path)), "ga").barge_ins
    assert (barge_ins.said, barge_ins.n, barge_ins.not_stopped.n) == (2, 1, 1)
    assert (barge_ins.answered.count, barge_ins.answered.n) == (1, 2)
    assert barge_ins.stop["p50"].n == 1


@pytest.mark.parametrize("stop_ms", [None, 412.0])
def test_the_report_speaks_of_barge_ins_where_there_are_any(tmp_path: Path, stop_ms: float | None) -> None:
    run = MadeUp()
    for block in range(5):
        call = run.call("ga", block)
        run.turn(call)
        if stop_ms is not None:
            barge_in(run, call, stop_ms)
    summary = summarise(run.write(tmp_path))
    out = io.StringIO()
    render(summary, Console(file=out, width=160))
    for text in (markdown(summary), out.getvalue()):
        assert ("stop p50" in text) == (stop_ms is not None)
        assert ("412 ms" in text) == (stop_ms is not None)
