"""A night's run as rows of the history: the figures that its summary and its comparison have, and no others."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

import polars as pl
from pydantic import TypeAdapter, ValidationError

from loadtest.analyse.arm import greeting_latencies_ms, reply_latencies_ms, with_greeting_due
from loadtest.analyse.compare.one_run import fingerprint_of
from loadtest.analyse.compare.result import SCHEMA_VERSION as COMPARISON_SCHEMA
from loadtest.analyse.compare.result import Comparison, MetricResult
from loadtest.analyse.nightly.fingerprint import digest, night_fingerprint
from loadtest.analyse.nightly.watched import log_rate_ratio, log_silence_ratio, watched
from loadtest.analyse.quantiles import Floats, needed, order_statistic
from loadtest.jobs.compare import compare_runs
from loadtest.record.history import VALID_SHARE
from loadtest.record.layout import RunFolder
from loadtest.record.night import Night
from loadtest.record.run_json import RunInfo, RunState
from loadtest.record.run_scenario import read_run_scenario
from loadtest.record.tables import read_table
from loadtest.redact import own_redactor
from loadtest.report.jsonfile import summary_object
from loadtest.report.summary import check_summary, summarise
from loadtest.report.view import SCHEMA_VERSION as SUMMARY_SCHEMA
from loadtest.scenario.compared import COMPARED

__all__ = ["night_rows"]

Found = tuple[float | None, float | None, float | None]
"""Estimate, low, high; a high of None with a low is unbounded, or beyond the limit."""
NOTHING: Final[Found] = (None, None, None)
_COMPARISON: Final = TypeAdapter(Comparison)


def night_rows(folder: RunFolder) -> list[dict[str, Any]]:
    """The rows (columns: `loadtest.record.history.COLUMNS`) of a night's run that was measured: each metric of each
    arm, and each of each candidate held against the control.

    Raises RecordError if it is no night's, or was not measured, or something in it can't be read.
    """
    night, info, scenario = Night.read(folder), RunInfo.read(folder), read_run_scenario(folder)
    summary = _summary(folder)
    arms: Mapping[str, Any] = {name: arm["figures"] for name, arm in summary["arms"].items()}
    comparison = _comparison(folder, summary["control"], arms) if len(arms) > 1 else None
    made_of = night_fingerprint(fingerprint_of(folder), scenario.blocks)
    shared = {
        "night": night.night,
        "run_id": info.run_id,
        "started_utc": info.started_utc,
        "scenario": info.scenario,
        "kind": summary["kind"],
        "valid": summary["valid"],
        "state": "complete" if _counts(summary, comparison, info, scenario.blocks) else "invalid",
        "fingerprint": digest(made_of),
    }
    found = [*_of_arms(arms, comparison), *(_against_control(arms, comparison, folder) if comparison else ())]
    plain = own_redactor(os.environ).text(json.dumps(made_of, ensure_ascii=False))
    return [shared | {"made_of": plain if i == 0 else None} | row for i, row in enumerate(found)]


def _counts(summary: Mapping[str, Any], comparison: Comparison | None, info: RunInfo, planned_blocks: int) -> bool:
    """Whether other nights may be held against this one: valid, fairly compared, and ended as it was meant to, or at a
    declared limit with half of its blocks or more. Fewer blocks vary by more than what is expected of a night."""
    gates, blocks = ((), summary["blocks"]) if comparison is None else (comparison.gates, comparison.blocks)
    ended = info.state is RunState.COMPLETE or (info.ended_early is not None and 2 * blocks >= planned_blocks)
    return bool(summary["valid"]) and ended and all(gate.passed for gate in gates)


def _summary(folder: RunFolder) -> Mapping[str, Any]:
    """As written, or made now if there is none that this version would write."""
    check_summary(folder)
    try:
        body = json.loads(folder.summary_json.read_text(encoding="utf-8"))
        if body["schema_version"] == SUMMARY_SCHEMA and isinstance(body["arms"], dict):
            return dict(body)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return summary_object(summarise(folder))


def _comparison(folder: RunFolder, control: str, arms: Mapping[str, Any]) -> Comparison:
    """As written, if it is of the tables that are there, and of what was declared; or made now."""
    path = folder.comparison_json
    try:
        found = _COMPARISON.validate_json(path.read_bytes())
        young = path.stat().st_mtime_ns >= folder.table("turns").stat().st_mtime_ns
    except (OSError, ValidationError):
        young = False
    else:
        young &= found.schema_version == COMPARISON_SCHEMA
        declared = found.control == control and {*found.candidates} == {*arms} - {control}
        if young and declared and [run.run_id for run in found.runs] == [folder.run_id]:
            return found
    return compare_runs([folder], allowed=("analysis",))


def _of_arms(arms: Mapping[str, Any], comparison: Comparison | None) -> Iterator[dict[str, Any]]:
    for arm, figures in arms.items():
        own = _own_figures(figures) | {"time_to_1011": (_time_to_1011(arm, comparison), None, None)}
        for metric in (*COMPARED, VALID_SHARE):
            yield _row(metric, arm, None, own[metric], None, figures)


def _own_figures(figures: Mapping[str, Any]) -> dict[str, Found]:
    losses, latency = figures["losses"], figures["reply_latency"]
    return {
        **{f"reply_latency_{q}": _found(latency[q], "value_ms") for q in ("p50", "p95", "p99")},
        "greeting_latency_p50": _found(figures["greeting"]["latency"]["p50"], "value_ms"),
        "rate_1011": _found(figures["rate_1011"], "per_minute"),
        "lost_turns": _found(losses["lost"], "value", 100.0),
        "answered_share": _found(figures["answered"], "value"),
        "talked_over_share": _found(figures["talked_over"], "value"),
        "gap_seconds": _found(losses["gap_s_per_talk_hour"], "value"),
        VALID_SHARE: (figures["script_turns"]["share"], None, None),
    }


def _found(estimate: Mapping[str, Any], key: str, scale: float = 1.0) -> Found:
    interval = estimate["interval"] or {"low": None, "high": None}
    value, low, high = (
        None if found is None else scale * found for found in (estimate[key], interval["low"], interval["high"])
    )
    return value, low, high


def _time_to_1011(arm: str, comparison: Comparison | None) -> float | None:
    """Its mean up to the longest time that both arms were watched: known of an arm only beside another."""
    if comparison is None:
        return None
    for candidate in comparison.candidates.values():
        for result in candidate.metrics:
            if result.metric == "time_to_1011" and arm in (candidate.arm, comparison.control):
                return result.effect.candidate if arm == candidate.arm else result.effect.control
    return None


def _against_control(arms: Mapping[str, Any], comparison: Comparison, folder: RunFolder) -> Iterator[dict[str, Any]]:
    for candidate in comparison.candidates.values():
        results = {result.metric: result for result in candidate.metrics}
        for metric in COMPARED:
            result, figures = results.get(metric), arms[candidate.arm]
            number = _watched(result, figures, arms[comparison.control], metric)
            if number is None and result is not None and result.effect.beyond_limit:
                number = _at_limit(folder, metric, candidate.arm, comparison.control)
            yield _row(metric, candidate.arm, comparison.control, _effect(result), number, figures)


def _effect(result: MetricResult | None) -> Found:
    if result is None:
        return NOTHING
    interval = result.effect.interval
    return (
        result.effect.value,
        None if interval is None else interval.low,
        None if interval is None else interval.high,
    )


def _watched(
    result: MetricResult | None, figures: Mapping[str, Any], control: Mapping[str, Any], metric: str
) -> float | None:
    """See `loadtest.analyse.nightly.watched`. Counts are those of all calls, as in the arms' own figures."""
    if metric == "rate_1011":
        mine, its = figures["rate_1011"], control["rate_1011"]
        return log_rate_ratio(mine["events"], mine["minutes"], its["events"], its["minutes"])
    if metric == "gap_seconds":
        mine, its = (of["losses"]["gap_s_per_talk_hour"] for of in (figures, control))
        return log_silence_ratio(mine["amount"], mine["units"], its["amount"], its["units"])
    return None if result is None else watched(metric, result.effect.value)


def _at_limit(folder: RunFolder, metric: str, candidate: str, control: str) -> float | None:
    """Of a latency of which it can't be said that it is below the limit: the ratio of the quantiles as they are, what
    was never answered at the limit."""
    q = {"p50": 0.5, "p95": 0.95, "p99": 0.99}[metric[-3:]]
    values = [_latencies_ms(folder, arm, greeting=metric.startswith("greeting")) for arm in (candidate, control)]
    if min(map(len, values)) < needed(q):
        return None
    mine, its = (order_statistic(of_arm, q) for of_arm in values)
    return watched(metric, mine / its)


def _latencies_ms(folder: RunFolder, arm: str, *, greeting: bool) -> Floats:
    scenario, name = read_run_scenario(folder), "calls" if greeting else "turns"
    rows = read_table(folder.table(name), name).filter(pl.col("arm") == arm)
    if not greeting:
        valid = rows.filter((pl.col("kind") == "script") & pl.col("valid").fill_null(value=False))
        return reply_latencies_ms(valid, 1000 * scenario.reply_limit_s)
    limit_ms = 1000 * scenario.callee.greeting_limit_s
    return greeting_latencies_ms(with_greeting_due(rows), limit_ms)


def _row(
    metric: str, arm: str, control: str | None, found: Found, number: float | None, figures: Mapping[str, Any]
) -> dict[str, Any]:
    estimate, low, high = (_finite(value) for value in found)
    return {
        "metric": metric,
        "arm": arm,
        "control": control,
        "estimate": estimate,
        "low": low,
        "high": high,
        "watched": _finite(number),
        "n": figures["script_turns"]["valid"],
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
