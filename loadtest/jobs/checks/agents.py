"""The agents: do they come when they are asked, do they speak, and how many at a time?"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
from livekit import api

from loadtest.jobs.checks.finding import Finding, State
from loadtest.jobs.checks.media import delete_room
from loadtest.record.events import AgentJoined, Answered, Dispatched, Ended, Event, Heard, ProbeMessage, TrackSubscribed
from loadtest.run.warmup import worker_mode
from loadtest.scenario.access import LiveKitAccess
from loadtest.scenario.arms import Arm

__all__ = ["Seen", "at_once", "complaints", "mode", "registration", "seen", "taken_by_a_worker"]

LOG_LINES = 5
LOG_WIDTH = 400
JOB_LIMIT_S = 8.0
"""A server tells of a job that was taken some seconds after it was."""
START_MODE = (
    "Start it with `start`: `dev` keeps no process warm, has no load limit and restarts at every change of a file."
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a probe call saw of the agent. Seconds since the callee asked for it, or answered (speech); None: never."""

    arm: str
    joined_s: float | None
    track_s: float | None
    spoke_s: float | None
    probe: bool
    mode: str | None
    """As the probe told it: start, dev, console; None if it did not."""
    ended: str


def seen(arm: str, events: Sequence[Event]) -> Seen:
    """Of one call, by its record."""

    def first(kind: type[Event]) -> float | None:
        return next((event.t for event in events if isinstance(event, kind)), None)

    asked_s = first(Dispatched) or 0.0
    answered_s = first(Answered) or asked_s
    joined_s, track_s = first(AgentJoined), first(TrackSubscribed)
    spoke_s = next((event.t for event in events if isinstance(event, Heard) and event.speaking), None)
    end = next((event for event in events if isinstance(event, Ended)), None)
    return Seen(
        arm=arm,
        joined_s=None if joined_s is None else max(0.0, joined_s - asked_s),
        track_s=None if track_s is None else max(0.0, track_s - asked_s),
        spoke_s=None if spoke_s is None else max(0.0, spoke_s - answered_s),
        probe=any(isinstance(event, ProbeMessage) for event in events),
        mode=worker_mode(events),
        ended="its record breaks off" if end is None else f"{end.outcome.value} ({end.reason})",
    )


def registration(seen: Seen, arm: Arm, *, join_limit_s: float, taken: bool | None) -> Finding:
    """Whether the arm's agent answers a call. taken: if none joined, whether a worker took the job; None: unknown."""
    name = f"agent of {seen.arm}"
    who = "a worker that joins every room" if arm.agent.name is None else f"a worker registered as {arm.agent.name!r}"
    if seen.joined_s is None:
        missing = f"no agent joined within {join_limit_s:g} s"
        if taken:
            return Finding(
                name,
                State.FAILED,
                f"{missing}, though a worker took the job",
                "Its entrypoint fails, or does not connect to the room: the worker's log says why.",
            )
        if arm.agent.external or arm.agent.command is not None:
            return Finding(
                name,
                State.FAILED,
                f"{missing}{'' if taken is None else ', as no worker took the job'}",
                f"Is there {who}, at this LiveKit server, with capacity to spare? Its log says `registered worker`.",
            )
        return Finding(name, State.FAILED, f"{missing}: {seen.ended}", "Look at how busy this machine is; try again.")
    joined = f"joined after {seen.joined_s:.1f} s"
    if seen.track_s is None:
        return Finding(
            name,
            State.FAILED,
            f"{joined}, and published no audio: {seen.ended}",
            "The session does not start: the worker's log says why.",
        )
    if seen.spoke_s is None:
        return Finding(
            name,
            State.WARNING,
            f"{joined}, and was not heard: {seen.ended}",
            "An agent that waits for the callee is fine; else its log says more: often the model refuses its key.",
        )
    return Finding(
        name,
        State.OK,
        f"{joined}, audio after {seen.track_s:.1f} s, speaks {seen.spoke_s:.1f} s after the answer; "
        f"{'with' if seen.probe else 'without'} probe",
    )


def mode(name: str, arm: Arm, told: str | None) -> Finding:
    """Whether the arm's worker runs in dev mode. told: by its probe; None if none did."""
    named = f"worker of {name}"
    if told is None:
        told = "start" if arm.agent.reference else _mode_of(arm.agent.command or ())
    if told == "start":
        return Finding(named, State.OK, "start mode")
    if told is not None:
        return Finding(named, State.WARNING, f"{told} mode", START_MODE)
    return Finding(
        named,
        State.UNKNOWN,
        "its mode cannot be told from outside",
        f"See how it is started. {START_MODE} With the probe attached it is told here.",
    )


def at_once(seen: Sequence[Seen], *, join_limit_s: float) -> Finding:
    """Whether the agents take that many calls at the same time."""
    joined = sorted(one.joined_s for one in seen if one.joined_s is not None)
    found = f"{len(joined)} of {len(seen)} agents joined within {join_limit_s:g} s when all were asked at once"
    if joined:
        found += f", the last after {joined[-1]:.1f} s"
    if len(joined) == len(seen):
        return Finding("calls at once", State.OK, found)
    return Finding(
        "calls at once",
        State.FAILED if not joined else State.WARNING,
        found,
        "Calls that find no worker are lost as agent_no_show. Give the worker more idle processes and a higher "
        "load_threshold, start more workers, or lower the scenario's arrivals or cap.",
    )


async def taken_by_a_worker(access: LiveKitAccess, agent_name: str | None) -> bool | None:
    """Whether a worker takes a job for this agent, by a dispatch into a fresh room. None if that cannot be told."""
    if agent_name is None:
        return None
    room = f"loadtest-doctor-{secrets.token_hex(4)}"
    try:
        async with api.LiveKitAPI(access.url, access.api_key, access.api_secret) as client:
            await client.room.create_room(api.CreateRoomRequest(name=room, empty_timeout=30))
            await client.agent_dispatch.create_dispatch(
                api.CreateAgentDispatchRequest(agent_name=agent_name, room=room, metadata="")
            )
            deadline = time.monotonic() + JOB_LIMIT_S
            while time.monotonic() < deadline:
                await asyncio.sleep(0.5)
                dispatches = await client.agent_dispatch.list_dispatch(room)
                if any(dispatch.state.jobs for dispatch in dispatches):
                    return True
        return False
    except (api.TwirpError, aiohttp.ClientError, OSError, TimeoutError):
        return None
    finally:
        await delete_room(access, room)


def complaints(log: str) -> list[str]:
    """What is worth reading of a worker's log: its last errors, each in a line; else its last lines."""
    lines = [line for line in log.splitlines() if line.strip()]
    errors = [told for line in lines if (told := _error(line)) is not None]
    return [line[:LOG_WIDTH] for line in (errors or lines)[-LOG_LINES:]]


def _error(line: str) -> str | None:
    """A line that tells of an error: as livekit-agents writes them, or with a word that errors have."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line if re.search(r"\b(ERROR|CRITICAL)\b|\w(Error|Exception): ", line) else None
    if not isinstance(entry, dict) or entry.get("level") not in ("ERROR", "CRITICAL"):
        return None
    cause = str(entry.get("exc_info", "")).strip().splitlines()[-1:]
    return ": ".join([str(entry.get("message", "")), *cause])


def _mode_of(command: Sequence[str]) -> str | None:
    if "--dev" in command:
        return "dev"
    return next((word for word in command[1:] if word in ("start", "dev", "console")), None)
