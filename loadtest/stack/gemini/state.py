"""What a session is asked and answers in: the actions it orders, and what outlives it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from loadtest.stack.gemini.plan import Close, Step

__all__ = ["Action", "CallState", "HalfOpen", "LatePongs", "Phase", "Send", "Silence", "Snapshot", "Truth", "Turn"]

Phase = Literal["setup", "idle", "callee_speaking", "awaiting_reply", "replying", "tool"]


@dataclass(frozen=True, slots=True)
class Send:
    """Send this as one binary frame."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Truth:
    """Write this line of the ground truth. Times in `fields` are monotonic seconds."""

    type: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """From here on nothing is read, sent or answered, and the socket stays."""


@dataclass(frozen=True, slots=True)
class LatePongs:
    """From here on each ping is answered after `delay_s()` seconds."""

    delay_s: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Silence:
    """From here on the model says nothing; the connection is as before."""


Action = Send | Truth | Close | HalfOpen | LatePongs


@dataclass(slots=True)
class CallState:
    """What the simulator knows of a call across its connections. Counts only rise, so no draw is made twice."""

    call_id: str | None
    key: str
    """Names the call's random streams."""
    connections: int = 0
    turns: int = 0
    """Utterances of the caller so far."""
    asked: int = 0
    """Replies asked for by the client so far."""
    tool_calls: int = 0
    """Function calls of the model so far."""
    context_gone: bool = False
    """Its next reply is a greeting, whatever was said before."""
    poisoned: bool = False
    """Its handles resume sessions that fail at their next turn."""
    handles: deque[str] = field(default_factory=deque)
    """Those it can be resumed with, the oldest first."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a resumption handle restores: the state when it was issued."""

    call: CallState
    model_turns: int


@dataclass(slots=True)
class Turn:
    """A turn of the model in progress."""

    number: int
    """The caller's utterance that it answers, counted over the call; 0 for the greeting."""
    kind: Literal["reply", "greeting"]
    interrupting: bool
    """What it answers cut off a reply before it."""
    begun_s: float
    """Monotonic time that its steps count from."""
    heard_s: float
    """Length of what it answers, s."""
    steps: deque[Step]
    """What is still to be done."""
    audio_ms: float = 0.0
    """Audio sent so far, ms."""
    parts: int = 0
    """Audio parts sent so far."""
    after_tool: bool = False
    """It answers what a function returned."""
