"""What the callee does: a state machine without a clock, a network or audio of its own.

It is asked every few milliseconds what to do, given the time and what was heard of the agent, and answers with a line
to say, with hanging up, or with nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from loadtest.record.events import EndCause, TurnKind

__all__ = ["Callee", "Habits", "Hear", "Say", "StopCall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How this callee behaves; seconds throughout."""

    lines: int
    """Lines of the script."""
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


@dataclass(frozen=True, slots=True)
class Say:
    """Say a line."""

    kind: TurnKind | None
    """None for the goodbye."""
    index: int
    """Which of the script's lines, or of the re-prompts."""
    turn: int | None
    """Number of the turn that it begins."""
    answers_turn: int | None
    """For a re-prompt, the script turn that it follows."""


@dataclass(frozen=True, slots=True)
class StopCall:
    """Hang up."""

    cause: EndCause
    reason: str


class _State(Enum):
    GREETING = auto()
    SPEAKING = auto()
    WAITING = auto()
    DONE = auto()


class Callee:
    """Listens to the greeting, then says line after line, each when the agent has finished."""

    def __init__(self, habits: Habits, *, answered_s: float) -> None:
        self._habits = habits
        self._answered_s = answered_s
        self._state = _State.GREETING
        self._turn = -1
        self._line = -1
        self._script_turn: int | None = None
        self._reprompted = 0
        self._next_reprompt = 0
        self._awaiting_since_s = answered_s
        self._saying_goodbye = False
        self._deaf_until_s = answered_s

    def said(self, now_s: float) -> None:
        """The line that `decide` asked for has been said to its end."""
        assert self._state is _State.SPEAKING
        self._awaiting_since_s = now_s
        self._state = _State.WAITING

    def was_deaf(self, now_s: float) -> None:
        """Nothing could be heard until now, or nobody was there: silence counts from here."""
        self._deaf_until_s = now_s

    def decide(self, now_s: float, agent: Hear) -> Say | StopCall | None:
        """What to do now."""
        if self._state is _State.DONE:
            return None
        if now_s - self._answered_s >= self._habits.max_call_s:
            return self._stop(EndCause.LIMIT, f"max_call_s {self._habits.max_call_s:g}")
        if self._state is _State.SPEAKING:
            return None
        if self._saying_goodbye:
            return self._stop(EndCause.CALLEE_HANGUP, "goodbye")
        if self._spoke(agent):
            if self._finished(now_s, agent):
                return self._go_on()
            return None
        if self._state is _State.GREETING:
            if now_s - max(self._answered_s, self._deaf_until_s) >= self._habits.greeting_limit_s:
                return self._go_on()
            return None
        if now_s - max(self._awaiting_since_s, self._deaf_until_s) >= self._habits.patience_s:
            return self._reprompt()
        return None

    def _spoke(self, agent: Hear) -> bool:
        # What was over before the callee had finished is no reply; what went on beyond that is.
        return agent.speaking or (agent.last_speech_s is not None and agent.last_speech_s > self._awaiting_since_s)

    def _finished(self, now_s: float, agent: Hear) -> bool:
        assert agent.speaking or agent.last_speech_s is not None
        if agent.speaking or agent.last_speech_s is None:
            return False
        # A callee who has just been talking gives the agent a full pause before talking again.
        since = max(agent.last_speech_s, self._awaiting_since_s, self._deaf_until_s)
        return now_s - since >= self._habits.agent_finished_after_s

    def _go_on(self) -> Say | StopCall:
        self._line += 1
        self._reprompted = 0
        if self._line < self._habits.lines:
            self._turn += 1
            self._script_turn = self._turn
            return self._say(Say(TurnKind.SCRIPT, self._line, self._turn, None))
        return self._leave("script finished")

    def _reprompt(self) -> Say | StopCall:
        # In one silence no re-prompt is said twice, however many are allowed.
        if self._reprompted >= min(self._habits.most_reprompts, self._habits.reprompts):
            return self._leave(f"no reply after {self._reprompted} re-prompts")
        self._reprompted += 1
        self._turn += 1
        index = self._next_reprompt
        self._next_reprompt = (index + 1) % self._habits.reprompts
        return self._say(Say(TurnKind.REPROMPT, index, self._turn, self._script_turn))

    def _leave(self, reason: str) -> Say | StopCall:
        if self._habits.goodbye:
            self._saying_goodbye = True
            return self._say(Say(None, 0, None, None))
        return self._stop(EndCause.CALLEE_HANGUP, reason)

    def _say(self, say: Say) -> Say:
        self._state = _State.SPEAKING
        return say

    def _stop(self, cause: EndCause, reason: str) -> StopCall:
        self._state = _State.DONE
        return StopCall(cause, reason)
