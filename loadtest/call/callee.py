"""What the callee does: a state machine without a clock, a network or audio of its own.

It is asked every few milliseconds what to do, given the time and what was heard of the agent, and answers with a line
to say, with hanging up, or with nothing.
"""

from __future__ import annotations

from enum import Enum, auto

from loadtest.call.cues import Cue, Habits, Hear, Say, Source, StopCall
from loadtest.record.events import EndCause, TurnKind

__all__ = ["SAY_AHEAD_S", "Callee"]

SAY_AHEAD_S = 0.3
"""A barge-in is decided on so long before it is to be heard: audio is kept ahead of the clock."""


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
        self._asked_turn: int | None = None
        self._awaits_reply = True
        self._asked_again = 0
        self._reprompted = 0
        self._next_reprompt = 0
        self._awaiting_since_s = answered_s
        self._reply_onset_s: float | None = None
        self._interrupting_since_s: float | None = None
        self._saying_goodbye = False
        self._deaf_until_s = answered_s

    def said(self, now_s: float) -> None:
        """The line that `decide` asked for has been said to its end."""
        assert self._state is _State.SPEAKING
        self._awaiting_since_s = now_s
        self._reply_onset_s = None
        self._state = _State.WAITING

    def was_deaf(self, now_s: float) -> None:
        """Nothing could be heard until now, or nobody was there: silence counts from here."""
        self._deaf_until_s = now_s

    def nothing_left(self, agent: Hear) -> bool:
        """The script is said to its end and replied to, or the goodbye has begun: the call may end from either side."""
        if self._saying_goodbye:
            return True
        to_come = any(not cue.conditional for cue in self._habits.lines[self._line + 1 :])
        return self._state is _State.WAITING and not to_come and (not self._awaits_reply or self._spoke(agent))

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
        pause_s = self._habits.agent_finished_after_s + self._next().wait_s
        if self._spoke(agent):
            if self._interrupts(now_s, agent):
                return self._barge_in(now_s)
            return self._go_on(pause_s) if self._silent_s(now_s, agent) >= pause_s else None
        silent_s = self._silent_s(now_s, agent)
        if self._state is _State.GREETING:
            return self._go_on(None) if silent_s >= self._habits.greeting_limit_s else None
        if not self._awaits_reply:
            return self._go_on(pause_s) if silent_s >= pause_s else None
        limit_s = self._if_silent_s()
        if limit_s is not None:
            return self._say_if_silent(limit_s) if silent_s >= limit_s else None
        return self._reprompt() if silent_s >= self._habits.patience_s else None

    def _spoke(self, agent: Hear) -> bool:
        interrupted_s = self._interrupting_since_s
        if interrupted_s is not None and (agent.last_onset_s is None or agent.last_onset_s <= interrupted_s):
            return False  # the rest of what was interrupted is no reply
        # What was over before the callee had finished is no reply; what went on beyond that is.
        return agent.speaking or (agent.last_speech_s is not None and agent.last_speech_s > self._awaiting_since_s)

    def _silent_s(self, now_s: float, agent: Hear) -> float:
        """How long nobody has spoken; what was not heard is no silence."""
        if agent.speaking:
            return 0.0
        since_s = max(self._awaiting_since_s, self._deaf_until_s)
        if agent.last_speech_s is not None:
            # A callee who has just been talking gives the agent a full pause before talking again.
            since_s = max(since_s, agent.last_speech_s)
        return now_s - since_s

    def _next(self) -> Cue:
        """When the next line is said to an agent that has replied."""
        return next((cue for cue in self._habits.lines[self._line + 1 :] if not cue.conditional), Cue())

    def _if_silent_s(self) -> float | None:
        """After which silence the next line is said, if it is one for silence."""
        following = self._habits.lines[self._line + 1 : self._line + 2]
        return following[0].if_silent_s if following else None

    def _interruption(self) -> tuple[int, float] | None:
        """The line that interrupts the reply, and how long after its onset."""
        for i, cue in enumerate(self._habits.lines[self._line + 1 :], start=self._line + 1):
            if cue.if_silent_s is None:
                return None if cue.barge_in_s is None else (i, cue.barge_in_s)
        return None

    def _interrupts(self, now_s: float, agent: Hear) -> bool:
        """It is time to interrupt the agent, who has spoken since the line and still does."""
        if self._reply_onset_s is None:
            self._reply_onset_s = agent.last_onset_s
        following = self._interruption()
        if following is None or self._reply_onset_s is None or not agent.speaking:
            return False
        return now_s >= self._reply_onset_s + following[1] - SAY_AHEAD_S

    def _barge_in(self, now_s: float) -> Say:
        following = self._interruption()
        assert following is not None
        assert self._reply_onset_s is not None
        self._line, after_s = following
        interrupted, self._turn = self._turn, self._turn + 1
        self._asked_turn, self._asked_again, self._reprompted = self._turn, 0, 0
        say = self._say(
            Say(
                source=Source.LINES,
                index=self._line,
                kind=TurnKind.BARGE_IN,
                turn=self._turn,
                answers_turn=interrupted,
                at_s=self._reply_onset_s + after_s,
            )
        )
        self._interrupting_since_s = now_s + SAY_AHEAD_S
        return say

    def _go_on(self, after_silence_s: float | None) -> Say | StopCall:
        self._line += 1
        while self._line < len(self._habits.lines) and self._habits.lines[self._line].conditional:
            self._line += 1
        self._asked_again = self._reprompted = 0
        if self._line >= len(self._habits.lines):
            return self._leave("script finished")
        self._awaits_reply = self._habits.lines[self._line].reply
        if not self._awaits_reply:
            return self._say(Say(source=Source.LINES, index=self._line, after_silence_s=after_silence_s))
        self._turn += 1
        self._asked_turn = self._turn
        return self._say(
            Say(
                source=Source.LINES,
                index=self._line,
                kind=TurnKind.SCRIPT,
                turn=self._turn,
                after_silence_s=after_silence_s,
            )
        )

    def _say_if_silent(self, limit_s: float) -> Say:
        self._line += 1
        return self._ask_again(Source.LINES, self._line, limit_s)

    def _reprompt(self) -> Say | StopCall:
        # In one silence no re-prompt is said twice, however many are allowed.
        if self._reprompted >= min(self._habits.most_reprompts, self._habits.reprompts):
            return self._leave(f"no reply after {self._asked_again} re-prompts")
        self._reprompted += 1
        index = self._next_reprompt
        self._next_reprompt = (index + 1) % self._habits.reprompts
        return self._ask_again(Source.REPROMPTS, index, self._habits.patience_s)

    def _ask_again(self, source: Source, index: int, after_silence_s: float) -> Say:
        self._asked_again += 1
        self._turn += 1
        return self._say(
            Say(
                source=source,
                index=index,
                kind=TurnKind.REPROMPT,
                turn=self._turn,
                answers_turn=self._asked_turn,
                after_silence_s=after_silence_s,
            )
        )

    def _leave(self, reason: str) -> Say | StopCall:
        if self._habits.goodbye:
            self._saying_goodbye = True
            return self._say(Say(source=Source.GOODBYE))
        return self._stop(EndCause.CALLEE_HANGUP, reason)

    def _say(self, say: Say) -> Say:
        self._state = _State.SPEAKING
        self._interrupting_since_s = None
        return say

    def _stop(self, cause: EndCause, reason: str) -> StopCall:
        self._state = _State.DONE
        return StopCall(cause, reason)
