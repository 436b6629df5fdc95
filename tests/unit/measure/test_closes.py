"""Connections and their ends."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.record.agent_clock import DRIFT
from loadtest.record.events import EndCause, Outcome
from loadtest_probe import wire
from tests.unit.measure.build import ANSWER_S, Conversation, plain_call


def lost_reply() -> Conversation:
    """A 1011 half a second after the line, back 0.15 s later, silence until the re-prompt."""
    return (
        Conversation()
        .connects(-1)
        .hears((0.8, 2.5))
        .says(4, 5)
        .generates("a", 5.3, done=5.81)
        .loses(5.8, reason="1011 None. Internal error encountered.")
        .connects(5.95, n=2, resumed=True)
        .asks_again(10, 11, after=0)
        .generates("b", 11.6, 12.0, 13.0, 13.5)
        .hears((12.3, 14))
        .hangs_up(16)
    )


def test_a_close_before_any_audio() -> None:
    rows = lost_reply().rows()
    (close,) = rows.closes
    assert (close["close_id"], close["connection_id"]) == ("0000-ga/close-1", "0000-ga/1")
    assert (close["code"], close["side"], close["phase"]) == (1011, "server", "awaiting_reply")
    assert close["at_s"] == pytest.approx(ANSWER_S + 5.8)
    assert 2.0 <= close["at_uncertainty_ms"] <= 2.0 + 2600 * DRIFT  # a ping is answered every 5 s
    assert close["reconnect_ms"] == pytest.approx(150)
    assert (close["resumed"], close["recovered"], close["audible"]) == (True, True, True)
    assert close["connection_age_s"] == close["session_age_s"] == pytest.approx(6.9)
    first, second = rows.connections
    assert (first["end"], second["end"]) == ("close", "hangup")
    assert second["opened_s"] == pytest.approx(ANSWER_S + 5.85)
    assert second["resumed"] is True
    (gap,) = rows.gaps
    assert (gap["cause"], gap["close_id"], gap["lost_turn"], gap["evidence"]) == (
        "ws_close",
        "0000-ga/close-1",
        True,
        "probe",
    )
    lost = rows.turns[0]
    assert (lost["lost"], lost["close_id"], lost["connection_id"]) == (True, "0000-ga/close-1", "0000-ga/1")


def test_connected_time_stops_at_a_close_and_at_the_hang_up() -> None:
    (call,) = lost_reply().rows().calls
    assert call["socket_s"] == pytest.approx((5.8 - -1) + (16 - 5.95))


def test_a_close_that_takes_the_reply_to_a_re_prompt_is_audible_too() -> None:
    call = Conversation().connects(-1).says(2, 3).loses(3.8).connects(3.95, n=2).asks_again(8, 9, after=0)
    call.loses(9.8, n=2).connects(9.95, n=3).asks_again(14, 15, after=0).hears((16, 17)).hangs_up(19)
    rows = call.rows()
    assert [(row["kind"], row["close_id"]) for row in rows.turns] == [
        ("script", "0000-ga/close-1"),
        ("reprompt", "0000-ga/close-2"),
        ("reprompt", None),
    ]
    assert [close["audible"] for close in rows.closes] == [True, True]
    assert [gap["close_id"] for gap in rows.gaps] == ["0000-ga/close-1"]


@pytest.mark.parametrize(("done", "phase"), [(5.1, "idle"), (5.29, "replying"), (None, "replying")])
def test_what_is_still_heard_of_a_turn_that_was_over_is_no_reply_in_progress(done: float | None, phase: str) -> None:
    call = Conversation().connects(-1).says(2, 3).generates("a", 3.5, 3.7, 4.5, done).hears((4.0, 5.4))
    (close,) = call.loses(5.3).connects(5.45, n=2, resumed=True).hangs_up(8).rows().closes
    assert close["phase"] == phase


def after_a_tool(*, at: float) -> str:
    call = Conversation().connects(-1).says(2, 3).generates("a", 3.4, done=3.6)
    call.probe(3.5, wire.Tool("look_up", "called")).probe(3.6, wire.Tool("look_up", "returned"))
    call.generates("b", 4.4, 4.5, 5.0, 5.5).hears((4.8, 5.6)).says(7, 8)
    (close,) = call.loses(at).connects(at + 0.1, n=2).hangs_up(12).rows().closes
    assert isinstance(close["phase"], str)
    return close["phase"]


def test_a_tool_is_in_use_until_what_it_returned_is_answered() -> None:
    assert after_a_tool(at=3.45) == "awaiting_reply"
    assert after_a_tool(at=3.55) == "tool"
    assert after_a_tool(at=4.2) == "tool"
    assert after_a_tool(at=4.45) == "awaiting_reply"
    assert after_a_tool(at=8.5) == "awaiting_reply"


def test_a_close_in_the_reply_cuts_it() -> None:
    call = (
        Conversation()
        .connects(-1)
        .says(2, 3)
        .generates("a", 3.5, 3.7, done=4.61)
        .loses(4.6)
        .connects(4.75, n=2, resumed=True)
        .hears((4.0, 5.4))
        .says(6.7, 7.5)
        .generates("b", 8.0, 8.3, 9.0, 9.5)
        .hears((8.6, 10))
        .hangs_up(12)
    )
    rows = call.rows()
    (close,) = rows.closes
    assert (close["phase"], close["audible"], close["recovered"]) == ("replying", True, True)
    cut, after = rows.turns
    assert (cut["outcome"], cut["truncated"], cut["lost"], cut["close_id"]) == (
        "answered",
        True,
        False,
        "0000-ga/close-1",
    )
    assert (after["truncated"], after["close_id"]) == (False, None)


def test_a_close_when_all_audio_had_arrived_is_inaudible() -> None:
    call = (
        Conversation()
        .connects(-1)
        .says(2, 3)
        .generates("a", 3.5, 3.7, 4.4)
        .loses(4.6)
        .connects(4.75, n=2)
        .hears((4.0, 7.0))
        .hangs_up(9)
    )
    rows = call.rows()
    assert (rows.closes[0]["phase"], rows.closes[0]["audible"]) == ("replying", False)
    assert (rows.turns[0]["truncated"], rows.turns[0]["close_id"]) == (False, None)


def test_an_idle_close_that_is_back_before_the_line_ends_harms_nothing() -> None:
    call = (
        Conversation()
        .connects(-1)
        .hears((0.8, 2.5))
        .loses(3.4, reason="Deadline expired before operation could complete.")
        .connects(3.6, n=2)
        .says(3.8, 4.8)
        .generates("a", 5.3, 5.5, 6.0, 7.0)
        .hears((5.8, 7))
        .hangs_up(9)
    )
    rows = call.rows()
    assert (rows.closes[0]["phase"], rows.closes[0]["audible"], rows.closes[0]["recovered"]) == ("idle", False, True)
    assert rows.gaps == []
    assert rows.turns[0]["close_id"] is None


def test_a_reply_that_waited_for_the_reconnect_was_delayed_by_the_close() -> None:
    call = (
        Conversation()
        .connects(-1)
        .says(2, 3)
        .loses(3.2)
        .connects(5.2, n=2)
        .generates("a", 5.4, 5.6, 6.0, 7.0)
        .hears((5.9, 7))
        .hangs_up(9)
    )
    rows = call.rows()
    assert (rows.turns[0]["outcome"], rows.turns[0]["close_id"]) == ("answered", "0000-ga/close-1")
    assert rows.closes[0]["audible"] is True


@pytest.mark.parametrize(
    ("at", "phase"),
    [
        (1.0, "replying"),
        (3.0, "idle"),
        (4.5, "callee_speaking"),
        (5.5, "awaiting_reply"),
        (7.0, "replying"),
        (9.0, "idle"),
    ],
)
def test_the_phase_is_what_the_conversation_was_at(at: float, phase: str) -> None:
    call = Conversation().connects(-1).hears((0.8, 2.5)).says(4, 5).hears((6.5, 8)).loses(at).hangs_up(12)
    assert call.rows().closes[0]["phase"] == phase


def test_a_close_while_a_tool_is_open() -> None:
    call = Conversation().connects(-1).says(2, 3).probe(3.5, wire.Tool("book", "called")).loses(3.8).hangs_up(14)
    assert call.rows().closes[0]["phase"] == "tool"


def test_a_reply_that_has_arrived_but_is_not_heard_yet_is_a_reply() -> None:
    call = Conversation().connects(-1).says(2, 3).generates("a", 3.5, 3.6, 3.7).loses(3.8).hears((3.95, 6)).hangs_up(8)
    assert call.rows().closes[0]["phase"] == "replying"


def test_a_refused_first_connection() -> None:
    call = (
        Conversation()
        .probe(-1, wire.Hello(1, None, None, None, None))
        .probe(-0.5, wire.Refused(1, 429, None, "server rejected WebSocket connection: HTTP 429"))
    )
    rows = call.says(10, 11).hangs_up(22).rows()
    (close,) = rows.closes
    assert (close["phase"], close["http_status"], close["code"], close["side"]) == ("setup", 429, None, "server")
    assert (close["recovered"], close["connection_age_s"]) == (False, None)
    assert rows.connections[0]["end"] == "refused"
    assert rows.calls[0]["socket_s"] == 0
    assert rows.calls[0]["outcome"] == "agent_silent"
    assert rows.gaps[0]["cause"] == "refused"


def test_a_1011_before_setup_is_in_phase_setup() -> None:
    call = Conversation().connects(-1).probe(-0.5, wire.Refused(2, None, 1011, "Internal error encountered."))
    close = call.hangs_up(5).rows().closes[-1]
    assert (close["phase"], close["code"], close["side"]) == ("setup", 1011, "server")


def test_silence_after_a_refused_reconnect_is_put_down_to_the_refusal() -> None:
    call = Conversation().connects(-1).says(2, 3).loses(3.5).probe(3.9, wire.Refused(2, 503, None, "HTTP 503"))
    rows = call.asks_again(8, 9, after=0).says_goodbye(14, 15).hangs_up(16).rows()
    assert [close["phase"] for close in rows.closes] == ["awaiting_reply", "setup"]
    assert (rows.gaps[0]["cause"], rows.gaps[0]["close_id"]) == ("refused", "0000-ga/close-2")
    assert rows.closes[0]["recovered"] is False


def test_a_connection_replaced_without_a_word_was_ended_by_the_client() -> None:
    rows = plain_call().connects(-1).connects(3.0, n=2).rows()
    assert [c["end"] for c in rows.connections] == ["close", "hangup"]
    assert (rows.closes[0]["side"], rows.closes[0]["code"]) == ("client", None)


def test_what_the_client_does_after_the_hang_up_is_no_close() -> None:
    call = plain_call().connects(-1).loses(15.25, side="client", via="file")
    assert call.rows().closes == []
    assert call.rows().connections[0]["end"] == "hangup"


def test_a_late_line_of_the_probes_file_counts_by_its_own_time() -> None:
    # Written to the events after the hang-up, but it happened before.
    call = plain_call().connects(-1).loses(14.2, via="file")
    assert [close["at_s"] for close in call.rows().closes] == [pytest.approx(ANSWER_S + 14.2)]


def test_a_close_within_the_clocks_uncertainty_of_the_hang_up_is_kept() -> None:
    assert len(plain_call().connects(-1).loses(15.201).rows().closes) == 1
    assert len(plain_call().connects(-1).loses(15.210).rows().closes) == 0


def test_a_message_that_came_twice_counts_once() -> None:
    call = plain_call().connects(-1).loses(14.0).probe(14.2, wire.Refused(2, 503, None, "HTTP 503"))
    call.add(call.events[-1])
    assert len(call.rows().closes) == 2


def test_recovered_means_that_the_agent_was_heard_again() -> None:
    silent = Conversation().connects(-1).says(2, 3).loses(3.8).connects(3.95, n=2).asks_again(8, 9, after=0)
    assert silent.hangs_up(20).rows().closes[0]["recovered"] is False
    nothing_was_asked = plain_call().connects(-1).loses(14.0).connects(14.1, n=2)
    assert nothing_was_asked.rows().closes[0]["recovered"] is None
    never_back = plain_call().connects(-1).loses(14.0)
    assert never_back.rows().closes[0]["recovered"] is False


def test_an_agent_that_hangs_up_closes_its_connection_in_order() -> None:
    call = Conversation().connects(-1).says(2, 3).hears((4, 5)).probe(6, wire.SessionClosed("user_initiated", None))
    rows = call.hangs_up(6.2, EndCause.AGENT_HANGUP, Outcome.AGENT_LEFT).rows()
    assert (rows.connections[0]["end"], rows.closes) == ("hangup", [])
    assert rows.calls[0]["socket_s"] == pytest.approx(7)


def test_without_a_probe_there_is_nothing_to_tell() -> None:
    rows = plain_call().rows()
    assert (rows.connections, rows.closes, rows.calls[0]["socket_s"]) == ([], [], None)
    assert rows.turns[0]["truncated"] is None


def test_connections_that_were_told_together_have_each_their_row() -> None:
    ends: list[dict[str, Any]] = [
        {
            "end": "closed",
            "code": 1011,
            "side": "server",
            "reason": "gone",
            "resumed": True,
            "count": 20,
            "open_s": 0.4,
        },
        {"end": "refused", "code": None, "http_status": 503, "reason": "HTTP 503", "resumed": False, "count": 2},
        {"end": "go_away", "code": None, "reason": "", "resumed": True, "count": 1, "open_s": 0.1},
    ]
    call = plain_call().connects(-1).loses(12.0).probe(13.0, wire.Repeated(2, 24, 0.92, ends)).connects(13.1, n=25)
    rows = call.rows()
    assert [c["n"] for c in rows.connections] == list(range(1, 26))
    assert [c["code"] for c in rows.closes] == [1011] * 21 + [None] * 3
    assert [c["phase"] for c in rows.closes][-3:-1] == ["setup", "setup"]
    assert [c["http_status"] for c in rows.closes][-3:] == [503, 503, None]
    assert {c["reason"] for c in rows.closes[1:21]} == {"gone"}
    assert all(ANSWER_S + 12.0 <= c["at_s"] <= ANSWER_S + 13.0 for c in rows.closes)
    assert rows.calls[0]["socket_s"] == pytest.approx(13 + 0.4 + 0.04 + (15.2 - 13.1), abs=0.01)


def test_nonsense_about_connections_told_together_does_no_harm() -> None:
    ends: list[dict[str, Any]] = [{"count": 10**9}, {"end": 7, "count": -3}]
    rows = plain_call().connects(-1).loses(12.0).probe(13.0, wire.Repeated(2, 10**9, 0.9, ends)).rows()
    assert len(rows.closes) == 10_001


def test_two_sessions_of_a_call_have_each_their_connections() -> None:
    call = plain_call().connects(-1)
    for t, session, message in (
        (3.0, "two", wire.Connected(1, 50.0, False)),
        (5.0, "two", wire.Closed(1, 1011, "", "server", "APIError")),
        (5.1, "two", wire.Connected(2, 50.0, True)),
        (6.0, "two", wire.SessionClosed("task_completed", None)),
    ):
        call.probe(t, message, session=session)
    rows = call.rows()
    assert [(c["n"], c["end"]) for c in rows.connections] == [(1, "hangup"), (2, "close"), (3, "hangup")]
    assert [c["at_s"] for c in rows.closes] == [pytest.approx(ANSWER_S + 5.0)]
    assert rows.connections[0]["closed_s"] == pytest.approx(ANSWER_S + 15.2)


def test_a_refusal_for_which_nobody_greets_is_audible() -> None:
    refused = Conversation().probe(-1, wire.Refused(1, 503, None, ""))
    left = refused.hangs_up(0.5, EndCause.AGENT_HANGUP, Outcome.AGENT_LEFT).rows()
    assert [close["audible"] for close in left.closes] == [True]
    greeted = Conversation().probe(-2, wire.Refused(1, 503, None, "")).connects(-1, n=2).hears((0.8, 2.5)).hangs_up(3)
    assert [close["audible"] for close in greeted.rows().closes] == [False]
