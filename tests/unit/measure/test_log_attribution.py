"""What a log alone makes of a call: the same causes as the probe's where it tells enough, and else none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loadtest.measure.log_notes import Placed, log_notes
from loadtest.measure.machine import Machine
from loadtest.measure.tables import CallRows, call_rows
from loadtest.record.agent_log.facts import CalleeGone, Fact, Said, TurnOver
from loadtest_probe import wire
from tests.unit.measure.build import ANSWER_S, Conversation, scenario

CLOSE = wire.Closed(0, 1011, "Internal error encountered.", "server", "")
CONNECT = wire.Connected(0, 80.0, None)
METRICS = ((-1.0, CONNECT), (2.0, TurnOver(1.5, silent=False, spoke=True)))


def lost_line() -> Conversation:
    """Greeting; a line at 5 to 7 s; nothing; a re-prompt at 12 to 13 s, answered at 14.5 s."""
    call = Conversation().hears((1, 3), (14.5, 16)).says(5, 7).asks_again(12, 13, 0)
    return call.says_goodbye(18, 19).hangs_up(20)


def with_log(
    conversation: Conversation,
    *told: tuple[float, Said],
    u: float = 0.005,
    watched: bool = True,
    tools: bool = True,
    stack: str = "embedded",
) -> CallRows:
    """Seconds from the answer; `u` is the uncertainty."""
    found = [
        Placed(
            Fact(file="agent.log", line=number, at=None, said=said),
            ANSWER_S + at - u,
            ANSWER_S + at + u,
            watched=watched,
            tools=tools,
        )
        for number, (at, said) in enumerate((*told, (20.1, CalleeGone())))
    ]
    record = replace(conversation.record(), probe=log_notes(found))
    return call_rows("run", record, scenario(stack=stack), Machine())


def gap(rows: CallRows) -> dict[str, Any]:
    (row,) = rows.gaps
    return dict(row)


def test_a_close_after_the_line_took_its_reply() -> None:
    rows = with_log(lost_line(), *METRICS, (8.0, CLOSE), (8.2, CONNECT))

    (close,) = rows.closes
    assert (gap(rows)["cause"], gap(rows)["evidence"]) == ("ws_close", "agent_log")
    assert (close["code"], close["side"], close["phase"]) == (1011, "server", "awaiting_reply")
    assert close["reconnect_ms"] == pytest.approx(200)
    assert close["connection_age_s"] == pytest.approx(9.08)
    assert (close["resumed"], close["audible"], close["evidence"]) == (None, True, "agent_log")
    assert close["at_uncertainty_ms"] == pytest.approx(5)
    assert rows.calls[0]["socket_s"] == pytest.approx(9 + 11.8)


def test_without_connects_nothing_is_said_of_them() -> None:
    rows = with_log(lost_line(), (8.0, CLOSE))

    (close,) = rows.closes
    assert gap(rows)["cause"] == "ws_close"
    assert close["phase"] == "awaiting_reply"
    unknown = ("connection_age_s", "session_age_s", "reconnect_ms", "resumed", "recovered")
    assert [close[name] for name in unknown] == [None] * 5
    assert rows.calls[0]["socket_s"] is None
    assert [c["opened_s"] for c in rows.connections] == [None]


def test_a_close_whose_end_is_not_told_explains_only_the_silence_that_it_came_in() -> None:
    """An idle close, some seconds before a line that is lost for another reason."""
    rows = with_log(lost_line(), (4.0, CLOSE))

    assert gap(rows)["cause"] == "unknown"


def test_a_session_that_was_given_up_explains_the_silence_to_the_end() -> None:
    refused = wire.Refused(0, 503, None, "HTTP 503")
    call = Conversation().hears((1, 3)).says(5, 7).asks_again(12, 13, 0).says_goodbye(18, 19).hangs_up(20)
    rows = with_log(call, (4.0, CLOSE), (4.1, refused), (4.1, wire.SessionClosed("error", "")))

    assert gap(rows)["cause"] == "refused"


def test_what_may_have_come_before_or_after_explains_nothing() -> None:
    sure = with_log(lost_line(), *METRICS, (14.0, CLOSE), (14.2, CONNECT), u=0.1)
    doubtful = with_log(lost_line(), *METRICS, (14.0, CLOSE), (14.2, CONNECT), u=1.0)

    assert gap(sure)["cause"] == "ws_close"
    assert gap(doubtful)["cause"] == "unknown"


def test_a_silence_without_a_close_is_explained_only_if_the_log_would_have_told_one() -> None:
    assert gap(with_log(lost_line(), *METRICS))["cause"] == "stall"
    assert gap(with_log(lost_line()))["cause"] == "unknown", "no metrics: nothing tells of the model's turns"
    assert gap(with_log(lost_line(), *METRICS, watched=False))["cause"] == "unknown", "the agent may have been busy"


def test_a_log_that_breaks_off_tells_nothing_of_what_came_later() -> None:
    found = [
        Placed(Fact(file="agent.log", line=1, at=None, said=said), ANSWER_S + at, ANSWER_S + at, watched=True)
        for at, said in METRICS
    ]
    record = replace(lost_line().record(), probe=log_notes(found))

    assert [row["cause"] for row in call_rows("run", record, scenario(), Machine()).gaps] == ["unknown"]


def test_a_blocked_agent_is_to_blame_itself() -> None:
    blocked = (10.0, wire.AgentLag(2500.0))

    assert gap(with_log(lost_line(), *METRICS, blocked, stack="external"))["cause"] == "agent"


@pytest.mark.parametrize(
    ("over", "cause"),
    [
        (TurnOver(0.3, silent=True), "empty_turn"),
        (TurnOver(1.5, silent=False, spoke=True), "empty_turn"),
        (TurnOver(1.5, silent=False), "unknown"),
        (TurnOver(None, silent=True), "unknown"),
    ],
    ids=["nothing made", "audio that nobody heard", "no word of audio", "may be the turn before"],
)
def test_a_turn_of_the_model_that_nobody_heard(over: TurnOver, cause: str) -> None:
    assert gap(with_log(lost_line(), *METRICS, (9.0, over)))["cause"] == cause


def test_a_turn_that_called_a_tool_is_not_empty() -> None:
    called = (8.9, wire.Tool("look_up", "called"))
    over = (9.0, TurnOver(0.3, silent=True))

    assert gap(with_log(lost_line(), *METRICS, called, over))["cause"] == "unknown"
    assert gap(with_log(lost_line(), *METRICS, over, tools=False))["cause"] == "unknown"


def test_a_late_reply_to_the_line_itself_is_slow() -> None:
    late = Conversation().hears((1, 3), (17.5, 19)).says(5, 7).says_goodbye(21, 22).hangs_up(23)
    found = ((17.9, TurnOver(1.0, silent=False, spoke=True)), (23.1, CalleeGone()))

    assert gap(with_log(late, *METRICS, *found))["cause"] == "slow"


def test_a_reply_right_behind_the_re_prompt_may_be_to_either() -> None:
    call = Conversation().hears((1, 3), (13.4, 15)).says(5, 7).asks_again(12, 13, 0)

    assert gap(with_log(call.says_goodbye(18, 19).hangs_up(20), *METRICS))["cause"] == "unknown"


def test_speech_in_the_middle_of_a_line_answers_it_early_for_all_that_a_log_tells() -> None:
    """With a probe it would be a hole of the reply before: no audio of a new turn had arrived."""
    call = Conversation().hears((1, 3), (8, 9), (12.5, 14)).says(5, 7).says(11, 13).says_goodbye(18, 19).hangs_up(20)
    turns = ((9.2, TurnOver(1.0, silent=False, spoke=True)), (14.2, TurnOver(1.5, silent=False, spoke=True)))

    assert with_log(call, *METRICS, *turns).gaps == []


def test_whether_a_close_cut_a_reply_a_log_does_not_tell() -> None:
    call = Conversation().hears((1, 3), (8, 11)).says(5, 7).says_goodbye(14, 15).hangs_up(16)
    rows = with_log(call, *METRICS, (10.0, CLOSE), (10.2, CONNECT))

    (close,) = rows.closes
    assert (rows.turns[0]["outcome"], rows.turns[0]["truncated"]) == ("answered", None)
    assert (close["phase"], close["audible"]) == ("replying", None)


def test_a_close_just_before_a_reply_is_heard_may_have_come_during_it() -> None:
    call = Conversation().hears((1, 3), (8, 11)).says(5, 7).says_goodbye(14, 15).hangs_up(16)

    rows = with_log(call, *METRICS, (7.6, CLOSE), (7.7, CONNECT))
    assert (rows.closes[0]["phase"], rows.closes[0]["audible"]) == (None, None)
    assert rows.turns[0]["close_id"] is None


def test_a_reply_long_after_a_close_had_to_wait_for_the_reconnect() -> None:
    call = Conversation().hears((1, 3), (11, 13)).says(5, 7).says_goodbye(15, 16).hangs_up(17)
    rows = with_log(call, *METRICS, (7.6, CLOSE), (9.7, CONNECT))

    assert (rows.closes[0]["phase"], rows.closes[0]["audible"]) == ("awaiting_reply", True)
    assert rows.turns[0]["close_id"] == rows.closes[0]["close_id"]


def test_with_neither_probe_nor_log_a_silence_is_found_and_its_cause_unknown() -> None:
    rows = lost_line().rows()

    assert (gap(rows)["kind"], gap(rows)["lost_turn"]) == ("dead_air", True)
    assert (gap(rows)["cause"], gap(rows)["evidence"]) == ("unknown", "acoustic")
    assert rows.closes == []
    assert rows.connections == []
    assert rows.calls[0]["socket_s"] is None
