"""The history for programs: the view model, with dates as text and what is not known as null."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from loadtest.report.changes import alarm_object
from loadtest.report.history_view import Changed, History, Trend
from loadtest.report.history_words import is_ratio, natural, unit

__all__ = ["SCHEMA_VERSION", "history_object"]

SCHEMA_VERSION: Final = 1
"""Keys are added, never renamed, without a new version."""


def history_object(histories: Sequence[History]) -> dict[str, Any]:
    """What `loadtest history --json` prints: field names are keys, nights are YYYY-MM-DD."""
    return {"schema_version": SCHEMA_VERSION, "scenarios": [_history(history) for history in histories]}


def _history(history: History) -> dict[str, Any]:
    return {
        "scenario": history.scenario,
        "nights_before": history.nights_before,
        "nights": [_plain(asdict(run)) for run in history.runs],
        "trends": [_trend(trend, history) for trend in history.trends],
        "changed": [_changed(changed) for changed in history.changed],
        "alarms": [alarm_object(alarm) for alarm in history.alarms],
        "fingerprint_changes": [_plain(asdict(changed)) for changed in history.fingerprints],
    }


def _trend(trend: Trend, history: History) -> dict[str, Any]:
    figures = [
        {"night": run.night.isoformat(), "run_id": run.run_id, **asdict(figure)}
        for run, figure in zip(history.runs, trend.figures, strict=True)
        if figure is not None
    ]
    return {
        "metric": trend.metric,
        "arm": trend.arm,
        "control": trend.control,
        "unit": "ratio" if is_ratio(trend.metric, trend.control) else unit(trend.metric),
        "before": trend.before,
        "figures": figures,
    }


def _changed(changed: Changed) -> dict[str, Any]:
    """before, after: a ratio candidate / control, or a difference in the metric's unit."""
    metric, point = changed.metric, changed.point
    return {
        "metric": metric,
        "arm": changed.arm,
        "control": changed.control,
        "night": point.night.isoformat(),
        "unit": "ratio" if is_ratio(metric, changed.control) else unit(metric),
        "before": natural(metric, point.before),
        "after": natural(metric, point.after),
        "p": point.p,
        "confidence": point.confidence,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value.isoformat() if isinstance(value, date) else value
