"""What the callee's state machine is told, and what it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from loadtest.record.events import EndCause, TurnKind

__all__ = ["Cue", "Habits", "Hear", "Say", "Source", "StopCall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """When a line of the script is said, and what is expected of it. Seconds."""

    wait_s: float = 0.0
    """How much longer than agent_finished_after_s the agent must be silent before it."""
    if_silent_s: float | None = None
    """Said as a re-prompt, and only if the agent stays silent for this long after the line before."""
    reply: bool = True
    """Whether a reply is awaited; if not, it is no turn."""
    barge_in_s: float | None = None
    """Said this long after the onset of the reply to the line before, and only if the agent still speaks."""

    @property
    def conditional(self) -> bool:
        """It may never be said."""
        return self.if_silent_s is not None or self.barge_in_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How this callee behaves; seconds throughout."""

    lines: tuple[Cue, ...]
    """Of the script."""
    reprompts: int
    """Different re-prompts that it knows."""
    goodbye: bool
    """Whether it says goodbye before it hangs up."""
    patience_s: float
    most_reprompts: int
    """Re-prompts after one line before it gives up."""
    agent_finished_after_s: float
    greeting_limit_s: float
    max_call_s: float


@dataclass(frozen=True, slots=True)
class Hear:
    """The agent as heard so far; run seconds."""

    speaking: bool
    last_onset_s: float | None
    """Start of the latest speech."""
    last_speech_s: float | None
    """Last moment of speech."""


class Source(Enum):
    """Where a line stands in the script."""

    LINES = auto()
    REPROMPTS = auto()
    GOODBYE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Say a line."""

    source: Source
    index: int = 0
    """Which of them."""
    kind: TurnKind | None = None
    """None for what is no turn: the goodbye, and lines to which no reply is awaited."""
    turn: int | None = None
    """Number of the turn that it begins."""
    answers_turn: int | None = None
    """For a re-prompt, the script turn or barge-in that it follows; for a barge-in, the turn whose reply it
    interrupts."""
    after_silence_s: float | None = None
    """How long the agent had to be silent before it; None for what opens a call in which nobody greets."""
    at_s: float | None = None
    """For a barge-in: when its speech is to begin, or as soon as possible if that is over."""


@dataclass(frozen=True, slots=True)
class StopCall:
    """Hang up."""

    cause: EndCause
    reason: str
