"""Causes of gaps: only what was recorded says so."""

from __future__ import annotations

import pytest

from loadtest.record.events import AgentLeft, EndCause, LoopLag, Outcome
from loadtest_probe import wire
from tests.unit.measure.build import ANSWER_S, Conversation, scenario


def lost_turn() -> Conversation:
    """Nothing after the line; the re-prompt is answered."""
    return Conversation().says(2, 3).asks_again(8, 9, after=0).hears((10.5, 12)).hangs_up(14)


def cause(call: Conversation) -> str:
    (gap,) = call.rows().gaps
    assert isinstance(gap["cause"], str)
    return gap["cause"]


def test_without_a_probe_the_cause_is_unknown() -> None:
    (gap,) = lost_turn().rows().gaps
    assert (gap["cause"], gap["evidence"], gap["close_id"]) == ("unknown", "acoustic", None)


def test_a_reply_that_never_came_on_a_healthy_connection_is_a_stall() -> None:
    assert cause(lost_turn().connects(-1).generates("b", 9.6, 10.1, 11, 11.5)) == "stall"


def test_a_turn_without_audio_is_empty() -> None:
    call = lost_turn().connects(-1).generates("a", 3.5, done=4.0, empty=True).generates("b", 9.6, 10.1, 11, 11.5)
    assert cause(call) == "empty_turn"


def test_audio_that_nobody_can_hear_is_as_empty() -> None:
    call = lost_turn().connects(-1).generates("a", 3.5, 3.7, 4.5, 5.0).generates("b", 9.6, 10.1, 11, 11.5)
    assert cause(call) == "empty_turn"


def test_a_turn_that_is_said_to_be_complete_and_never_ends_is_a_stall() -> None:
    call = lost_turn().connects(-1).generates("a", 3.5, complete=4.0).generates("b", 9.6, 10.1, 11, 11.5)
    assert cause(call) == "stall"


def test_a_reply_that_came_late_with_nothing_wrong_is_slow() -> None:
    late = Conversation().connects(-1).says(2, 3).generates("a", 3.5, 14.0, 15, 16).hears((14.3, 16)).hangs_up(18)
    assert cause(late) == "slow"
    just_after_the_re_prompt = (
        Conversation()
        .connects(-1)
        .says(2, 3)
        .asks_again(8, 9, after=0)
        .generates("a", 3.5, 8.9, 10, 11)
        .hears((9.2, 11))
        .hangs_up(13)
    )
    assert cause(just_after_the_re_prompt) == "slow"


def test_a_hole_without_a_close_is_a_stall() -> None:
    call = Conversation().connects(-1).says(2, 3).generates("a", 3.5, 3.7, 7.8, 8.5).hears((4, 5), (8, 9)).hangs_up(11)
    assert cause(call) == "stall"


def test_a_hole_is_a_closes_only_if_it_came_in_the_reply() -> None:
    def call() -> Conversation:
        return Conversation().connects(-1).says(2, 3).hears((4, 5), (8, 9)).hangs_up(11)

    in_reply = call().generates("a", 3.5, 3.7, done=4.8).loses(4.7).connects(4.9, n=2)
    assert cause(in_reply) == "ws_close"
    before_it = call().loses(2.5).connects(2.7, n=2).generates("a", 3.5, 3.7, 7.8)
    assert cause(before_it) == "stall"
    after_the_audio_stopped = call().generates("a", 3.5, 3.7, 4.6).loses(6.0).connects(6.2, n=2)
    assert cause(after_the_audio_stopped) == "stall"


@pytest.mark.parametrize(
    ("at", "back", "expected"),
    [
        (3.5, 3.7, "ws_close"),  # while the reply is awaited
        (2.5, 2.7, "ws_close"),  # while the line is said
        (0.5, 2.2, "ws_close"),  # still down when the line began
        (0.5, 0.7, "stall"),  # back before the line began
        (10.9, 11.1, "stall"),  # after the silence had ended
    ],
)
def test_dead_air_is_a_closes_iff_the_connection_was_down_or_replaced_in_it(
    at: float, back: float, expected: str
) -> None:
    assert cause(lost_turn().connects(-1).loses(at).connects(back, n=2)) == expected


def test_of_two_closes_the_one_that_took_the_reply_counts() -> None:
    call = lost_turn().connects(-1).loses(1.8).connects(2.0, n=2).loses(3.9, n=2).connects(4.1, n=3)
    (gap,) = call.rows().gaps
    assert gap["close_id"] == "0000-ga/close-2"


def test_a_go_away_is_a_cause_of_its_own() -> None:
    call = lost_turn().connects(-1).probe(3.4, wire.GoAway(1, 50.0)).connects(3.6, n=2, resumed=True)
    rows = call.rows()
    assert rows.gaps[0]["cause"] == "goaway"
    assert [c["end"] for c in rows.connections] == ["goaway", "hangup"]


def test_a_blocked_agent_is_the_agents_fault() -> None:
    call = lost_turn().connects(-1).probe(6.5, wire.AgentLag(2500))
    assert call.rows(scenario(stack="external", hosts=["example.org"])).gaps[0]["cause"] == "agent"


@pytest.mark.parametrize(("returned", "expected"), [(3.52, "stall"), (7.5, "agent")])
def test_a_tool_that_takes_its_time_is_the_agents_fault_and_no_other(returned: float, expected: str) -> None:
    call = lost_turn().connects(-1).generates("a", 3.4, done=3.5)
    call.probe(3.5, wire.Tool("look_up", "called")).probe(returned, wire.Tool("look_up", "returned"))
    assert cause(call.generates("b", 9.6, 10.1, 11, 11.5)) == expected


def test_an_agent_that_left_is_the_cause() -> None:
    call = Conversation().connects(-1).says(2, 3).add(AgentLeft(t=ANSWER_S + 4, reason="left"))
    assert cause(call.hangs_up(4.1, EndCause.AGENT_HANGUP, Outcome.AGENT_LEFT)) == "agent"


def test_a_gap_in_which_the_tester_was_late_is_the_testers_unless_a_close_explains_it() -> None:
    late = LoopLag(t=ANSWER_S + 5, lag_ms=900)
    assert cause(lost_turn().add(late)) == "tester"
    assert cause(lost_turn().connects(-1).add(late)) == "tester"
    assert cause(lost_turn().connects(-1).loses(3.5).connects(3.7, n=2).add(late)) == "ws_close"
