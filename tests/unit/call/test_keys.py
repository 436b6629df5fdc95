"""Keys that the callee presses: when each is sent, and what the record says of it."""

from __future__ import annotations

import asyncio

import pytest

from loadtest.audio.wav import RATE
from loadtest.call.cues import StopCall
from loadtest.call.spec import Keys
from loadtest.record.events import EndCause, Event, KeyPressed, LineEnded, LineStarted
from loadtest.scenario.keys import Press, presses
from tests.unit.call.quiet_line import Clock, conversation


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


async def test_keys_are_sent_when_due_and_the_line_ends_with_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, events = Clock(), list[Event]()
    pressed: list[tuple[float, str]] = []
    monkeypatch.setattr(asyncio, "sleep", clock.sleep)

    async def press(key: Press) -> None:
        pressed.append((clock.now(), key.digit))
        clock.now_s += 0.05  # until LiveKit has taken it

    talk = conversation(clock, events, Keys("menu", tuple(presses("4w2"))), press)
    stop = await talk.hold(join_limit_s=5)
    assert (stop, talk.heard) == (StopCall(EndCause.CALLEE_HANGUP, "no reply after 0 re-prompts"), False)
    start, first, second, end = events
    assert isinstance(start, LineStarted)
    assert (start.line, start.turn, start.end_sample - start.start_sample) == ("menu", 0, round(0.8 * RATE))
    assert [(e.digit, e.turn) for e in (first, second) if isinstance(e, KeyPressed)] == [("4", 0), ("2", 0)]
    assert (first.t, second.t) == pytest.approx((start.t, start.t + 0.8))
    assert pressed == [(first.t, "4"), (second.t, "2")]
    assert isinstance(end, LineEnded)
    assert end.t == pytest.approx(second.t + 0.05)
