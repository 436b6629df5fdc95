"""One call an arm before the run starts: what happens only the first time must not be in any figure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from loadtest.call.spec import CallSpec
from loadtest.errors import StackError
from loadtest.plan.calls import PlannedCall
from loadtest.record.events import AgentJoined, Event, Outcome, ProbeMessage
from loadtest.record.layout import RunFolder
from loadtest.record.reader import read_events
from loadtest.run.fleet import Fleet
from loadtest.scenario.callee import Pickup

__all__ = ["warm_up"]


def warmup_calls(plan: tuple[PlannedCall, ...], arms: Mapping[str, object]) -> list[PlannedCall]:
    """The first call of each arm, made short."""
    calls = []
    for arm in arms:
        first = next(call for call in plan if call.arm == arm)
        calls.append(
            replace(first, call_id=f"warmup-{arm}", due_s=0.0, ring_s=0.2, pickup=Pickup.ANSWER, block=None, slot=-1)
        )
    return calls


async def warm_up(specs: list[CallSpec], fleet: Fleet, folder: RunFolder, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Place the warm-up calls, two at a time at most, and wait for them. Returns warnings.

    Raises StackError if the agent of an arm does not come: every call of the run would be a no-show.
    """
    warnings = []
    for start in range(0, len(specs), 2):
        for spec in specs[start : start + 2]:
            fleet.place(spec, folder.warmup(spec.call.call_id), time.monotonic())
        await fleet.released()
    for spec in specs:
        outcome = outcomes.get(spec.call.call_id)
        if outcome in (Outcome.AGENT_NO_SHOW, Outcome.DIAL_ERROR, Outcome.TESTER_ERROR):
            path = folder.warmup(spec.call.call_id).events
            hint = _hint(spec, outcome, read_events(path).events)
            raise StackError(
                f"warm-up call of arm {spec.call.arm}: {outcome}",
                remedy=f"No call of this arm can work. {hint}{path} and the logs in {folder.logs} say more.",
            )
        if outcome is not Outcome.COMPLETED:
            warnings.append(f"The warm-up call of arm {spec.call.arm} ended as {outcome}; its agent was not heard.")
        mode = worker_mode(read_events(folder.warmup(spec.call.call_id).events).events)
        if mode not in (None, "start"):
            warnings.append(
                f"The agent of arm {spec.call.arm} runs in {mode} mode: its figures are not those of `start`."
            )
    return warnings


def worker_mode(events: Iterable[Event]) -> str | None:
    """How the worker behind a call was started, by its probe: start, dev or console; None if no probe told."""
    hellos = (e.message for e in events if isinstance(e, ProbeMessage) and e.message.get("type") == "hello")
    return next((mode for hello in hellos if isinstance(mode := hello.get("mode"), str)), None)


def _hint(spec: CallSpec, outcome: Outcome, events: Iterable[Event]) -> str:
    if outcome is not Outcome.AGENT_NO_SHOW:
        return ""
    if spec.dialled_by_agent and any(isinstance(event, AgentJoined) for event in events):
        return (
            "Its agent came and did not dial: it must call create_sip_participant, within `agent_join_limit_s`, at "
            "the LIVEKIT_URL that it is started with. "
        )
    who = "that joins every room by itself" if spec.agent_name is None else f"registered as {spec.agent_name!r}"
    return f"Is there a worker {who}, with capacity to spare? `loadtest doctor` with this scenario looks closer. "


def dispatch_metadata(
    call: PlannedCall,
    *,
    model: str,
    api: str,
    base_url: str | None,
    voice: str,
    probe_dir: str,
    own: Mapping[str, object],
    to_dial: bool,
    transcripts: bool,
) -> str:
    """The JSON that the agent finds in ctx.job.metadata: the arm's own, and `loadtest`.

    to_dial: with the number, where agents that dial expect it. Others must not find it, or they would dial.
    transcripts: ask the probe for what is said.
    """
    endpoint = {
        "call_id": call.call_id,
        "arm": call.arm,
        "model": model,
        "api": api,
        "base_url": base_url,
        "voice": voice,
        "probe_dir": probe_dir,
        "variables": dict(call.variables),
    }
    number = {"phone_number": f"+{call.number}"} if to_dial else {}
    asked = {"transcripts": True} if transcripts else {}
    return json.dumps({**number, **own, "loadtest": {**endpoint, **asked}})
