"""How a call ends, by who or what ended it and how far it had come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from livekit import rtc

from loadtest.record.events import EndCause, Outcome
from loadtest.scenario.callee import Pickup

__all__ = ["CallEnd", "Stage", "agent_left", "disconnect_reason", "not_picked_up", "room_closed", "sip_status"]

ROOM_ENDED = {"room_deleted", "room_closed"}
CLOSED_BY_SOMEBODY = {*ROOM_ENDED, "participant_removed"}

_NOT_PICKED_UP = {
    Pickup.NO_ANSWER: Outcome.NO_ANSWER,
    Pickup.BUSY: Outcome.BUSY,
    Pickup.REJECTED: Outcome.REJECTED,
}
_SIP_STATUS = {Outcome.NO_ANSWER: 480, Outcome.BUSY: 486, Outcome.REJECTED: 603}


@dataclass(frozen=True, slots=True)
class CallEnd:
    """The call's outcome."""

    outcome: Outcome
    cause: EndCause
    reason: str = ""


class Stage(Enum):
    """How far a call has come."""

    RINGING = auto()
    TALKING = auto()
    NOTHING_LEFT = auto()
    """The callee has said its last line and heard the reply: whoever hangs up now ends the call as one does."""


def not_picked_up(pickup: Pickup) -> CallEnd:
    """It rang for as long as it was going to."""
    return CallEnd(_NOT_PICKED_UP[pickup], EndCause.CALLEE_HANGUP)


def agent_left(reason: str, stage: Stage) -> CallEnd:
    """The agent's participant has left the room. reason: LiveKit's word for why."""
    cause = EndCause.ROOM_CLOSED if reason in ROOM_ENDED else EndCause.AGENT_HANGUP
    return _agents_doing(cause, reason, stage)


def room_closed(reason: str, stage: Stage) -> CallEnd:
    """The callee's connection to the room has ended. reason: LiveKit's word for why.

    A room that somebody closed was closed by the agent; a connection that was lost is nobody's doing.
    """
    if reason not in CLOSED_BY_SOMEBODY:
        return CallEnd(Outcome.ABORTED, EndCause.ROOM_CLOSED, reason)
    return _agents_doing(EndCause.ROOM_CLOSED, reason, stage)


def _agents_doing(cause: EndCause, reason: str, stage: Stage) -> CallEnd:
    match stage:
        case Stage.RINGING:
            return CallEnd(Outcome.AGENT_LEFT, cause, f"{reason} while it rang")
        case Stage.TALKING:
            return CallEnd(Outcome.AGENT_LEFT, cause, reason)
        case Stage.NOTHING_LEFT:
            return CallEnd(Outcome.COMPLETED, cause, reason)


def sip_status(end: CallEnd) -> int | None:
    """What the far end answers an INVITE with that fails so; None: nothing, the caller gave it up."""
    return None if end.cause is EndCause.LIMIT else _SIP_STATUS.get(end.outcome)


def disconnect_reason(end: CallEnd) -> rtc.DisconnectReason.ValueType:
    """Why the callee's participant leaves the room, as LiveKit's SIP bridge puts it."""
    match end.outcome:
        case Outcome.BUSY | Outcome.REJECTED:
            return rtc.DisconnectReason.USER_REJECTED
        case Outcome.NO_ANSWER:
            return rtc.DisconnectReason.USER_UNAVAILABLE
        case _:
            return rtc.DisconnectReason.CLIENT_INITIATED
