"""From a results folder to its summary, and to the places where people and programs read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from rich.console import Console

from loadtest.analyse.arm import arm_figures, rate_ratios
from loadtest.analyse.bursts import bursts
from loadtest.analyse.inputs import RunData, read_run
from loadtest.analyse.limits import limits_touched
from loadtest.analyse.thresholds import check_thresholds
from loadtest.analyse.validity import Calls, health_of_tester, verdict_on_validity
from loadtest.errors import RecordError
from loadtest.record.endpoints import Whose, endpoint_label, run_kind, whose_endpoint
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunKind
from loadtest.record.tables import ANALYSIS_VERSION
from loadtest.record.writer import check_schema, write_atomically, write_json
from loadtest.report.jsonfile import summary_object
from loadtest.report.markdown import markdown
from loadtest.report.terminal import print_summary
from loadtest.report.view import SCHEMA_VERSION, ArmSummary, LongestGap, Summary, Usage, exit_code
from loadtest.scenario.models import Scenario
from loadtest.scenario.thresholds import Threshold, parse_threshold

__all__ = ["Summary", "check_summary", "exit_code", "render", "summarise", "write_summary"]


def summarise(folder: RunFolder) -> Summary:
    """Compute the summary of a measured run, whatever there is of it. Raises RecordError if it cannot be read."""
    data = read_run(folder)
    scenario, info = data.scenario, data.info
    control = scenario.compare.control if scenario.compare else next(iter(scenario.arms))
    figures = {arm: arm_figures(data, arm) for arm in scenario.arms}
    cores = info.host.get("cores")
    tester = health_of_tester(data.calls, data.health, cores=cores, limits=scenario.validity)
    limits = limits_touched(data.turns.filter(pl.col("kind") == "script"), data.calls, scenario.validity, scenario.arms)
    own = [name for name, arm in scenario.arms.items() if arm.agent.reference]
    because = verdict_on_validity(
        {arm: f.script_turns for arm, f in figures.items()},
        {arm: f.disputed for arm, f in figures.items()},
        Calls(
            dialled=tester.dials,
            tester_errors=data.calls.filter(pl.col("outcome") == "tester_error").height,
            late=tester.late_dials,
            queued=sum(use.touched[arm] for use in limits if use.limit == "agent_join_ms" for arm in own),
        ),
        scenario.validity,
    )
    hosts = {name: _hosts(data, name) for name in scenario.arms}
    arms = {
        name: ArmSummary(
            model=arm.model,
            api=str(arm.api),
            plugin=arm.agent.plugin,
            endpoint=_endpoint(
                endpoint_label(arm, hosts[name]), str(info.arms.get(name, {}).get("endpoint_label") or "")
            ),
            simulated=_simulated(whose_endpoint(arm, hosts[name])),
            figures=figures[name],
        )
        for name, arm in scenario.arms.items()
    }
    kind, kind_warnings = _kind(info.kind, run_kind(scenario.arms, hosts))
    return Summary(
        schema_version=SCHEMA_VERSION,
        kind=kind.value,
        run_id=info.run_id,
        scenario=scenario.name,
        state=str(info.state),
        ended_early=info.ended_early,
        started_utc=info.started_utc,
        ended_utc=info.ended_utc,
        seed=scenario.seed,
        analysis_version=data.analysis_version,
        blocks=data.calls["block"].drop_nulls().n_unique(),
        cap=info.cap,
        cores=int(cores) if cores else None,
        reply_limit_ms=data.limit_ms,
        mid_reply_limit_ms=scenario.mid_reply_limit_s * 1000,
        control=control,
        arms=arms,
        ratios_1011=rate_ratios(data, control),
        bursts=bursts(data.closes, data.calls["ended_s"].max() or 0.0),  # type: ignore[arg-type]
        tester=tester,
        limits=limits,
        valid=not because,
        invalid_because=because,
        thresholds=check_thresholds(_thresholds(scenario), figures),
        usage=_usage(info.usage),
        longest_gap=_longest_gap(data),
        warnings=(*kind_warnings, *info.warnings, *_warnings(data)),
        folder=folder.path,
    )


def check_summary(folder: RunFolder) -> None:
    """Raise NewerError if there is a summary of a schema that this version does not know: it is not to be replaced."""
    check_schema(folder.summary_json, SCHEMA_VERSION)


def write_summary(folder: RunFolder, summary: Summary) -> None:
    """Write summary.json and summary.md, each atomically. Raises RecordError, NewerError before replacing anything."""
    check_summary(folder)
    write_json(folder.summary_json, summary_object(summary))
    write_atomically(folder.summary_md, markdown(summary).encode())


def render(summary: Summary, console: Console) -> None:
    """Print the summary for a person."""
    print_summary(summary, console)


def _thresholds(scenario: Scenario) -> tuple[Threshold, ...]:
    try:
        return tuple(parse_threshold(text, tuple(scenario.arms)) for text in scenario.thresholds)
    except ValueError as e:
        raise RecordError(
            f"scenario.yaml of the run: thresholds: {e}",
            remedy="It is written by `loadtest run` and not meant to be edited; restore it from another copy.",
        ) from e


def _hosts(data: RunData, arm: str) -> frozenset[str]:
    """Where the arm's connections went, as far as its agents' probes told."""
    return frozenset(data.connections.filter(pl.col("arm") == arm)["host"].drop_nulls())


def _simulated(whose: Whose) -> bool | None:
    return None if whose is Whose.OTHER else whose is Whose.SIMULATED


def _endpoint(told: str, label: str) -> str:
    if not label or label.startswith(told):
        return label or told
    return told if label in told else f"{told} ({label})"


def _kind(recorded: RunKind, found: RunKind) -> tuple[RunKind, tuple[str, ...]]:
    # Others' figures must never pass for Google's, whatever the record says of itself.
    if recorded is RunKind.LIVE and found is not RunKind.LIVE:
        return found, ("run.json says live, but not every arm's endpoint is known to be Google's",)
    return found, ()


def _usage(recorded: Mapping[str, Mapping[str, Any]]) -> dict[str, Usage]:
    return {
        arm: Usage(
            call_minutes=float(used["call_minutes"]),
            estimated_usd=used.get("estimated_usd"),
            prices_as_of=used.get("prices_as_of"),
        )
        for arm, used in recorded.items()
    }


def _longest_gap(data: RunData) -> LongestGap | None:
    invalid = data.turns.filter(~pl.col("valid").fill_null(value=False)).select("call_id", "turn")
    gaps = (
        data.gaps.join(invalid, on=["call_id", "turn"], how="anti")
        .filter(pl.col("gap_ms").is_not_null())
        .sort("gap_ms", "call_id", descending=[True, False])
    )
    if not gaps.height:
        return None
    row = gaps.row(0, named=True)
    return LongestGap(
        call_id=row["call_id"],
        arm=row["arm"],
        gap_ms=row["gap_ms"],
        cause=row["cause"] or "unknown",
        recording=None if data.scenario.recordings == "none" else f"calls/{row['call_id']}/audio.flac",
    )


def _warnings(data: RunData) -> tuple[str, ...]:
    found = []
    if data.planned is not None and data.planned != data.calls.height:
        found.append(f"the plan has {data.planned} calls, the tables {data.calls.height}: measure the run again")
    if data.analysis_version != ANALYSIS_VERSION:
        made = (
            "before analyses had versions" if data.analysis_version is None else f"by analysis {data.analysis_version}"
        )
        found.append(
            f"the tables were measured {made}, this loadtest's is {ANALYSIS_VERSION}: measure the run again before its "
            "figures are held against others"
        )
    strange = sorted(set(data.calls["arm"].drop_nulls()) - set(data.scenario.arms))
    if strange:
        found.append(f"calls of arms that the scenario has not are in no figure: {', '.join(strange)}")
    return tuple(found)
