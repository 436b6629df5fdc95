"""What becomes of a turn about which the two detectors do not agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from loadtest.audio.second_opinion import Opinion
from loadtest.audio.wav import RATE, Recording
from loadtest.measure.acoustics import acoustics
from loadtest.measure.call_record import CallRecord, call_record
from loadtest.measure.machine import Machine
from loadtest.measure.tables import CallRows, call_rows
from loadtest.record.events import Outcome, TurnKind
from loadtest.record.reader import CallEvents
from tests.unit.measure.build import ANSWER_S, Conversation, scenario

SPEECH, NONE = 0.0, None
"""What the second detector says of a span: how much later it hears the onset, s; or that it hears no speech."""


def rows(call: Conversation, *said: float | None) -> CallRows:
    """`said` of each span of the agent's speech, in order."""
    record = call.record()
    assert len(said) == len(record.speech)
    opinions = {
        span: Opinion(speech=later is not None, onset_s=None if later is None else span.start_s + later)
        for span, later in zip(record.speech, said, strict=True)
    }
    return measured(replace(record, opinions=opinions))


def measured(record: CallRecord) -> CallRows:
    return call_rows("run", record, scenario(), Machine())


def told(row: dict[str, Any]) -> tuple[Any, ...]:
    """Outcome, latency, lost; disputed; outcome and latency by energy alone."""
    names = ("outcome", "latency_ms", "lost", "disputed", "energy_outcome", "energy_latency_ms")
    return tuple(row[name] if not isinstance(row[name], float) else pytest.approx(row[name], abs=1) for name in names)


def test_a_reply_of_which_both_are_certain() -> None:
    call = Conversation().says(2.0, 3.0).hears((4.0, 6.0)).hangs_up(12)
    assert told(rows(call, SPEECH).turns[0]) == ("answered", 1000, False, False, "answered", 1000)


def test_the_search_goes_on_behind_what_is_no_speech() -> None:
    call = Conversation().says(2.0, 3.0).hears((3.5, 5.0), (7.0, 9.0)).hangs_up(12)
    assert told(rows(call, NONE, SPEECH).turns[0]) == ("answered", 4000, False, True, "answered", 500)


def test_music_to_the_end_is_a_lost_turn_and_dead_air() -> None:
    call = Conversation().says(2.0, 3.0).hears((3.5, 13.0), (15.0, 20.0)).hangs_up(20)
    found = rows(call, NONE, NONE)
    assert told(found.turns[0]) == ("no_reply", None, True, True, "answered", 500)
    assert [(gap["kind"], gap["start_s"]) for gap in found.gaps] == [("dead_air", pytest.approx(ANSWER_S + 3.0))]
    assert found.calls[0]["outcome"] == Outcome.AGENT_SILENT


def test_a_beep_before_the_first_line_is_no_greeting() -> None:
    call = Conversation().hears((0.5, 1.0), (2.5, 3.5)).says(5.0, 6.0).hears((7.0, 8.0)).hangs_up(12)
    assert rows(call, NONE, SPEECH, SPEECH).calls[0]["greeting_latency_ms"] == pytest.approx(2500, abs=1)


def test_who_plays_music_does_not_talk_over() -> None:
    call = Conversation().says(2.0, 4.0).hears((1.0, 5.0), (6.5, 8.0)).hangs_up(12)
    assert told(rows(call, NONE, SPEECH).turns[0]) == ("answered", 2500, False, True, "talked_over", None)


@pytest.mark.parametrize(("later", "disputed"), [(0.09, False), (-0.09, False), (0.11, True), (-0.11, True)])
def test_speech_whose_onset_is_in_doubt_keeps_the_energys(later: float, disputed: bool) -> None:
    call = Conversation().says(2.0, 3.0).hears((4.0, 6.0)).hangs_up(12)
    assert told(rows(call, later).turns[0]) == ("answered", 1000, False, disputed, "answered", 1000)


def test_nothing_within_a_reply_is_judged() -> None:
    call = Conversation().says(2.0, 3.0).hears((4.0, 6.0), (6.5, 6.8), (7.9, 8.5)).hangs_up(12)
    both, alone = rows(call, SPEECH, NONE, NONE), call.rows()
    assert both.turns[0]["reply_end_s"] == alone.turns[0]["reply_end_s"] == pytest.approx(ANSWER_S + 8.5)
    assert both.turns[0]["disputed"] is False
    assert both.gaps == alone.gaps


def test_what_begins_a_reply_is_judged_also_right_behind_what_is_none() -> None:
    call = Conversation().says(2.0, 3.0).hears((4.0, 5.0), (5.5, 7.0)).hangs_up(12)
    assert told(rows(call, NONE, SPEECH).turns[0]) == ("answered", 2500, False, True, "answered", 1000)


def test_the_answer_to_a_barge_in_is_judged_however_soon_it_comes() -> None:
    call = Conversation().hears((0.5, 5.0), (5.9, 6.5), (8.0, 9.0))
    call.says(4.0, 4.8, TurnKind.BARGE_IN).hangs_up(12)
    assert told(rows(call, SPEECH, NONE, SPEECH).turns[0])[:4] == ("answered", 3200, None, True)


def test_a_silence_is_not_disputed_and_a_line_that_was_not_said_is_not_judged() -> None:
    silent = Conversation().hears((0.5, 1.0)).says(2.0, 3.0).hangs_up(20)
    assert rows(silent, SPEECH).turns[0]["disputed"] is False
    cut = Conversation().hears((0.5, 1.0)).says(2.0, 30.0).hangs_up(20)
    assert rows(cut, SPEECH).turns[0]["disputed"] is None


def test_without_a_second_detector_nothing_is_known_of_disputes() -> None:
    turn = Conversation().says(2.0, 3.0).hears((4.0, 6.0)).hangs_up(12).turn(0)
    assert [turn.get(name) for name in ("disputed", "energy_outcome", "energy_latency_ms")] == [None, None, None]


def test_a_buzz_before_the_reply_is_heard_as_what_it_is() -> None:
    call = Conversation().says(2.0, 3.0).hears((7.0, 9.0)).hangs_up(12)
    recording = call.recording()
    right = recording.right.copy()
    t = np.arange(round(1.5 * RATE)) / RATE
    right[round(4.0 * RATE) : round(5.5 * RATE)] = np.rint(5000 * np.sign(np.sin(2 * np.pi * 120 * t)))
    heard = acoustics(Recording(recording.left, right))
    record = call_record(call.call, CallEvents(tuple(call.all_events()), 0, 0, torn=False), heard)
    assert told(measured(record).turns[0]) == ("answered", 4000, False, True, "answered", 1000)
