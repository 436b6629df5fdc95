"""A callee on virtual time, with one line to say and nobody who is heard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from loadtest.audio.wav import RATE, Samples
from loadtest.call.conversation import Conversation
from loadtest.call.cues import Cue, Habits, Hear
from loadtest.call.spec import Keys, Lines, Utterance
from loadtest.clock import RunClock
from loadtest.record.events import Event
from loadtest.scenario.keys import Press

STARTS_S = 10.0
"""Run time of the answer."""


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = STARTS_S

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += max(seconds, 0.0)


class QuietLine:
    """A line on which nobody is heard; it takes what is said at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def hear(self) -> Hear:
        return Hear(False, None, None)

    def position(self) -> int:
        return round((self._clock.now() - STARTS_S) * RATE)

    def time_of(self, position: int) -> float:
        return STARTS_S + position / RATE

    def say(self, samples: Samples, *, not_before: int = 0) -> int:
        return max(self.position(), not_before)


def conversation(
    clock: Clock, events: list[Event], line: Utterance | Keys, press: Callable[[Press], Awaitable[None]] | None = None
) -> Conversation:
    """Of a callee that says this line after 2 s and hangs up after 5 more. events: where its events go."""
    habits = Habits(
        lines=(Cue(),),
        reprompts=0,
        goodbye=False,
        patience_s=5,
        most_reprompts=0,
        agent_finished_after_s=1,
        greeting_limit_s=2,
        max_call_s=60,
    )
    return Conversation(
        cast("Any", QuietLine(clock)),
        habits,
        Lines(script=(line,), cues=habits.lines, reprompts=(), goodbye=None),
        clock=cast("RunClock", clock),
        emit=lambda event: events.append(event),  # noqa: PLW0108  # by the name of its argument
        agent_is_there=lambda: True,
        press=cast("Any", press),
    )
