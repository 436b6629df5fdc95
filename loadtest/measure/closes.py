"""Websockets that ended before the call did: who ended them, in which phase of the conversation, and what came next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.measure.call_record import CallRecord
from loadtest.measure.connections import Connection
from loadtest.measure.speech import Span, first_onset
from loadtest_probe import wire

__all__ = ["REPLY_AHEAD_S", "Close", "Phase", "closes"]

_CAUSES: dict[str, Literal["ws_close", "goaway", "refused"]] = {
    "close": "ws_close",
    "goaway": "goaway",
    "refused": "refused",
}

REPLY_AHEAD_S = 1.0
"""The first audio of a reply reaches the agent at most this long before its onset is heard."""
SAME_BREATH_S = 0.05
"""A turn of the model that ends so shortly before its connection ended with it."""

Phase = Literal["setup", "idle", "callee_speaking", "awaiting_reply", "replying", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The end of one connection, or of an attempt at one; run seconds."""

    close_id: str
    connection: Connection
    cause: Literal["ws_close", "goaway", "refused"]
    """What a silence that it explains is put down to."""
    at_s: float
    code: int | None
    """Of the first close frame; 1006 when there was none; None when the client closed unasked, or never connected."""
    reason: str
    side: wire.Side
    http_status: int | None
    phase: Phase | None
    connection_age_s: float | None
    session_age_s: float | None
    back_s: float | None
    """When the next connection was ready; None if none ever was, or if that is not told."""
    back_told: bool = True
    """False: there may have been a next connection."""
    resumed: bool | None
    """The next connection presented a resumption handle."""
    recovered: bool | None
    """The agent was heard to begin again afterwards; None if nobody had reason to speak."""

    def down(self, start_s: float, end_s: float) -> bool:
        """The session had no connection, or got another one, at some moment of this stretch."""
        back_s = self.back_s if self.back_told or self.back_s is not None else self.at_s
        return self.at_s <= end_s and (back_s is None or back_s >= start_s)


def closes(record: CallRecord, found: Sequence[Connection], heard: Sequence[Span]) -> tuple[Close, ...]:
    """The closes of a call in order. `heard`: the agent's utterances."""
    session_s = next((c.opened_s for c in found if c.opened_s is not None), None)
    ended = [(i, c) for i, c in enumerate(found) if c.end in _CAUSES]
    result = []
    for number, (i, connection) in enumerate(ended, start=1):
        at_s = connection.closed_s
        code, reason, side, http_status = _what_was_seen(connection)
        after = next((c for c in found[i + 1 :] if c.ready_s is not None), None)
        back_s = None if after is None else after.ready_s
        back_told = back_s is not None or record.probe.tells_connects or _session_over(record, at_s)
        result.append(
            Close(
                close_id=f"{record.planned.call_id}/close-{number}",
                connection=connection,
                cause=_CAUSES[connection.end],
                at_s=at_s,
                code=code,
                reason=reason,
                side=side,
                http_status=http_status,
                phase=_sure_phase(record, heard, at_s)
                if connection.ready_s is not None or connection.untold
                else "setup",
                connection_age_s=None if connection.opened_s is None else at_s - connection.opened_s,
                session_age_s=None if session_s is None else at_s - session_s,
                back_s=back_s,
                back_told=back_told,
                resumed=None if after is None else after.resumed,
                recovered=_recovered(record, back_s) if back_told else None,
            )
        )
    return tuple(result)


def _session_over(record: CallRecord, at_s: float) -> bool:
    """The agent gave up its session after that."""
    return any(isinstance(note.message, wire.SessionClosed) and note.t_s >= at_s for note in record.probe.notes)


def _what_was_seen(connection: Connection) -> tuple[int | None, str, wire.Side, int | None]:
    match connection.failure:
        case wire.Closed(code=code, reason=reason, side=side):
            return code, reason, side, None
        case wire.Refused(http_status=status, code=code, reason=reason):
            from_server = status is not None or (code is not None and code != 1006)
            return code, reason, "server" if from_server else "none", status
        case None:
            return None, "goAway" if connection.end == "goaway" else "replaced by the agent", "client", None


def _sure_phase(record: CallRecord, heard: Sequence[Span], at_s: float) -> Phase | None:
    """The phase; None if by what a log tells of time and audio it may have been another one."""
    phase = _phase(record, heard, at_s)
    if record.probe.source == "agent_log":
        u = record.probe.uncertainty_s
        if any(_phase(record, heard, t_s) != phase for t_s in (at_s - u, at_s + u)):
            return None
    return phase


def _phase(record: CallRecord, heard: Sequence[Span], t_s: float) -> Phase | None:
    """What the conversation was at, seen from the callee's end; audio that the agent has not played yet is a reply."""
    if any(_in_tool(tool, record, t_s) for tool in record.probe.tools):
        return "tool"
    if any(generation.replying_at(t_s) for generation in record.probe.generations):
        return "replying"
    if any(u.holds(t_s) for u in heard) and not _turn_over(record, t_s):
        return "replying"
    if any(line.speech_start_s <= t_s < line.speech_end_s for line in record.lines):
        return "callee_speaking"
    said = [line for line in record.lines if line.turn is not None and line.speech_end_s <= t_s]
    if said:
        end_s = said[-1].speech_end_s
        onset_s = first_onset(heard, end_s)
        over_it = any(u.start_s < end_s < u.end_s for u in heard)
        if not over_it and (onset_s is None or onset_s > t_s):
            # A short reply can have arrived at the agent completely before any of it is heard here.
            arrived = any(end_s < (g.first_audio_s or 0.0) <= t_s for g in record.probe.generations)
            if record.probe.source == "agent_log" and onset_s is not None and onset_s - t_s <= REPLY_AHEAD_S:
                return None  # what is heard so soon may have arrived, and a log does not tell
            return "replying" if arrived else "awaiting_reply"
    return "idle"


def _in_tool(tool: Span, record: CallRecord, t_s: float) -> bool:
    """It was open, or what it returned had not been answered: the model had begun nothing since, the callee neither."""
    if t_s < tool.start_s or tool.holds(t_s):
        return t_s >= tool.start_s
    begun = (generation.created_s for generation in record.probe.generations)
    since = (*(b for b in begun if b is not None), *(line.speech_start_s for line in record.lines))
    return not any(tool.end_s < at_s <= t_s for at_s in since)


def _turn_over(record: CallRecord, t_s: float) -> bool:
    """The model's last turn had come to its end: what is still heard of it was in the agent's hands."""
    begun = [g for g in record.probe.generations if g.created_s is not None and g.created_s <= t_s]
    asked_s = max((ln.speech_start_s for ln in record.lines if ln.speech_start_s <= t_s), default=float("-inf"))
    if begun and not record.probe.hears_audio and (begun[-1].created_s or 0.0) < asked_s:
        return False  # a log tells of a turn at its end: this one's is still to come
    return bool(begun) and begun[-1].done_s is not None and begun[-1].done_s + SAME_BREATH_S <= t_s


def _recovered(record: CallRecord, back_s: float | None) -> bool | None:
    if back_s is None:
        return False
    if first_onset(record.speech, back_s) is not None:
        return True
    # Nothing more was heard. That means something only if the callee had said something that wants a reply.
    said = [line for line in record.lines if line.turn is not None and line.speech_end_s <= record.heard_until_s]
    return False if said and first_onset(record.speech, said[-1].speech_end_s) is None else None
