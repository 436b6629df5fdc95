"""What the record says of a line: its speech ends where the speech does, not where its file ends."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from loadtest.audio.wav import RATE, Line
from loadtest.call.spec import Utterance
from loadtest.record.events import Event, LineEnded, LineStarted
from tests.accuracy.known import by_definition
from tests.unit.audio.signals import shipped_lines
from tests.unit.call.quiet_line import STARTS_S, Clock, conversation

LEAD_IN, TAIL = RATE // 2, RATE
"""Silence in the file."""


async def test_a_line_is_said_when_its_speech_is_however_long_its_file_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    speech = next(line.samples for line in shipped_lines() if line.name == "yes-please")
    first, end = by_definition(speech, -50.0)  # as shipped it has -20 dBFS
    samples = np.concatenate((np.zeros(LEAD_IN, np.int16), speech, np.zeros(TAIL, np.int16)))
    clock, events = Clock(), list[Event]()
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)
    said = Utterance.of("yes-please", Line("yes-please", samples, ""))
    await conversation(clock, events, said).hold(join_limit_s=5)
    started, ended = events
    assert isinstance(started, LineStarted)
    assert isinstance(ended, LineEnded)
    a_millisecond = RATE // 1000
    at = started.start_sample + LEAD_IN
    assert started.speech_start_sample == pytest.approx(at + first, abs=a_millisecond)
    assert started.speech_end_sample == pytest.approx(at + end, abs=a_millisecond)
    assert started.end_sample == started.start_sample + len(samples)
    assert ended.t == pytest.approx(STARTS_S + started.speech_end_sample / RATE)
