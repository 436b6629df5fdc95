"""Keys that the callee presses: when each is sent, and what the record says of it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from loadtest.audio.wav import RATE
from loadtest.call.conversation import Conversation
from loadtest.call.cues import Cue, Habits, Hear, StopCall
from loadtest.call.spec import Keys, Lines
from loadtest.clock import RunClock
from loadtest.record.events import EndCause, Event, KeyPressed, LineEnded, LineStarted
from loadtest.scenario.keys import Press, presses


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("12#", [(0.0, "1", 1), (0.3, "2", 2), (0.6, "#", 11)]),
        ("w0ww*", [(0.5, "0", 0), (1.8, "*", 10)]),
        ("AD", [(0.0, "A", 12), (0.3, "D", 15)]),
    ],
)
def test_each_key_has_its_moment_and_its_code(keys: str, expected: list[tuple[float, str, int]]) -> None:
    assert [(press.at_s, press.digit, press.code) for press in presses(keys)] == expected


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 10.0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += max(seconds, 0.0)


class Line:
    """A line on which nobody is heard."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def hear(self) -> Hear:
        return Hear(False, None, None)

    def position(self) -> int:
        return round((self._clock.now() - 10.0) * RATE)

    def time_of(self, position: int) -> float:
        return 10.0 + position / RATE


async def test_keys_are_sent_when_due_and_the_line_ends_with_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, events = Clock(), list[Event]()
    pressed: list[tuple[float, str]] = []
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)

    async def press(key: Press) -> None:
        pressed.append((clock.now(), key.digit))
        clock.now_s += 0.05  # until LiveKit has taken it

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
    lines = Lines(script=(Keys("menu", tuple(presses("4w2"))),), cues=(Cue(),), reprompts=(), goodbye=None)
    conversation = Conversation(
        cast("Any", Line(clock)),
        habits,
        lines,
        clock=cast("RunClock", clock),
        emit=lambda event: events.append(event),  # noqa: PLW0108  # by the name of its argument
        agent_is_there=lambda: True,
        press=press,
    )
    stop = await conversation.hold(join_limit_s=5)
    assert (stop, conversation.heard) == (StopCall(EndCause.CALLEE_HANGUP, "no reply after 0 re-prompts"), False)
    start, first, second, end = events
    assert isinstance(start, LineStarted)
    assert (start.line, start.turn, start.end_sample - start.start_sample) == ("menu", 0, round(0.8 * RATE))
    assert [(e.digit, e.turn) for e in (first, second) if isinstance(e, KeyPressed)] == [("4", 0), ("2", 0)]
    assert (first.t, second.t) == pytest.approx((start.t, start.t + 0.8))
    assert pressed == [(first.t, "4"), (second.t, "2")]
    assert isinstance(end, LineEnded)
    assert end.t == pytest.approx(second.t + 0.05)
