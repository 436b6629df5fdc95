"""Runs as a series, for Apache Otava: CSV with one row a run, in order of time, and a column for each figure.

Otava takes numbers only, so that a column must have one in every row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.errors import RecordError
from loadtest.record.layout import RunFolder
from loadtest.report.export_csv import as_csv, cell
from loadtest.report.figure_rows import RunFigures

__all__ = ["OtavaSeries", "otava_series"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OtavaSeries:
    """The CSV, and what is not in it."""

    csv: str
    invalid: tuple[str, ...]
    """Runs left out: what the tester measured of itself is no change of the agent."""
    incomplete: tuple[str, ...]
    """Columns left out: some run has no such figure."""


def otava_series(runs: Sequence[tuple[RunFolder, RunFigures]]) -> OtavaSeries:
    """Columns: time, run_id, scenario, kind; `<arm>.<metric>`; and `<candidate>/<control>.<metric>`, the ratio or
    difference that `compare` left in comparison.json. A figure beyond its limit is the limit.

    Raises RecordError for a comparison.json that cannot be read.
    """
    used = sorted((run for run in runs if run[1].valid), key=lambda run: (run[1].started_utc, run[1].run_id))
    of_runs = [dict(_columns(folder, figures)) for folder, figures in used]
    known = list(dict.fromkeys(column for columns in of_runs for column in columns))
    whole = [column for column in known if all(columns.get(column) is not None for columns in of_runs)]
    head = ["time", "run_id", "scenario", "kind"]
    rows = [
        [*map(cell, (of.started_utc, of.run_id, of.scenario, of.kind)), *(cell(columns[column]) for column in whole)]
        for (_, of), columns in zip(used, of_runs, strict=True)
    ]
    return OtavaSeries(
        csv=as_csv([[*head, *whole], *rows]),
        invalid=tuple(figures.run_id for _, figures in runs if not figures.valid),
        incomplete=tuple(column for column in known if column not in whole),
    )


def _columns(folder: RunFolder, figures: RunFigures) -> Iterator[tuple[str, float | None]]:
    for row in figures.rows:
        yield f"{row.arm}.{row.metric}", row.beyond if row.value is None else row.value
    yield from _effects(folder)


def _effects(folder: RunFolder) -> list[tuple[str, float | None]]:
    path = folder.comparison_json
    if not path.exists():
        return []
    try:
        comparison: Any = json.loads(path.read_text(encoding="utf-8"))
        return [
            (f"{arm}/{comparison['control']}.{each['metric']}", each["effect"]["value"])
            for arm, candidate in comparison["candidates"].items()
            for each in candidate["metrics"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise RecordError(
            f"{path}: cannot be read as a comparison: {type(e).__name__}: {e}",
            remedy="Make it anew: `loadtest compare RUN`; or remove it.",
        ) from e
