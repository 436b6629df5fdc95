"""Lines that interrupt the agent, on virtual time."""

from __future__ import annotations

import pytest

from loadtest.call.callee import SAY_AHEAD_S, Callee
from loadtest.call.cues import Cue, Hear, Say, Source
from loadtest.record.events import TurnKind
from tests.unit.call.test_callee import HABITS, LINE_S, Conversation
from tests.unit.call.test_cues import GOODBYE, LINES, REPROMPTS, at, said, talk

BARGE_IN = Cue(barge_in_s=1.5)


def test_it_is_said_so_long_after_the_onset_of_the_reply() -> None:
    talked = talk([(1, 3), (7.5, 9.6), (13, 14), (19, 20)], Cue(), BARGE_IN, Cue())
    decided_s, barge_in = talked.said[1]
    assert decided_s == pytest.approx(7.5 + 1.5 - SAY_AHEAD_S, abs=0.03)
    assert barge_in == Say(source=LINES, index=1, kind=TurnKind.BARGE_IN, turn=1, answers_turn=0, at_s=9.0)
    assert [say.kind for _, say in talked.said] == [TurnKind.SCRIPT, TurnKind.BARGE_IN, TurnKind.SCRIPT, None]
    assert [say.turn for _, say in talked.said] == [0, 1, 2, None]


def test_the_next_line_follows_the_reply_to_the_barge_in() -> None:
    talked = talk([(1, 3), (7.5, 9.6), (13, 14), (19, 20)], Cue(), BARGE_IN, Cue())
    assert at(talked)[2] == pytest.approx(14 + 1.2, abs=0.03)


def test_the_rest_of_what_was_interrupted_is_no_reply() -> None:
    """An agent that stops only after the callee has finished, and then says nothing, is asked again."""
    talked = talk([(1, 3), (7.5, 12)], Cue(), BARGE_IN, Cue())
    assert said(talked)[:3] == [(LINES, 0), (LINES, 1), (REPROMPTS, 0)]
    when, again = talked.said[2]
    assert when == pytest.approx(12 + HABITS.patience_s, abs=0.03)
    assert again.answers_turn == 1


def test_after_a_short_reply_there_is_nothing_to_interrupt() -> None:
    talked = talk([(1, 3), (7.5, 8.5), (13, 14)], Cue(), BARGE_IN, Cue())
    assert said(talked) == [(LINES, 0), (LINES, 2), (GOODBYE, 0)]
    assert at(talked)[1] == pytest.approx(8.5 + 1.2, abs=0.03)


def test_a_pause_of_the_agent_is_waited_for_and_counts_from_the_first_onset() -> None:
    talked = talk([(1, 3), (7.5, 8.4), (9.2, 11.0), (15, 16)], Cue(), BARGE_IN, Cue())
    decided_s, barge_in = talked.said[1]
    assert (decided_s, barge_in.at_s) == (pytest.approx(9.2, abs=0.03), pytest.approx(9.0, abs=0.03))


def test_without_a_reply_the_callee_asks_again_and_interrupts_what_is_said_to_that() -> None:
    talked = talk([(1, 3), (12.5, 15)], Cue(), BARGE_IN, Cue())
    assert said(talked)[:3] == [(LINES, 0), (REPROMPTS, 0), (LINES, 1)]
    assert talked.said[2][1].answers_turn == 1
    assert talked.said[2][1].at_s == pytest.approx(12.5 + 1.5, abs=0.03)


def test_it_is_passed_over_with_the_lines_for_silence_beside_it() -> None:
    talked = talk([(1, 3), (7.5, 8), (13, 14)], Cue(), Cue(if_silent_s=3), BARGE_IN, Cue(if_silent_s=2), Cue())
    assert said(talked) == [(LINES, 0), (LINES, 4), (GOODBYE, 0)]
    interrupted = talk([(1, 3), (7.5, 9.5)], Cue(), Cue(if_silent_s=3), BARGE_IN, Cue(if_silent_s=2), Cue())
    assert said(interrupted)[:3] == [(LINES, 0), (LINES, 2), (LINES, 3)]


def test_a_barge_in_can_be_interrupted_in_its_turn() -> None:
    talked = talk([(1, 3), (7.5, 9.4), (12.5, 15)], Cue(), BARGE_IN, Cue(barge_in_s=0.5))
    assert [(say.kind, say.answers_turn) for _, say in talked.said[:3]] == [
        (TurnKind.SCRIPT, None),
        (TurnKind.BARGE_IN, 0),
        (TurnKind.BARGE_IN, 1),
    ]


def test_a_barge_in_that_is_still_to_come_does_not_keep_the_call() -> None:
    callee = Callee(Conversation([], HABITS).habits, answered_s=0.0)
    assert not callee.nothing_left(Hear(False, None, None))
    talked = talk([(1, 3), (7.5, 8)], Cue(), BARGE_IN)
    assert said(talked) == [(Source.LINES, 0), (GOODBYE, 0)]
    assert at(talked)[0] + LINE_S < 7.5
