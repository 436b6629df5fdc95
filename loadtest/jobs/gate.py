"""`loadtest gate`: a run held against what its scenario declares, and against an earlier run."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from loadtest.analyse.compare.baseline import read_against
from loadtest.jobs.compare import compare_runs, hold_all
from loadtest.record.checks import Check, Result
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunState
from loadtest.record.run_scenario import read_run_scenario
from loadtest.report.against_checks import against_checks, against_notes
from loadtest.report.checked import comparison_checks, gate_checks, threshold_checks, validity_checks
from loadtest.report.comparison_words import clean
from loadtest.report.gate_object import Gated
from loadtest.report.summary import Summary, summarise

__all__ = ["gate"]

AS_ASKED: Final = (RunState.COMPLETE, RunState.PARTIAL)


def gate(folder: RunFolder, baseline: RunFolder | None = None, *, allowed: Collection[str] = ()) -> Gated:
    """Hold a measured run against its validity, its thresholds and its declared comparison; and each arm against itself
    in `baseline`. Nothing is written.

    allowed: in what the two may differ, as in `read_runs`. Raises LoadtestError for what cannot be read or held against
    each other.
    """
    with hold_all([folder, *([] if baseline is None else [baseline])]):
        summary, scenario = summarise(folder), read_run_scenario(folder)
        notes = [*summary.warnings]
        declared = scenario.compare is not None and len(scenario.arms) > 1
        comparison = compare_runs([folder], allowed=allowed) if declared else None
        checks = [*validity_checks(summary), _ended(summary)]
        if comparison is not None:
            checks += gate_checks(comparison)
            notes += [f"no confirmation of what was declared: {reason}" for reason in comparison.exploratory]
        checks += threshold_checks(summary)
        if comparison is not None:
            checks += comparison_checks(comparison)
        if baseline is not None:
            against = read_against(folder, baseline, allowed)
            checks += [_well(baseline), *against_checks(against)]
            notes += against_notes(against, by_control=declared)
    if all(check.group == "validity" for check in checks):
        notes.append("the scenario declares neither thresholds nor a comparison: only the tester was held to anything")
    return Gated(
        run_id=summary.run_id,
        scenario=summary.scenario,
        kind=summary.kind,
        started_utc=summary.started_utc,
        baseline=None if baseline is None else against.baseline,
        checks=tuple(checks),
        notes=tuple(map(clean, notes)),
    )


def _ended(summary: Summary) -> Check:
    """A run that broke off is no fair sample; one that was ended at a declared limit is what was declared."""
    fair = summary.state in AS_ASKED or summary.ended_early is not None
    why = "" if summary.ended_early is None else f": {summary.ended_early}"
    return Check(
        group="validity",
        name="end of the run",
        result=Result.PASSED if fair else Result.INVALID,
        text=clean(f"the run is {summary.state}{why}"),
    )


def _well(baseline: RunFolder) -> Check:
    """An invalid baseline is no ground for anything either."""
    (found,) = validity_checks(summarise(baseline))
    return Check(group="baseline", name="validity of the baseline", result=found.result, text=found.text)
