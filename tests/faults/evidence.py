"""The same calls measured three times: with the probe, with the agent's log alone, and with neither."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal, get_args

from loadtest.measure.acoustics import read_edges
from loadtest.measure.call_record import CallRecord, call_record, with_probe
from loadtest.measure.machine import Machine
from loadtest.measure.probe_log import probe_log
from loadtest.measure.run_log import run_log
from loadtest.measure.speech import Span
from loadtest.measure.tables import CallRows, call_rows
from loadtest.plan.calls import PlannedCall
from loadtest.record.events import ClockSync, ProbeMessage
from loadtest.record.health import read_health
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import read_plan
from loadtest.record.reader import read_events
from loadtest.record.run_json import RunInfo
from loadtest.record.run_scenario import read_run_scenario
from loadtest.scenario.models import Scenario

__all__ = ["EVIDENCES", "Evidence", "measured", "read_record", "stood_still", "without_limits", "without_probe"]

INDULGENT: Final = 1e6
"""A limit that nothing exceeds."""

Evidence = Literal["probe", "agent_log", "acoustic"]
EVIDENCES: Final[tuple[Evidence, ...]] = get_args(Evidence)


def measured(folder: RunFolder, *, indulgent: bool = False) -> Mapping[Evidence, Mapping[str, CallRows]]:
    """Rows by evidence and id of the call, of the calls that were dialled. The run has been measured before.

    indulgent: take also what was measured on a machine that was busy with other things.
    """
    scenario, run = read_run_scenario(folder), RunInfo.read(folder)
    if indulgent:
        scenario = without_limits(scenario)
    cores = run.host["cores"]
    assert isinstance(cores, int)
    machine = Machine.of(read_health(folder.health), cores, scenario.validity)
    logged = run_log(folder, sorted(folder.logs.glob("agent-*.log*"))).calls
    found: dict[Evidence, dict[str, CallRows]] = {evidence: {} for evidence in EVIDENCES}
    for planned in read_plan(folder.plan):
        if not folder.call(planned.call_id).edges.exists():
            continue
        full = read_record(folder, planned)
        bare = without_probe(full)
        by_log = replace(bare, probe=logged.get(planned.call_id, bare.probe))
        records: dict[Evidence, CallRecord] = {"probe": full, "agent_log": by_log, "acoustic": bare}
        for evidence, record in records.items():
            found[evidence][planned.call_id] = call_rows(run.run_id, record, scenario, machine)
    return found


def stood_still(folder: RunFolder, planned: PlannedCall) -> tuple[Span, ...]:
    """When the event loop of the call's agent stood still, by its probe."""
    return tuple(lag.span for lag in read_record(folder, planned).probe.lags)


def without_limits(scenario: Scenario) -> Scenario:
    """The same scenario, by which no turn is invalid and the tester is never late."""
    limits = scenario.validity
    none = limits.model_copy(update=dict.fromkeys(type(limits).model_fields, INDULGENT))
    return scenario.model_copy(update={"validity": none})


def read_record(folder: RunFolder, planned: PlannedCall) -> CallRecord:
    """A call with all that its probe told."""
    call = folder.call(planned.call_id)
    record = call_record(planned, read_events(call.events), read_edges(call.edges))
    return with_probe(record, folder.probe / f"{planned.call_id}.jsonl")


def without_probe(record: CallRecord) -> CallRecord:
    """The same call, as if its agent carried none."""
    events = tuple(event for event in record.events if not isinstance(event, ProbeMessage | ClockSync))
    return replace(record, events=events, probe=probe_log(events))
