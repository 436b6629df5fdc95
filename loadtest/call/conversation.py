"""The callee on its line: hears the agent, asks the state machine what to do, says it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from loadtest.audio.wav import RATE
from loadtest.call.callee import Callee
from loadtest.call.cues import Habits, Say, StopCall
from loadtest.call.impaired import ImpairedLine
from loadtest.call.line import EventSink, TelephoneLine
from loadtest.call.spec import Keys, Lines, Utterance
from loadtest.clock import RunClock
from loadtest.record.events import EndCause, Heard, KeyPressed, LineEnded, LineStarted, TurnKind
from loadtest.scenario.callee import CalleeSpec
from loadtest.scenario.keys import Press

__all__ = ["Conversation", "habits_of"]

DECIDE_EVERY_S = 0.02
DEAF_S = 0.2
"""A callee that was blocked for longer has missed what the agent said meanwhile."""


class Conversation:
    """One answered call, from the answer to the decision to hang up."""

    def __init__(
        self,
        line: TelephoneLine,
        habits: Habits,
        lines: Lines,
        *,
        clock: RunClock,
        emit: EventSink,
        agent_is_there: Callable[[], bool],
        press: Callable[[Press], Awaitable[None]],
        impaired: ImpairedLine | None = None,
    ) -> None:
        """press: sends a key to the agent. impaired: what is done to every line that is said; nothing if None."""
        self._line = line
        self._habits = habits
        self._lines = lines
        self._clock = clock
        self._emit = emit
        self._agent_is_there = agent_is_there
        self._press = press
        self._impaired = impaired
        self._answered_s = clock.now()
        self._callee = Callee(habits, answered_s=self._answered_s)
        self._heard_speaking = False
        self._heard = False

    def lagged(self, lag_s: float) -> None:
        """The event loop was blocked until now."""
        if lag_s > DEAF_S:
            self._callee.was_deaf(self._clock.now())

    @property
    def heard(self) -> bool:
        """The agent has been heard."""
        return self._heard

    def nothing_left(self) -> bool:
        """Whether an end of the call, whoever makes it, would be an ordinary one."""
        return self._callee.nothing_left(self._line.hear())

    async def hold(self, *, join_limit_s: float) -> StopCall:
        """Talk until it is time to hang up, and say why.

        join_limit_s: seconds for which an agent that is not in the room is waited for.
        """
        while True:
            await asyncio.sleep(DECIDE_EVERY_S)
            now, agent = self._clock.now(), self._line.hear()
            self._heard = self._heard or agent.last_onset_s is not None  # a republished track forgets
            if agent.speaking != self._heard_speaking:
                self._heard_speaking = agent.speaking
                self._emit(Heard(t=now, speaking=agent.speaking))
            if not self._agent_is_there():
                if now - self._answered_s > join_limit_s:
                    return StopCall(EndCause.CALLEE_HANGUP, "agent did not join")
                self._callee.was_deaf(now)
            match self._callee.decide(now, agent):
                case Say() as say:
                    await self._say(say)
                    self._callee.said(self._clock.now())
                case StopCall() as stop:
                    return stop
                case None:
                    pass

    async def _say(self, say: Say) -> None:
        match self._lines.of(say):
            case Utterance() as utterance:
                samples = utterance.samples
                if self._impaired is not None:
                    samples = self._impaired.said(utterance.name, samples)
                at = 0 if say.at_s is None else self._line.position_at(say.at_s) - utterance.speech_start
                start = self._line.say(samples, not_before=at)
                end = start + len(samples)
                speech_end = start + utterance.speech_end
                self._started(say, utterance.name, start, start + utterance.speech_start, speech_end, end)
                # The line is over when its speech is, not the silence that its file ends with.
                await asyncio.sleep(self._line.time_of(speech_end) - self._clock.now())
            case Keys() as keys:
                first = self._line.position()
                due = [first + round(press.at_s * RATE) for press in keys.presses]
                end = due[-1]
                self._started(say, keys.name, first, due[0], end, end)
                for press, position in zip(keys.presses, due, strict=True):
                    await asyncio.sleep(self._line.time_of(position) - self._clock.now())
                    self._emit(KeyPressed(t=self._clock.now(), turn=say.turn, digit=press.digit))
                    await self._press(press)
        self._emit(LineEnded(t=self._clock.now(), turn=say.turn, end_sample=end, cut=False))

    def _started(self, say: Say, name: str, start: int, speech_start: int, speech_end: int, end: int) -> None:
        self._emit(
            LineStarted(
                t=self._line.time_of(start),
                turn=say.turn,
                kind=say.kind or TurnKind.SCRIPT,
                line=name,
                answers_turn=say.answers_turn,
                start_sample=start,
                speech_start_sample=speech_start,
                speech_end_sample=speech_end,
                end_sample=end,
                after_silence_s=say.after_silence_s,
            )
        )


def habits_of(callee: CalleeSpec, lines: Lines, patience_s: float, max_call_s: float) -> Habits:
    """A scenario's callee in one call, with the lines that it can say there."""
    return Habits(
        lines=lines.cues,
        reprompts=len(lines.reprompts),
        goodbye=lines.goodbye is not None,
        patience_s=patience_s,
        most_reprompts=callee.reprompts,
        agent_finished_after_s=callee.agent_finished_after_s,
        greeting_limit_s=callee.greeting_limit_s,
        max_call_s=max_call_s,
    )
