"""What holds of every call, however agent and callee fall over each other."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.record.events import EndCause, Outcome, TurnKind
from tests.unit.measure.build import Conversation, scenario

LENGTHS = st.integers(3, 40).map(lambda tenths: tenths / 10)
PAUSES = st.integers(4, 140).map(lambda tenths: tenths / 10)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    call = Conversation()
    at, script = 0.0, None
    for _ in range(draw(st.integers(1, 6))):
        start = at + draw(PAUSES)
        at = start + draw(LENGTHS)
        if script is not None and draw(st.booleans()):
            call.asks_again(start, at, after=script)
        else:
            script = call.lines
            call.says(start, at, TurnKind.SCRIPT)
    until, at = at, 0.0
    while at < until:
        start = at + draw(PAUSES)
        at = start + draw(LENGTHS)
        call.hears((start, at))
    for n in range(1, draw(st.integers(1, 3)) + 1):
        call.connects(n * 3.0 - 4, n)
        if draw(st.booleans()):
            call.loses(n * 3.0 - 2, n)
    cause = draw(st.sampled_from([EndCause.CALLEE_HANGUP, EndCause.AGENT_HANGUP, EndCause.TESTER]))
    return call.hangs_up(max(at, until) + draw(PAUSES), cause, Outcome.COMPLETED)


@settings(max_examples=60)
@given(conversations())
def test_every_call(call: Conversation) -> None:
    rows = call.rows(scenario(reply_limit_s=6.0))
    talk_s = call.hung_up or 0.0

    assert [row["turn"] for row in rows.turns] == list(range(call.lines))
    for row in rows.turns:
        assert (row["latency_ms"] is not None) == (row["outcome"] == "answered")
        assert row["latency_ms"] is None or 0 <= row["latency_ms"] <= 6000
        assert (row["lost"] is None) == (row["kind"] != "script" or row["invalid_reason"] == "call_ended_first")
        assert not (row["outcome"] == "answered" and row["lost"])

    lost = [row["turn"] for row in rows.turns if row["lost"]]
    assert [gap["turn"] for gap in rows.gaps if gap["kind"] == "dead_air"] == lost
    assert all(gap["excess_ms"] >= 0 and gap["end_s"] >= gap["start_s"] for gap in rows.gaps)
    assert sum(gap["excess_ms"] for gap in rows.gaps) <= talk_s * 1000

    known = {close["close_id"] for close in rows.closes}
    assert {gap["close_id"] for gap in rows.gaps} | {row["close_id"] for row in rows.turns} <= known | {None}
    assert rows.calls[0]["socket_s"] <= talk_s + 1.1
