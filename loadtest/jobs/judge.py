"""What comes of a night: its own figures, the verdict that is due, and how it stands among the nights before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from loadtest.analyse.compare.result import Comparison
from loadtest.analyse.nightly.of_history import series_of
from loadtest.analyse.nightly.steps import watch_tonight
from loadtest.errors import LoadtestError
from loadtest.jobs.compare import compare_runs, keep_comparison
from loadtest.jobs.history import PAGE, read_views, write_page
from loadtest.jobs.night_rows import night_rows
from loadtest.jobs.night_verdict import Verdict, verdict_of_nights
from loadtest.jobs.report import make_report
from loadtest.record.checks import exit_of
from loadtest.record.history import NAME, append_rows, read_history
from loadtest.record.layout import RunFolder
from loadtest.record.lock import hold
from loadtest.record.night import Night, NightState
from loadtest.record.run_scenario import read_run_scenario
from loadtest.record.writer import write_atomically
from loadtest.report.changes import change_checks, change_objects
from loadtest.report.checked import comparison_checks, figures, gate_checks, threshold_checks, validity_checks
from loadtest.report.comparison_object import comparison_exit_code
from loadtest.report.comparison_words import clean
from loadtest.report.junit import junit
from loadtest.report.nightly_markdown import nightly_markdown
from loadtest.report.nightly_words import sentence, title
from loadtest.report.summary import Summary, summarise
from loadtest.scenario.models import Scenario
from loadtest.scenario.nightly_spec import NightlySpec

__all__ = ["judge"]


def judge(folder: RunFolder, night: Night, results: Path) -> Night:
    """The complete night of a measured run; comparison.json, the history's rows, both pages, night.md and junit.xml
    are on disk. Done again it does the same. Raises LoadtestError.
    """
    scenario, summary = read_run_scenario(folder), summarise(folder)
    comparison = _compare(folder) if len(scenario.arms) > 1 else None
    history = results / NAME
    append_rows(history, night_rows(folder))
    rows = read_history(history).filter(pl.col("scenario") == scenario.name)
    told = watch_tonight(series_of(rows, scenario.name), night.night)
    verdict = _verdict(results, rows, scenario, comparison, folder.run_id)
    checks = (
        *validity_checks(summary),
        *(gate_checks(comparison) if comparison is not None else ()),
        *threshold_checks(summary),
        *(comparison_checks(verdict.comparison) if verdict.comparison is not None else ()),
        *change_checks(told, folder.run_id),
    )
    judged = replace(
        night,
        state=NightState.COMPLETE,
        kind=summary.kind,
        exit_code=int(exit_of(checks)),
        sentence=sentence(checks),
        checks=checks,
        figures=figures(summary),
        alarms=change_objects(told, folder.run_id),
        notes=tuple(clean(note) for note in (*_notes(summary, verdict), *_pages(folder, results))),
    )
    write_atomically(folder.night_md, nightly_markdown(judged).encode())
    write_atomically(folder.junit_xml, night_junit(judged, summary.started_utc).encode())
    return judged


def night_junit(night: Night, started_utc: str) -> str:
    """The night as JUnit XML."""
    said = {"run_id": night.run_id, "night": night.night.isoformat(), "kind": night.kind or "other"}
    return junit(title(night), night.checks, timestamp=started_utc, properties=said)


def _compare(folder: RunFolder) -> Comparison:
    with hold(folder):
        comparison = compare_runs([folder])
        keep_comparison(folder.comparison_json, comparison, comparison_exit_code(comparison))
    return comparison


def _verdict(
    results: Path, rows: pl.DataFrame, scenario: Scenario, comparison: Comparison | None, run_id: str
) -> Verdict:
    spec = scenario.nightly or NightlySpec()
    if scenario.compare is not None and spec.verdict_nights == 1:
        return Verdict(comparison, "the verdict rests on the blocks of this night alone")
    return verdict_of_nights(results, rows, scenario, run_id)


def _notes(summary: Summary, verdict: Verdict) -> Iterator[str]:
    yield f"Comparison: {verdict.text}."
    if verdict.comparison is not None:
        for reason in verdict.comparison.exploratory:
            yield f"Exploratory, no confirmation: {reason}"
    if summary.ended_early is not None:
        yield f"The run was {summary.ended_early}: it is judged by what there is."
    for warning in summary.warnings:
        yield f"Warning: {warning}"


def _pages(folder: RunFolder, results: Path) -> Iterator[str]:
    """Write the run's page, and then that of the history, which leads to it. Without them a night is one, too."""
    try:
        make_report(folder.path)
        write_page(results, read_views(results))
    except LoadtestError as e:
        yield f"Warning: report.html and {PAGE} were not both written: {e.message}"
