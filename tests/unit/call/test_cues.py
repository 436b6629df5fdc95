"""Waits, lines for silence, and lines to which no reply is awaited, on virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtest.call.cues import Cue, Say, Source, StopCall
from loadtest.record.events import EndCause, TurnKind
from tests.unit.call.test_callee import HABITS, LINE_S, Conversation

LINES, REPROMPTS, GOODBYE = Source.LINES, Source.REPROMPTS, Source.GOODBYE


def talk(agent_speaks: list[tuple[float, float]], *cues: Cue) -> Conversation:
    """The conversation of a callee whose script has these lines, played to its end."""
    conversation = Conversation(agent_speaks, replace(HABITS, lines=cues))
    conversation.play()
    return conversation


def said(conversation: Conversation) -> list[tuple[Source, int]]:
    return [(say.source, say.index) for _, say in conversation.said]


def at(conversation: Conversation) -> list[float]:
    return [when for when, _ in conversation.said]


def test_a_wait_makes_the_silence_before_a_line_longer() -> None:
    talked = talk([(1, 3), (7.5, 9), (15, 16)], Cue(), Cue(wait_s=2.5))
    assert at(talked) == pytest.approx([4.2, 9 + 1.2 + 2.5, 17.2], abs=0.03)
    assert [say.after_silence_s for _, say in talked.said] == [1.2, 3.7, None]


def test_a_wait_begins_anew_when_the_agent_speaks_meanwhile() -> None:
    talked = talk([(1, 3), (7.5, 9), (11, 12)], Cue(), Cue(wait_s=2.5))
    assert at(talked)[1] == pytest.approx(12 + 1.2 + 2.5, abs=0.03)


def test_a_wait_is_no_patience() -> None:
    """A lost reply is re-prompted as ever, however long the next line would wait."""
    talked = talk([(1, 3)], Cue(), Cue(wait_s=60))
    assert at(talked)[1] == pytest.approx(at(talked)[0] + LINE_S + HABITS.patience_s, abs=0.05)
    assert talked.said[1][1].source is REPROMPTS


def test_a_line_for_silence_is_said_after_its_own_limit_as_a_reprompt() -> None:
    talked = talk([(1, 3)], Cue(), Cue(if_silent_s=2), Cue())
    second_at, second = talked.said[1]
    assert second_at == pytest.approx(at(talked)[0] + LINE_S + 2, abs=0.05)
    assert second == Say(source=LINES, index=1, kind=TurnKind.REPROMPT, turn=1, answers_turn=0, after_silence_s=2)


def test_a_line_for_silence_is_passed_over_when_the_agent_replies() -> None:
    talked = talk([(1, 3), (6.5, 9), (13, 14)], Cue(), Cue(if_silent_s=2), Cue(if_silent_s=9), Cue())
    assert said(talked) == [(LINES, 0), (LINES, 3), (GOODBYE, 0)]
    assert talked.said[1][1].turn == 1


def test_a_reply_to_a_line_for_silence_lets_the_script_go_on() -> None:
    talked = talk([(1, 3), (11, 12), (16, 17)], Cue(), Cue(if_silent_s=2), Cue())
    assert said(talked) == [(LINES, 0), (LINES, 1), (LINES, 2), (GOODBYE, 0)]
    assert [say.answers_turn for _, say in talked.said] == [None, 0, None, None]


def test_after_the_lines_for_silence_come_the_reprompts_and_then_the_end() -> None:
    talked = talk([(1, 3)], Cue(), Cue(if_silent_s=2), Cue(if_silent_s=3), Cue())
    assert said(talked) == [(LINES, 0), (LINES, 1), (LINES, 2), (REPROMPTS, 0), (REPROMPTS, 1), (GOODBYE, 0)]
    silences = [b - a - LINE_S for a, b in zip(at(talked), at(talked)[1:], strict=False)]
    assert silences == pytest.approx([2, 3, 5, 5, 5], abs=0.06)
    assert all(say.answers_turn == 0 for _, say in talked.said[1:5])


def test_without_a_goodbye_the_reason_counts_all_that_was_said_in_the_silence() -> None:
    conversation = Conversation([(1, 3)], replace(HABITS, lines=(Cue(), Cue(if_silent_s=2)), goodbye=False))
    assert conversation.play() == StopCall(EndCause.CALLEE_HANGUP, "no reply after 3 re-prompts")


def test_a_line_without_a_reply_is_no_turn_and_the_next_comes_when_the_agent_is_silent() -> None:
    talked = talk([(1, 3), (14, 15)], Cue(reply=False), Cue(wait_s=1))
    first, second, _ = talked.said
    assert (first[1].kind, first[1].turn) == (None, None)
    assert (second[1].kind, second[1].turn) == (TurnKind.SCRIPT, 0)
    assert second[0] == pytest.approx(first[0] + LINE_S + 1.2 + 1, abs=0.05)


def test_what_the_agent_says_to_a_line_without_a_reply_is_heard_out() -> None:
    talked = talk([(1, 3), (6.5, 9), (14, 15)], Cue(reply=False), Cue())
    assert at(talked)[1] == pytest.approx(9 + 1.2, abs=0.05)


def test_a_script_can_end_with_a_line_without_a_reply() -> None:
    talked = talk([(1, 3)], Cue(reply=False))
    assert said(talked) == [(LINES, 0), (GOODBYE, 0)]
    assert at(talked)[1] == pytest.approx(at(talked)[0] + LINE_S + 1.2, abs=0.05)
