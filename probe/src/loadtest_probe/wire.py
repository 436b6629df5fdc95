"""The probe's wire schema: what an agent tells the tester, one JSON object a message.

The agent sends these on the reliable data topic `TOPIC`, and appends the same lines to a JSONL file when it was
given a folder. Every message carries {"v", "session", "seq", "t", "type"} and the fields of its type:

    v        version of this schema (1); fields and types may be added to it
    session  an id of the probe that sent it: a room can have several agent sessions
    seq      counts from 0 in each session; a hole is a message that was lost on the way
    t        seconds on the agent's monotonic clock, read when the thing was seen

The tester sends `ClockPing` on `CLOCK_TOPIC`; the agent answers with `Clock` at once. Readers are tolerant: fields
they do not know are skipped, a type they do not know (or one that lacks a field) is `Unknown`.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal, TypeGuard, Union

__all__ = [
    "CLOCK_TOPIC",
    "TOPIC",
    "VERSION",
    "AgentLag",
    "AgentState",
    "Bye",
    "Clock",
    "ClockPing",
    "Closed",
    "Connected",
    "Error",
    "Generation",
    "GoAway",
    "Hello",
    "LeftOut",
    "Line",
    "Message",
    "Phase",
    "Refused",
    "Repeated",
    "SessionClosed",
    "Side",
    "Tool",
    "Transcript",
    "Unknown",
    "decode",
    "decode_ping",
    "encode",
    "encode_ping",
    "type_name",
]

VERSION = 1
TOPIC = "loadtest.probe"
CLOCK_TOPIC = "loadtest.clock"

Side = Literal["server", "client", "none", "unknown"]
Phase = Literal["idle", "awaiting_reply", "replying", "tool"]


@dataclass(frozen=True)
class Hello:
    """The probe was attached.

    agents_version, plugin_version, client_version: of livekit-agents, of the model's plugin, of google-genai.
    model: the session's; null when the agent brings its own, see `Connected`.
    mode: how the worker was started: start, dev or console; null when its process does not tell.
    """

    pid: int
    agents_version: str | None
    plugin_version: str | None
    model: str | None
    room: str | None
    mode: str | None = None
    client_version: str | None = None


@dataclass(frozen=True)
class Connected:
    """A websocket is ready (setupComplete was read). It was begun `setup_ms` before `t`.

    n: ordinal of the connection attempt in the session, from 1; a refused attempt has a number of its own.
    setup_ms: from the first packet to setupComplete; null when the probe was attached after it.
    resumed: a resumption handle was presented. Two in a row without a close between them: the agent replaced it.
    host: where the client connects to, by its settings; model: what it asks for; null when it does not tell.
    """

    n: int
    setup_ms: float | None
    resumed: bool | None
    host: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Closed:
    """An established websocket ended with an error, as the client saw it.

    code, reason: of the first close frame; 1006 when there was none; null when the error was no close at all.
    side: who sent that first frame; none when nobody did; unknown when the error does not tell.
    message: the class of the error.
    phase: what the model was at, by what the agent had received: a tool call was open; audio of a reply was arriving; a
    turn had begun, or was asked for, without audio; none of these. When the callee had spoken is not known to an agent.
    """

    n: int
    code: int | None
    reason: str
    side: Side
    message: str
    phase: Phase | None = None


@dataclass(frozen=True)
class GoAway:
    """The server announced the end of the connection; the plugin drops it at once.

    time_left_s: as announced; null when not given.
    """

    n: int
    time_left_s: float | None


@dataclass(frozen=True)
class Refused:
    """A connection attempt failed before setupComplete.

    http_status: of a refused upgrade; code: of a close frame during setup (1006: dropped without one);
    both null: no connection was made (time-out, unreachable).
    """

    n: int
    http_status: int | None
    code: int | None
    reason: str


@dataclass(frozen=True)
class Repeated:
    """Connections, and attempts at one, that came too fast to be told one by one: those numbered first_n to last_n.

    over_s: all of them began and ended in so many seconds before `t`.
    ends: how they ended, [{"end": "closed"|"refused"|"go_away", "code", "side", "http_status", "reason", "resumed",
    "count", "open_s"}]; reason: the last one's; open_s: for how long a websocket was ready, all of them together.
    """

    first_n: int
    last_n: int
    over_s: float
    ends: list[dict[str, Any]]


@dataclass(frozen=True)
class LeftOut:
    """Messages that came too fast and were not sent, by type, since the last of these. They have no seq."""

    counts: dict[str, int]


@dataclass(frozen=True)
class Error:
    """An error event of the agent's session. message: class and, where it is harmless, text."""

    recoverable: bool | None
    message: str


@dataclass(frozen=True)
class SessionClosed:
    """The agent's session ended. reason: the SDK's close reason; error: as in `Error`, null if there was none."""

    reason: str
    error: str | None


@dataclass(frozen=True)
class AgentState:
    """The session's agent state changed (initializing, idle, listening, thinking, speaking)."""

    old: str
    new: str


@dataclass(frozen=True)
class Generation:
    """One turn of the model, by what the plugin received (audio arrives faster than it is played).

    created      its first message, often a transcription of the callee's words, well before any audio
    first_audio  its first audio part
    complete     generationComplete: all audio is here. Absent when the turn ended in another way. The plugin's 1.6
                 keeps only the time of it: absent too when turnComplete follows within 0.1 s
    done         the turn is over: turnComplete, a tool call, the next turn, or the end of the connection
    empty: with `done`: true when the turn ended without audio, tool call or loss of its connection; else null or false.
    """

    id: str
    phase: Literal["created", "first_audio", "complete", "done"]
    empty: bool | None = None


@dataclass(frozen=True)
class Tool:
    """A function tool was called, or has returned. Of other models than Gemini's livekit-agents 1.6 tells no call, and
    1.6 tells no return of a tool whose turn was interrupted."""

    name: str
    phase: Literal["called", "returned"]


@dataclass(frozen=True)
class Transcript:
    """What somebody said, as the model wrote it down: only if the dispatch asked for it (`loadtest.transcripts`).

    speaker: callee or agent. text: at most 4000 characters of it.
    """

    speaker: Literal["callee", "agent"]
    text: str


@dataclass(frozen=True)
class Clock:
    """The answer to a `ClockPing`. received_t: agent monotonic seconds at its receipt."""

    ping_id: int | str
    received_t: float


@dataclass(frozen=True)
class AgentLag:
    """The agent's event loop was blocked until `t`, by lag_ms longer than the probe's timer had asked for.

    waited_ms: of these, how many its thread did not compute for them: it was ready and had no core, or stood still. The
    rest is the agent's own doing. Null where the kernel does not tell.
    """

    lag_ms: float
    waited_ms: float | None = None


@dataclass(frozen=True)
class Bye:
    """The probe stops; nothing follows."""


@dataclass(frozen=True)
class Unknown:
    """A message of a type this reader does not know, or that lacks fields of its type."""

    type: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class ClockPing:
    """From the tester. t: its own clock, for itself; the agent only returns the id."""

    ping_id: int | str
    t: float


Message = Union[
    Hello,
    Connected,
    Closed,
    GoAway,
    Refused,
    Repeated,
    LeftOut,
    Error,
    SessionClosed,
    AgentState,
    Generation,
    Tool,
    Transcript,
    Clock,
    AgentLag,
    Bye,
    Unknown,
]

_TYPES: dict[str, Any] = {
    "hello": Hello,
    "connected": Connected,
    "closed": Closed,
    "go_away": GoAway,
    "refused": Refused,
    "repeated": Repeated,
    "left_out": LeftOut,
    "error": Error,
    "session_closed": SessionClosed,
    "agent_state": AgentState,
    "generation": Generation,
    "tool": Tool,
    "transcript": Transcript,
    "clock": Clock,
    "agent_lag": AgentLag,
    "bye": Bye,
}
_NAMES = {cls: name for name, cls in _TYPES.items()}


@dataclass(frozen=True)
class Line:
    """One message with its envelope. session: null from probes before they had one."""

    seq: int
    t: float
    message: Message
    v: int = VERSION
    session: str | None = None

    @property
    def key(self) -> tuple[str | None, int, float]:
        """What it is known by when it comes twice. Without a session's id, one that begins anew counts from 0 again."""
        return self.session, self.seq, self.t


def type_name(message: Message) -> str:
    """The message's type as it is written."""
    return message.type if isinstance(message, Unknown) else _NAMES[type(message)]


def encode(line: Line) -> str:
    """One JSON object without line breaks."""
    message = line.message
    content = message.fields if isinstance(message, Unknown) else asdict(message)
    named = {} if line.session is None else {"session": line.session}
    head = {"v": line.v, **named, "seq": line.seq, "t": round(line.t, 6), "type": type_name(message)}
    text = json.dumps({**head, **content}, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()  # a half of a character pair cannot be sent


def decode(data: str | bytes) -> Line | None:
    """Read one message; None when it is not one at all (a torn line, somebody else's data)."""
    document = _object(data)
    if document is None:
        return None
    v, session, seq, t, name = (document.pop(key, None) for key in ("v", "session", "seq", "t", "type"))
    if not (isinstance(v, int) and isinstance(seq, int) and _is_number(t) and isinstance(name, str)):
        return None
    return Line(seq, float(t), _message(name, document), v, session if isinstance(session, str) else None)


def encode_ping(ping: ClockPing) -> str:
    """The tester's side of the clock."""
    return json.dumps(asdict(ping), separators=(",", ":"))


def decode_ping(data: str | bytes) -> ClockPing | None:
    """Read a ping; None when it is not one."""
    document = _object(data) or {}
    ping_id, t = document.get("ping_id"), document.get("t")
    if not isinstance(ping_id, (int, str)) or not _is_number(t):
        return None
    return ClockPing(ping_id, float(t))


def _message(name: str, document: dict[str, Any]) -> Message:
    cls = _TYPES.get(name)
    if cls is None:
        return Unknown(name, document)
    wanted = {field.name: field for field in fields(cls)}
    if any(field.default is MISSING and key not in document for key, field in wanted.items()):
        return Unknown(name, document)
    message: Message = cls(**{key: value for key, value in document.items() if key in wanted})
    return message


def _object(data: str | bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
