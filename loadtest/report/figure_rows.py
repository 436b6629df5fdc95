"""The figures of a run in long form, a row an arm and metric, read from its summary.json: what exports are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from loadtest.errors import NewerError, RecordError
from loadtest.record.layout import RunFolder
from loadtest.report.view import SCHEMA_VERSION
from loadtest.scenario.compared import COMPARED

__all__ = ["FIGURES", "FigureRow", "RunFigures", "read_figures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """One figure of one arm. The names are columns."""

    run_id: str
    started_utc: str
    scenario: str
    kind: str
    """rehearsal, live or other."""
    valid: bool
    """Of the run: whether its figures can be used."""
    arm: str
    model: str
    metric: str
    unit: str
    value: float | None
    """None: not known, or beyond `beyond`."""
    low: float | None
    """Ends of the 95 % interval. None: there is none, or it is unbounded at this end."""
    high: float | None
    beyond: float | None
    """The limit below which the figure is not known to be."""
    n: int | None
    """What it rests on: turns, greetings, 1011 incidents, gaps."""
    note: str
    """Why there is no interval, or what it assumes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """A run and its rows, arm by arm."""

    run_id: str
    started_utc: str
    scenario: str
    kind: str
    valid: bool
    rows: tuple[FigureRow, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a figure is in `arms.<arm>.figures` of summary.json."""

    path: tuple[str, ...]
    value: str
    n: tuple[str, ...]
    factor: float = 1.0


FIGURES: Final[Mapping[str, _Place]] = {
    **{
        f"reply_latency_{q}": _Place(("reply_latency", q), "value_ms", ("reply_latency", q, "n"))
        for q in ("p50", "p95", "p99")
    },
    "greeting_latency_p50": _Place(("greeting", "latency", "p50"), "value_ms", ("greeting", "latency", "p50", "n")),
    "answered_share": _Place(("answered",), "value", ("answered", "n")),
    "talked_over_share": _Place(("talked_over",), "value", ("talked_over", "n")),
    "lost_turns": _Place(("losses", "lost"), "value", ("losses", "lost", "n"), 100.0),
    "rate_1011": _Place(("rate_1011",), "per_minute", ("rate_1011", "events")),
    "gap_seconds": _Place(("losses", "gap_s_per_talk_hour"), "value", ("losses", "gaps")),
    "valid_share": _Place(("script_turns",), "share", ("script_turns", "turns")),
}
"""By metric: as `compare` names them, and the share of valid turns."""
SHARE: Final = "share"


def read_figures(folder: RunFolder) -> RunFigures:
    """Read the figures of a measured run. Raises RecordError; NewerError for a schema that is not known."""
    path = folder.summary_json
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        found = summary["schema_version"]
        if not isinstance(found, int) or found > SCHEMA_VERSION:
            raise NewerError(str(path), found, SCHEMA_VERSION)
        return RunFigures(
            run_id=summary["run_id"],
            started_utc=summary["started_utc"],
            scenario=summary["scenario"],
            kind=summary["kind"],
            valid=summary["valid"],
            rows=tuple(
                _row(summary, arm, metric, place) for arm in summary["arms"] for metric, place in FIGURES.items()
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise RecordError(
            f"{path}: cannot be read as a summary: {type(e).__name__}: {e}",
            remedy="Give the folder of a run that was measured; `loadtest measure RUN` makes its summary anew.",
        ) from e


def _row(summary: Mapping[str, Any], arm: str, metric: str, place: _Place) -> FigureRow:
    figures = summary["arms"][arm]["figures"]
    figure = _at(figures, place.path) or {}
    interval = figure.get("interval") or {}
    compared = COMPARED.get(metric)
    return FigureRow(
        run_id=summary["run_id"],
        started_utc=summary["started_utc"],
        scenario=summary["scenario"],
        kind=summary["kind"],
        valid=summary["valid"],
        arm=arm,
        model=summary["arms"][arm]["model"],
        metric=metric,
        unit=SHARE if compared is None else compared.unit,
        value=_times(figure.get(place.value), place.factor),
        low=_times(interval.get("low"), place.factor),
        high=_times(interval.get("high"), place.factor),
        beyond=figure.get("beyond_limit_ms"),
        n=_at(figures, place.n),
        note=_note(figure, interval),
    )


def _at(figures: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """What is there; None where an earlier version wrote nothing."""
    found: Any = figures
    for key in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _note(figure: Mapping[str, Any], interval: Mapping[str, Any]) -> str:
    if not interval:
        return figure.get("no_interval") or ""
    return f"assumes {interval['assumes']}" if interval.get("assumes") else ""
