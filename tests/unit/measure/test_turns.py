"""Latency, answers, lost and talked-over turns, from conversations whose truth is written in the test."""

from __future__ import annotations

import pytest

from loadtest.record.events import EndCause, LineEnded, LineStarted, Outcome, TurnKind
from tests.unit.measure.build import ANSWER_S, Conversation, plain_call, scenario


def test_an_answered_turn_is_timed_from_end_of_speech_to_onset() -> None:
    turn = plain_call().turn(1)
    assert turn["outcome"] == "answered"
    assert turn["lost"] is False
    assert turn["speech_end_s"] == pytest.approx(ANSWER_S + 10.0, abs=1e-4)
    assert turn["reply_start_s"] == pytest.approx(ANSWER_S + 11.3, abs=1e-3)
    assert turn["reply_end_s"] == pytest.approx(ANSWER_S + 13.0, abs=0.02)
    assert turn["latency_ms"] == pytest.approx(1300, abs=1)
    assert turn["valid"] is True


@pytest.mark.parametrize("shift_s", [-0.1, 0.1])
def test_a_shifted_onset_shifts_the_latency(shift_s: float) -> None:
    call = Conversation().says(2.0, 3.0).hears((4.0 + shift_s, 6.0)).hangs_up(8)
    assert call.turn(0)["latency_ms"] == pytest.approx(1000 + 1000 * shift_s, abs=1)


def test_pauses_of_the_agent_are_inside_its_reply() -> None:
    turn = Conversation().says(2.0, 3.0).hears((4.0, 5.0), (6.1, 7.0), (8.4, 9.0)).hangs_up(10).turn(0)
    assert turn["reply_start_s"] == pytest.approx(ANSWER_S + 4.0, abs=1e-3)
    assert turn["reply_end_s"] == pytest.approx(ANSWER_S + 7.0, abs=0.02)


def lost_then_woken() -> Conversation:
    return (
        Conversation()
        .says(2.0, 3.0)
        .asks_again(8.0, 9.0, after=0)
        .hears((10.5, 12.0))
        .says(13.5, 14.5)
        .hears((15.5, 17.0))
        .hangs_up(19)
    )


def test_a_lost_turn_stays_lost_when_the_re_prompt_is_answered() -> None:
    lost, again, after = lost_then_woken().rows().turns
    assert (lost["outcome"], lost["lost"], lost["latency_ms"], lost["reprompts"]) == ("no_reply", True, None, 1)
    assert (again["kind"], again["outcome"], again["lost"]) == ("reprompt", "answered", None)
    assert again["latency_ms"] == pytest.approx(1500, abs=1)
    assert again["reprompts"] is None
    assert (after["outcome"], after["reprompts"]) == ("answered", 0)
    assert lost["valid"]


def test_speech_that_begins_before_the_re_prompt_has_ended_answers_the_script_turn() -> None:
    call = Conversation().says(2.0, 3.0).asks_again(8.0, 9.0, after=0).hears((8.6, 11.0)).hangs_up(14)
    late, again = call.rows().turns
    assert (late["outcome"], late["lost"]) == ("answered", False)
    assert late["latency_ms"] == pytest.approx(5600, abs=1)
    assert (again["outcome"], again["latency_ms"]) == ("talked_over", None)


def test_a_reply_after_the_limit_is_none() -> None:
    call = Conversation().says(2.0, 3.0).hears((8.0, 9.0)).hangs_up(12)
    assert call.turn(0)["outcome"] == "answered"
    turn = call.turn(0, scenario(reply_limit_s=4.0))
    assert (turn["outcome"], turn["lost"], turn["latency_ms"], turn["reply_start_s"]) == ("no_reply", True, None, None)


def test_silence_to_the_limit_is_lost() -> None:
    turn = Conversation().says(2.0, 3.0).hangs_up(13.5).turn(0)
    assert (turn["outcome"], turn["lost"], turn["valid"]) == ("no_reply", True, True)


def test_going_on_without_a_reply_is_lost() -> None:
    call = Conversation().says(2.0, 3.0).says_goodbye(8.0, 9.0).hears((8.5, 10.0)).hangs_up(9.2)
    assert (call.turn(0)["outcome"], call.turn(0)["lost"]) == ("no_reply", True)


def test_hanging_up_before_a_reply_could_come_says_nothing_about_the_agent() -> None:
    turn = Conversation().says(2.0, 3.0).hangs_up(5.0, EndCause.TESTER, Outcome.ABORTED).turn(0)
    assert (turn["outcome"], turn["lost"], turn["latency_ms"]) == ("no_reply", None, None)
    assert (turn["valid"], turn["invalid_reason"]) == (False, "call_ended_first")


def test_an_agent_that_hangs_up_instead_of_replying_lost_the_turn() -> None:
    turn = Conversation().says(2.0, 3.0).hangs_up(5.0, EndCause.AGENT_HANGUP, Outcome.AGENT_LEFT).turn(0)
    assert (turn["outcome"], turn["lost"], turn["valid"]) == ("no_reply", True, True)


def test_talking_over_the_end_of_a_line_has_no_latency() -> None:
    turn = Conversation().says(2.0, 5.0).hears((4.4, 7.0)).hangs_up(9).turn(0)
    assert (turn["outcome"], turn["lost"], turn["latency_ms"], turn["reply_start_s"]) == (
        "talked_over",
        False,
        None,
        None,
    )


def test_what_follows_after_talking_over_the_end_of_a_line_is_not_the_reply() -> None:
    turn = Conversation().says(2.0, 5.0).hears((4.4, 6.0), (7.5, 9.0)).hangs_up(11).turn(0)
    assert (turn["outcome"], turn["latency_ms"]) == ("talked_over", None)


def test_a_pause_at_the_end_of_the_line_makes_no_quick_reply_of_talking_over() -> None:
    turn = Conversation().says(2.0, 5.0).hears((4.0, 4.8), (5.3, 7.0)).hangs_up(9).turn(0)
    assert (turn["outcome"], turn["latency_ms"]) == ("talked_over", None)


def test_a_reply_that_follows_an_interruption_is_the_reply() -> None:
    turn = Conversation().says(2.0, 5.0).hears((2.3, 3.0), (6.2, 8.0)).hangs_up(10).turn(0)
    assert turn["outcome"] == "answered"
    assert turn["latency_ms"] == pytest.approx(1200, abs=1)


def test_speech_within_a_line_and_none_after_it() -> None:
    taken_for_the_reply = Conversation().says(2.0, 5.0).hears((3.0, 4.5)).says_goodbye(6.4, 7).hangs_up(7.1)
    assert (taken_for_the_reply.turn(0)["outcome"], taken_for_the_reply.turn(0)["lost"]) == ("talked_over", False)
    asked_again = Conversation().says(2.0, 5.0).hears((3.0, 4.5)).asks_again(10, 11, after=0).hangs_up(18)
    assert (asked_again.turn(0)["outcome"], asked_again.turn(0)["lost"]) == ("talked_over", True)
    waited = Conversation().says(2.0, 5.0).hears((3.0, 4.5)).hangs_up(18)
    assert (waited.turn(0)["outcome"], waited.turn(0)["lost"]) == ("talked_over", True)


def test_the_rest_of_an_earlier_reply_makes_no_lost_turn_of_the_line_it_runs_into() -> None:
    # The callee began to talk just after the agent had resumed, and took what it heard for the reply.
    call = Conversation().hears((1.0, 2.0), (3.3, 4.5)).says(3.5, 6.0).says_goodbye(7.4, 8).hangs_up(8.1)
    assert (call.turn(0)["outcome"], call.turn(0)["lost"]) == ("talked_over", False)
    assert [gap["kind"] for gap in call.rows().gaps] == ["mid_reply"]


def test_a_line_that_was_cut_ends_where_it_was_cut() -> None:
    call = Conversation().says(2.0, 5.0).hears((6.0, 7.0)).hangs_up(9)
    started = next(e for e in call.events if isinstance(e, LineStarted))
    call.events = [e for e in call.events if not isinstance(e, LineEnded)]
    call.add(LineEnded(t=ANSWER_S + 4, turn=0, end_sample=started.start_sample + 2 * 16000, cut=True))
    assert call.turn(0)["speech_end_s"] == pytest.approx(ANSWER_S + 3.9, abs=1e-3)
    assert call.turn(0)["latency_ms"] == pytest.approx(2100, abs=1)


def test_a_line_that_the_end_of_the_call_cut_is_no_unanswered_one() -> None:
    turn = Conversation().says(2.0, 5.0).hangs_up(4.0, EndCause.AGENT_HANGUP, Outcome.AGENT_LEFT).turn(0)
    assert (turn["outcome"], turn["lost"], turn["valid"]) == (None, None, False)


def test_the_goodbye_is_no_turn_and_ends_the_last_one() -> None:
    rows = plain_call().rows().turns
    assert [row["turn"] for row in rows] == [0, 1]


def test_every_line_but_the_goodbye_has_a_row_of_its_kind() -> None:
    call = lost_then_woken().says(20, 21, TurnKind.BARGE_IN)
    assert [row["kind"] for row in call.rows().turns] == ["script", "reprompt", "script", "barge_in"]
