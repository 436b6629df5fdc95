"""The sections that speak of the tester, and of what was asked of the run."""

from __future__ import annotations

from collections.abc import Iterator

from loadtest.analyse.arm import ArmFigures
from loadtest.report import words
from loadtest.report.limit_rows import limit_rows
from loadtest.report.rows import BAD, PLAIN, Row, Section, per_arm, plural
from loadtest.report.view import Summary

__all__ = ["tester_section", "thresholds_section"]


def tester_section(summary: Summary) -> Section:
    """Whether it was the tester."""
    tester, rows = (
        summary.tester,
        [
            per_arm(summary, "valid turns", _valid),
            per_arm(summary, "why not", lambda a: words.counts(a.script_turns.reasons)),
            *limit_rows(summary),
            per_arm(summary, "packets lost", _packets),
        ],
    )
    rows += [Row(label, (text,), spans=True) for label, text in _health(summary)]
    if tester.dropped:
        rows.append(
            Row(
                "dropped",
                (f"{plural(tester.dropped, 'call')} due at the cap of {summary.cap}",),
                spans=True,
                tone="bad",
            )
        )
    return Section("tester", tuple(rows))


def _health(summary: Summary) -> Iterator[tuple[str, str]]:
    tester = summary.tester
    if tester.late_p50_ms is not None and tester.late_max_ms is not None:
        p99 = "" if tester.late_p99_ms is None else f"p99 {words.duration(tester.late_p99_ms)}, "
        late = f", {tester.late_dials} too late" if tester.late_dials else ""
        yield (
            "dial lateness",
            f"p50 {words.duration(tester.late_p50_ms)}, {p99}max {words.duration(tester.late_max_ms)}{late}",
        )
    if tester.agent_join_p50_ms is not None and tester.agent_join_max_ms is not None:
        joins = f"p50 {words.duration(tester.agent_join_p50_ms)}, max {words.duration(tester.agent_join_max_ms)}"
        yield "wait for an agent", f"{joins}, {tester.queued} too long" if tester.queued else joins
    cores = "" if summary.cores is None else f" of {summary.cores} cores"
    cpu = "unknown" if tester.cpu_p95 is None else f"p95 {tester.cpu_p95 * 100:.0f} %{cores}"
    yield "machine", cpu if tester.calls_at_once is None else f"{cpu}, at most {tester.calls_at_once} calls at once"
    if "all" in tester.cores_p95:
        parts = ", ".join(f"{name} {of:.2f}" for name, of in tester.cores_p95.items() if name != "all")
        yield "cores in use", f"p95 {tester.cores_p95['all']:.2f} by all of it: {parts}"
    if tester.loop_lag_max_ms is not None or tester.late_frames is not None:
        lag = (
            ""
            if tester.loop_lag_max_ms is None
            else f"event loops blocked at most {words.duration(tester.loop_lag_max_ms)}"
        )
        frames = "" if tester.late_frames is None else f"{tester.late_frames} late audio frames"
        yield "lateness", ", ".join(part for part in (lag, frames) if part)


def _valid(arm: ArmFigures) -> str:
    turns = arm.script_turns
    return "no turn" if turns.share is None else f"{turns.valid} of {turns.turns}, {_floor_percent(turns.share)}"


def _packets(arm: ArmFigures) -> str:
    path = arm.audio_path
    if path.packets_due is None or path.packets_sent is None or path.concealed_ms is None:
        return "unknown"
    heard = f"{path.packets_lost} of {path.packets_due} heard"
    return f"{heard}, {path.sent_lost} of {path.packets_sent} said; {words.duration(path.concealed_ms)} made up"


def thresholds_section(summary: Summary) -> Section:
    """What the scenario asked for, and whether it holds."""
    rows = []
    for result in summary.thresholds:
        seen = words.number(result.value) if result.value is not None else result.why or "unknown"
        text = f"{result.text}   {result.arm}: {seen}"
        label, tone = ("holds", PLAIN) if result.holds else ("FAILED", BAD)
        rows.append(Row(label, (text,), spans=True, tone=tone))
    return Section("thresholds", tuple(rows))


def _floor_percent(share: float) -> str:
    # 94.97 % is not the 95 % that it fell short of.
    return f"{int(share * 1000 + 1e-9) / 10:.1f} %"
