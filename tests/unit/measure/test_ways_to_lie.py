"""Ways in which this tool could lie, as far as measuring is concerned; each test is named after one of them."""

from __future__ import annotations

import pytest

from loadtest.record.events import ChannelHealth, LoopLag
from loadtest_probe import wire
from tests.unit.measure.build import ANSWER_S, Conversation, plain_call, scenario


def mixed_call() -> Conversation:
    """Answered, lost and woken by a re-prompt, talked over."""
    return (
        Conversation()
        .says(2, 3)
        .hears((4.2, 6))
        .says(7.3, 8)
        .asks_again(13, 14, after=1)
        .hears((15.2, 17))
        .says(18.3, 21)
        .hears((20.5, 23))
        .says_goodbye(24.3, 25)
        .hangs_up(25.2)
    )


def test_dropping_unanswered_disputed_or_talked_over_turns() -> None:
    script = [row for row in mixed_call().rows().turns if row["kind"] == "script"]
    assert [row["outcome"] for row in script] == ["answered", "no_reply", "talked_over"]
    assert [row["latency_ms"] is None for row in script] == [False, True, True]
    assert all(row["valid"] for row in script)


def test_re_prompts_counted_as_turns() -> None:
    rows = mixed_call().rows()
    assert [row["kind"] for row in rows.turns] == ["script", "script", "reprompt", "script"]
    assert [row["lost"] for row in rows.turns if row["kind"] == "reprompt"] == [None]
    assert [gap["turn"] for gap in rows.gaps if gap["lost_turn"]] == [1]


def test_anchoring_at_the_start_of_an_utterance() -> None:
    short = Conversation().says(2.0, 2.5).hears((4.0, 5)).hangs_up(7).turn(0)
    long = Conversation().says(2.0, 8.0).hears((9.5, 11)).hangs_up(13).turn(0)
    assert short["latency_ms"] == pytest.approx(long["latency_ms"], abs=1) == pytest.approx(1500, abs=1)


def test_a_reply_that_began_before_the_line_ended_has_no_negative_latency() -> None:
    call = Conversation()
    for start in range(2, 60, 6):
        call.says(start, start + 2).hears((start + 1 + start / 30, start + 4))
    latencies = [row["latency_ms"] for row in call.hangs_up(70).rows().turns]
    assert None in latencies
    assert all(latency is None or latency >= 0 for latency in latencies)


def test_1011s_silently_retried_by_the_plugin() -> None:
    # Back within 150 ms, no error to the agent, nothing in its metrics: the lost reply is all that the callee notices.
    call = Conversation().connects(-1).says(2, 3).loses(3.8).connects(3.95, n=2).asks_again(8, 9, after=0)
    rows = call.hears((10, 12)).hangs_up(14).rows()
    assert [(close["code"], close["side"], close["audible"]) for close in rows.closes] == [(1011, "server", True)]
    assert [(gap["cause"], gap["lost_turn"]) for gap in rows.gaps] == [("ws_close", True)]


def test_go_away_or_1000_counted_as_1011() -> None:
    gone = plain_call().connects(-1).probe(9.0, wire.GoAway(1, 50.0)).connects(9.2, n=2).rows()
    assert [close["code"] for close in gone.closes] == [None]
    assert [connection["end"] for connection in gone.connections] == ["goaway", "hangup"]
    normal = plain_call().connects(-1).loses(9.0, code=1000, reason="The operation was cancelled.").rows()
    assert [close["code"] for close in normal.closes] == [1000]
    then_1011 = plain_call().connects(-1).probe(9.0, wire.GoAway(1, 50.0)).loses(9.1).connects(9.3, n=2).rows()
    assert [(c["end"], close["code"]) for c, close in zip(then_1011.connections, then_1011.closes, strict=False)] == [
        ("goaway", 1011)
    ]


def test_client_made_1011_counted_as_googles() -> None:
    rows = (
        plain_call().connects(-1).loses(9.0, side="client", reason="keepalive ping timeout").connects(9.2, n=2).rows()
    )
    assert [(close["code"], close["side"]) for close in rows.closes] == [(1011, "client")]


def test_a_dropped_tcp_connection_counted_as_1011() -> None:
    rows = plain_call().connects(-1).loses(9.0, code=1006, side="none").connects(9.2, n=2).rows()
    assert [(close["code"], close["side"]) for close in rows.closes] == [(1006, "none")]


def test_exposure_counted_while_disconnected() -> None:
    rows = plain_call().connects(-1).loses(4.0).connects(9.0, n=2).rows()
    assert rows.calls[0]["socket_s"] == pytest.approx((4 + 1) + (15.2 - 9))


def test_a_saturated_tester() -> None:
    late = (
        LoopLag(t=ANSWER_S + 11, lag_ms=400),
        ChannelHealth(t=ANSWER_S + 6, channel="agent", frame_gap_ms=400, residual_ms=0, late_frames=20),
    )
    rows = plain_call().add(*late).rows()
    assert [row["valid"] for row in rows.turns] == [False, False]
    # Still there, with their figures: invalid is not the same as missing.
    assert all(row["latency_ms"] is not None for row in rows.turns)


def test_a_cause_that_was_guessed() -> None:
    rows = mixed_call().rows(scenario(stack="external"))
    assert {(gap["cause"], gap["evidence"]) for gap in rows.gaps} == {("unknown", "acoustic")}
