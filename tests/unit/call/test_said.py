"""What the record says of a line: its speech ends where the speech does, not where its file ends."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import numpy as np
import pytest

from loadtest.audio.wav import RATE, Line, Samples
from loadtest.call.conversation import Conversation
from loadtest.call.cues import Cue, Habits
from loadtest.call.spec import Lines, Utterance
from loadtest.clock import RunClock
from loadtest.record.events import Event, LineEnded, LineStarted
from tests.accuracy.known import by_definition
from tests.unit.audio.signals import shipped_lines
from tests.unit.call.test_keys import Clock
from tests.unit.call.test_keys import Line as SilentLine

LEAD_IN, TAIL = RATE // 2, RATE
"""Silence in the file."""


class SpokenLine(SilentLine):
    """A line that takes what is said at once."""

    def say(self, samples: Samples, *, not_before: int = 0) -> int:
        return max(self.position(), not_before)


async def test_a_line_is_said_when_its_speech_is_however_long_its_file_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    speech = next(line.samples for line in shipped_lines() if line.name == "yes-please")
    first, end = by_definition(speech, -50.0)  # as shipped it has -20 dBFS
    samples = np.concatenate((np.zeros(LEAD_IN, np.int16), speech, np.zeros(TAIL, np.int16)))
    clock, events = Clock(), list[Event]()
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
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
    said = Utterance.of("yes-please", Line("yes-please", samples, ""))
    conversation = Conversation(
        cast("Any", SpokenLine(clock)),
        habits,
        Lines(script=(said,), cues=(Cue(),), reprompts=(), goodbye=None),
        clock=cast("RunClock", clock),
        emit=lambda event: events.append(event),  # noqa: PLW0108  # by the name of its argument
        agent_is_there=lambda: True,
        press=cast("Any", None),
    )
    await conversation.hold(join_limit_s=5)
    started, ended = events
    assert isinstance(started, LineStarted)
    assert isinstance(ended, LineEnded)
    a_millisecond = RATE // 1000
    at = started.start_sample + LEAD_IN
    assert started.speech_start_sample == pytest.approx(at + first, abs=a_millisecond)
    assert started.speech_end_sample == pytest.approx(at + end, abs=a_millisecond)
    assert started.end_sample == started.start_sample + len(samples)
    assert ended.t == pytest.approx(10.0 + started.speech_end_sample / RATE)
