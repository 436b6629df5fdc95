"""The agent's log of a run: what it tells of each call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from loadtest.measure.agent_log import LoggedCall, LoggedRun, agent_logs
from loadtest.plan.calls import PlannedCall
from loadtest.record.agent_log import Reading, facts_of_files
from loadtest.record.agent_log.keep import of_run
from loadtest.record.agent_log.store import read_facts
from loadtest.record.events import (
    AgentJoined,
    AgentLeft,
    CallStarted,
    Dispatched,
    Ended,
    HangUp,
    RoomCreated,
)
from loadtest.record.layout import RunFolder
from loadtest.record.plan_io import read_plan
from loadtest.record.reader import read_events
from loadtest.record.run_json import RunInfo
from loadtest.record.run_scenario import read_run_scenario
from loadtest.scenario.models import Scenario

__all__ = ["run_log"]

_OF_USE = CallStarted | RoomCreated | Dispatched | AgentJoined | AgentLeft | HangUp | Ended


def run_log(folder: RunFolder, files: Sequence[Path] = ()) -> LoggedRun:
    """What a log tells of a run's calls: that which its folder keeps, or that of `files`, of which nothing is kept.

    Raises RecordError.
    """
    scenario, info = read_run_scenario(folder), RunInfo.read(folder)
    if files:
        facts = of_run(folder, facts_of_files(files, Reading()))
    elif folder.agent_log.exists():
        facts = read_facts(folder.agent_log)
    else:
        return LoggedRun(calls={}, unplaced=0)
    calls = [_call(folder, planned, scenario) for planned in read_plan(folder.plan)]
    called = [call for call in calls if call is not None]
    return agent_logs(facts, called, origin_unix_s=info.origin_unix_s, zone_s=info.origin_zone_s)


def _call(folder: RunFolder, planned: PlannedCall, scenario: Scenario) -> LoggedCall | None:
    path = folder.call(planned.call_id).events
    if not path.exists() or planned.arm not in scenario.arms:
        return None
    events = read_events(path).events
    return LoggedCall(
        call_id=planned.call_id,
        arm=planned.arm,
        events=tuple(event for event in events if isinstance(event, _OF_USE)) or events[:1],
        own_machine=not scenario.arms[planned.arm].agent.external,
        last_s=max((event.t for event in events), default=0.0),
    )
