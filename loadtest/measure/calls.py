"""One row for each planned call: its milestones, its outcome, its greeting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadtest.measure.call_record import CallRecord
from loadtest.measure.connections import Connection
from loadtest.measure.packets import packet_columns
from loadtest.record.events import (
    AgentJoined,
    CallStarted,
    Dispatched,
    Dropped,
    EndCause,
    Ended,
    Event,
    HangUp,
    Outcome,
    Ringing,
    RoomCreated,
    TrackSubscribed,
)
from loadtest_probe import wire

__all__ = ["call_row", "greeting_s", "outcome"]


def outcome(record: CallRecord) -> tuple[Outcome, str]:
    """How the call ended, and why.

    Whether an agent spoke at all is decided by the recording, not by what the callee believed while it listened.
    """
    if not record.exists:
        return Outcome.NOT_DIALLED, ""
    if (dropped := record.first(Dropped)) is not None:
        return Outcome.DROPPED, f"{dropped.active} calls in progress"
    ended = record.first(Ended)
    if ended is None:
        return Outcome.ABORTED, "the tester was killed"
    if record.recorded is not None and ended.outcome in {Outcome.COMPLETED, Outcome.AGENT_SILENT}:
        return Outcome.COMPLETED if record.speech else Outcome.AGENT_SILENT, ended.reason
    if ended.outcome is Outcome.AGENT_LEFT and not record.speech and _never_connected(record):
        return Outcome.AGENT_SILENT, "its endpoint refused it"
    return ended.outcome, ended.reason


def _never_connected(record: CallRecord) -> bool:
    """The agent was refused by its endpoint and never got a connection: it left because it could not speak."""
    messages = [note.message for note in record.probe.notes]
    refused = any(isinstance(message, wire.Refused) for message in messages)
    return refused and not any(isinstance(message, wire.Connected) for message in messages)


def greeting_s(record: CallRecord) -> float | None:
    """Onset of the agent's first speech after the answer and before the callee's first line; None without."""
    answered_s = record.answered_s
    first = next((s for s in record.speech if answered_s is not None and s.end_s > answered_s), None)
    if first is None or answered_s is None:
        return None
    if record.lines and first.start_s >= record.lines[0].speech_start_s:
        return None
    return max(first.start_s, answered_s)


def call_row(record: CallRecord, found: Sequence[Connection], invalid: Sequence[str]) -> dict[str, Any]:
    """The call's row in table calls, without the leading columns."""
    result, reason = outcome(record)
    answered_s, greeted_s = record.answered_s, greeting_s(record)
    dialled = record.exists and result is not Outcome.DROPPED
    ended_s = record.last_s if dialled else None
    started = record.first(CallStarted)
    due = started or record.first(Dropped)
    if result is Outcome.DROPPED:
        invalid = ("dropped",)
    return {
        # A run that was taken up again was late by intention: when a call was due is in its own record.
        "due_s": record.planned.due_s if due is None else due.due_s,
        "dialled_s": started.t if started else None,
        "room_s": _at(record.first(RoomCreated)),
        "dispatched_s": _at(record.first(Dispatched)),
        "ringing_s": _at(record.first(Ringing)),
        "answered_s": answered_s,
        "agent_joined_s": _at(record.first(AgentJoined)),
        "track_s": _at(record.first(TrackSubscribed)),
        "greeting_s": greeted_s,
        "greeting_latency_ms": None if greeted_s is None or answered_s is None else (greeted_s - answered_s) * 1000,
        "ended_s": ended_s,
        "outcome": result.value,
        "reason": reason,
        "end_cause": _end_cause(record).value if dialled else None,
        "talk_s": None if answered_s is None or ended_s is None else max(0.0, ended_s - answered_s),
        "clock_uncertainty_ms": record.probe.uncertainty_ms,
        "socket_s": sum(c.connected_s for c in found) if record.probe.heard and record.probe.tells_connects else None,
        "patience_s": record.planned.patience_s,
        **packet_columns(record.events),
        "process": started.process if started else None,
        "valid": not invalid,
        "invalid_reason": "; ".join(invalid) or None,
    }


def _at(event: Event | None) -> float | None:
    return None if event is None else event.t


def _end_cause(record: CallRecord) -> EndCause:
    hang_up, ended = record.first(HangUp), record.first(Ended)
    if hang_up is not None:
        return hang_up.cause
    return ended.cause if ended is not None else EndCause.TESTER
