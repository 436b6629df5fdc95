"""What happens in a call, as one line of JSON each: the raw record from which every table is made.

Times (`t` and every field that ends in _s) are seconds from the run's start unless the docstring says otherwise;
sample positions count the recording's 16 kHz samples from its first one. A reader skips types and fields that it
does not know, so a later version can add to this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal

__all__ = [
    "EVENTS_VERSION",
    "AgentDialled",
    "AgentJoined",
    "AgentLeft",
    "Answered",
    "CallFailed",
    "CallStarted",
    "ChannelHealth",
    "ChannelStep",
    "ClockSync",
    "DialFailed",
    "Dispatched",
    "Dropped",
    "EndCause",
    "Ended",
    "Event",
    "HangUp",
    "Heard",
    "KeyPressed",
    "LineEnded",
    "LineStarted",
    "LoopLag",
    "Outcome",
    "PacketHealth",
    "ProbeMessage",
    "RecordingStarted",
    "Ringing",
    "RoomCreated",
    "TrackSubscribed",
    "TurnKind",
]

EVENTS_VERSION = 1


class Outcome(StrEnum):
    """How a planned call ended; every planned call has exactly one."""

    COMPLETED = "completed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    VOICEMAIL = "voicemail"
    AGENT_NO_SHOW = "agent_no_show"
    AGENT_LEFT = "agent_left"
    AGENT_SILENT = "agent_silent"
    DIAL_ERROR = "dial_error"
    DROPPED = "dropped"
    NOT_DIALLED = "not_dialled"
    ABORTED = "aborted"
    TESTER_ERROR = "tester_error"


class EndCause(StrEnum):
    """Who or what ended a call."""

    CALLEE_HANGUP = "callee_hangup"
    AGENT_HANGUP = "agent_hangup"
    ROOM_CLOSED = "room_closed"
    LIMIT = "limit"
    TESTER = "tester"
    UNKNOWN = "unknown"


class TurnKind(StrEnum):
    """Why the callee spoke."""

    SCRIPT = "script"
    REPROMPT = "reprompt"
    BARGE_IN = "barge_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    type: ClassVar[str]
    t: float
    """When it happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(Event):
    """The dial began. First line of every dialled call."""

    type: ClassVar[str] = "call_started"
    call_id: str
    arm: str
    block: int | None
    slot: int
    due_s: float
    process: str
    """Name of the callee process that placed the call."""
    number: str
    room: str
    ring_s: float
    pickup: str
    patience_s: float
    version: int = EVENTS_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped(Event):
    """The call was due while the cap was reached; nothing was dialled. Only line of such a call."""

    type: ClassVar[str] = "dropped"
    call_id: str
    arm: str
    block: int | None
    slot: int
    due_s: float
    active: int
    """Calls in progress at that moment."""
    version: int = EVENTS_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomCreated(Event):
    """The room exists."""

    type: ClassVar[str] = "room_created"
    room: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched(Event):
    """The agent was asked to come."""

    type: ClassVar[str] = "dispatched"
    agent_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDialled(Event):
    """The agent asked for the call itself (`dial: by_agent`)."""

    type: ClassVar[str] = "agent_dialled"
    number: str
    """As the agent gave it."""
    identity: str
    """What the callee's participant is to be called."""
    wait_until_answered: bool
    """The agent waits for the pick-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialFailed(Event):
    """The agent's dial came to nothing; so it was told, if it waited."""

    type: ClassVar[str] = "dial_failed"
    sip_status: int | None
    """As a trunk answers; None: there was no answer within the agent's limit, or before somebody hung up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing(Event):
    """The callee's phone rings: its participant is in the room, sip.callStatus ringing."""

    type: ClassVar[str] = "ringing"
    identity: str = ""
    participant_id: str = ""
    """LiveKit's name for the participant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Event):
    """The callee picked up: sip.callStatus active."""

    type: ClassVar[str] = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentJoined(Event):
    """The agent's participant is in the room."""

    type: ClassVar[str] = "agent_joined"
    identity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackSubscribed(Event):
    """The agent's audio track is being received."""

    type: ClassVar[str] = "track_subscribed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLeft(Event):
    """The agent's participant left the room."""

    type: ClassVar[str] = "agent_left"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStarted(Event):
    """Sample 0 of both channels is at time `t`."""

    type: ClassVar[str] = "recording_started"
    rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineStarted(Event):
    """The callee began a line. Positions are on the recording, as sent.

    Of a line of keys, which nobody hears, they say when the first and the last key is due; `key_pressed` says when
    each was sent.
    """

    type: ClassVar[str] = "line_started"
    turn: int | None
    """From 0, counting script lines, re-prompts and barge-ins alike; None for the goodbye and for lines to which no
    reply is awaited."""
    kind: TurnKind
    line: str
    answers_turn: int | None
    """For a re-prompt, the script turn or barge-in that it follows; for a barge-in, the turn whose reply it interrupts.
    """
    start_sample: int
    speech_start_sample: int
    """First speech sample of the line."""
    speech_end_sample: int
    """Just behind the last speech sample of the line."""
    end_sample: int
    after_silence_s: float | None = None
    """How long the agent had to be silent before it: for a re-prompt the callee's patience, or the line's own. None for
    the goodbye, for a barge-in, and for the first line if nobody greeted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPressed(Event):
    """A key of the line in progress was handed to LiveKit, to be sent to the agent as `sip_dtmf_received`."""

    type: ClassVar[str] = "key_pressed"
    turn: int | None
    digit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEnded(Event):
    """The line has been said: its last speech sample left the source queue."""

    type: ClassVar[str] = "line_ended"
    turn: int | None
    end_sample: int
    cut: bool
    """True if the line was not said to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Event):
    """The callee's own, provisional impression of the agent, used for turn taking and never for tables."""

    type: ClassVar[str] = "heard"
    speaking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStep(Event):
    """A channel's sample count was re-anchored: time was lost or gained in the stream."""

    type: ClassVar[str] = "channel_step"
    channel: Literal["callee", "agent"]
    at_s: float
    step_ms: float
    """Positive: silence was inserted; negative: samples were dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHealth(Event):
    """State of one channel over the second that ended at `t`; written only when not perfect, and at the call's end."""

    type: ClassVar[str] = "channel_health"
    channel: Literal["callee", "agent"]
    frame_gap_ms: float
    """Longest time between two frames (agent), or longest under-run of the source queue (callee)."""
    residual_ms: float
    """Earliest arrival of the window minus what the sample count says; the anchor's error."""
    late_frames: int
    late_ms: float = 0.0
    """The latest arrival behind what the sample count says (agent)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketHealth(Event):
    """What the SDK counted of the call's packets over the `over_s` that ended at `t`; about one a second."""

    type: ClassVar[str] = "packet_health"
    over_s: float
    received: int
    """Packets of the agent's audio that came."""
    lost: int
    """That did not, less those missing before that came after all: can be negative."""
    concealed_ms: float
    """What of the received audio was made up because none was there in time; silence that was, aside."""
    jitter_buffer_ms: float | None
    """For how long received audio waited for its turn, on the average; None if none was played."""
    sent: int
    """Packets of the callee's audio."""
    sent_lost: int
    """That did not reach the server, by its latest report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLag(Event):
    """The callee's event loop was blocked until `t`."""

    type: ClassVar[str] = "loop_lag"
    lag_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeMessage(Event):
    """A message of the agent's probe; `t` is its time mapped to run time, on arrival or when merged."""

    type: ClassVar[str] = "probe"
    via: Literal["data", "file"]
    received_s: float | None
    """Arrival at the callee; None when merged from the probe's file."""
    message: Mapping[str, Any]
    """As sent; its own `t` is the agent's monotonic clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSync(Event):
    """One answered clock ping: agent monotonic time + offset_s = run time, give or take uncertainty_ms.

    session: of the probe that answered; None if it did not say.
    """

    type: ClassVar[str] = "clock_sync"
    offset_s: float
    uncertainty_ms: float
    """Half the round trip."""
    session: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp(Event):
    """The call is being hung up by the callee or was hung up by the other side."""

    type: ClassVar[str] = "hang_up"
    cause: EndCause


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed(Event):
    """An error ended the call."""

    type: ClassVar[str] = "call_failed"
    error: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Event):
    """Last line of every dialled call that was not killed."""

    type: ClassVar[str] = "ended"
    outcome: Outcome
    cause: EndCause
    reason: str = ""
