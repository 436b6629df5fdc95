"""The callee interrupts the agent: what was cut, when it stopped, and what of it is the reply to whom."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.record.events import TurnKind
from tests.unit.measure.build import Conversation

BARGE_IN = TurnKind.BARGE_IN


def interrupted(*heard: tuple[float, float], until: float = 8.0) -> Conversation:
    """Greeting, a line that ends at 4 s, a barge-in from 7 s to `until`, and then the agent as heard."""
    return Conversation().hears((0.8, 2.5), *heard).says(3.0, 4.0).says(7.0, until, BARGE_IN, 0)


def cut(row: dict[str, Any]) -> bool:
    """Made-up speech is all the same, so that other labels come with it."""
    return "cut_by_callee" in (row["labels"] or "").split("; ")


def rows(conversation: Conversation, *, over_s: float = 20.0) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    found = conversation.hangs_up(over_s).rows()
    script, barge_in = found.turns
    return script, barge_in, list(found.gaps)


def test_a_reply_that_is_cut_was_given_and_what_comes_next_replies_to_the_barge_in() -> None:
    script, barge_in, gaps = rows(interrupted((5.3, 7.4), (9.4, 12)))
    assert (script["outcome"], script["lost"], cut(script)) == ("answered", False, True)
    assert script["latency_ms"] == pytest.approx(1300, abs=15)
    assert script["reply_end_s"] == pytest.approx(107.4, abs=0.015)
    assert (barge_in["kind"], barge_in["outcome"], barge_in["lost"]) == ("barge_in", "answered", None)
    assert (barge_in["stop_ms"], barge_in["latency_ms"]) == pytest.approx((400, 1400), abs=15)
    assert not cut(barge_in)
    assert gaps == []
    assert script["stop_ms"] is None


def test_an_agent_that_stops_only_after_a_short_barge_in_has_talked_over_nobody() -> None:
    script, barge_in, gaps = rows(interrupted((5.3, 7.9), (8.7, 12), until=7.5))
    assert script["reply_end_s"] == pytest.approx(107.9, abs=0.015)
    assert barge_in["outcome"] == "answered"
    assert (barge_in["stop_ms"], barge_in["latency_ms"]) == pytest.approx((900, 1200), abs=15)
    assert gaps == []


def test_a_pause_as_the_barge_in_ends_is_no_stop() -> None:
    script, barge_in, gaps = rows(interrupted((5.3, 7.9), (8.3, 11.5), (13.0, 15)))
    assert barge_in["stop_ms"] == pytest.approx(4500, abs=15)
    assert not cut(script)
    assert (barge_in["outcome"], barge_in["latency_ms"]) == ("answered", pytest.approx(5000, abs=15))
    assert gaps == []


def test_the_probe_tells_a_quick_reply_from_a_pause_and_a_long_pause_from_a_stop() -> None:
    quick = interrupted((5.3, 7.9), (8.4, 11)).connects(0.2).generates("a", 4.5, 5.0).generates("b", 8.1, 8.3)
    assert rows(quick)[1]["stop_ms"] == pytest.approx(900, abs=15)
    long = interrupted((5.3, 7.4), (8.2, 11)).connects(0.2).generates("a", 4.5, 5.0, 6.0)
    assert rows(long)[1]["stop_ms"] == pytest.approx(4000, abs=15)
    assert rows(interrupted((5.3, 7.4), (8.2, 11)))[1]["stop_ms"] == pytest.approx(400, abs=15)


def test_a_barge_in_without_a_reply_is_not_lost_and_leaves_no_gap() -> None:
    script, barge_in, gaps = rows(interrupted((5.3, 7.4)))
    assert (barge_in["outcome"], barge_in["lost"], barge_in["stop_ms"]) == (
        "no_reply",
        None,
        pytest.approx(400, abs=15),
    )
    assert (script["outcome"], script["lost"]) == ("answered", False)
    assert gaps == []


@pytest.mark.parametrize("until", [7.5, 9.5])
def test_the_silence_after_a_stop_is_no_hole(until: float) -> None:
    """Neither when the barge-in is over before the agent has stopped, nor when the agent answers into the barge-in."""
    _, _, gaps = rows(interrupted((5.3, 7.6), (9.1, 12), until=until))
    assert gaps == []
    ordinary = Conversation().hears((0.8, 2.5), (5.3, 7.6), (9.1, 12)).says(3.0, 4.0).hangs_up(20).rows()
    assert [gap["kind"] for gap in ordinary.gaps] == ["mid_reply"]


def test_no_close_is_blamed_for_what_the_callee_cut() -> None:
    call = interrupted((5.3, 7.4), (9.4, 12)).connects(0.2).generates("a", 4.5, 5.0)
    script, barge_in, _ = rows(call.loses(7.1).connects(7.3, 2).generates("b", 8.9, 9.1, 9.6, 12))
    assert (script["truncated"], script["close_id"], cut(script)) == (False, None, True)
    assert barge_in["stop_ms"] == pytest.approx(400, abs=15)


def test_a_close_is_blamed_for_a_reply_that_nobody_interrupted() -> None:
    call = Conversation().hears((0.8, 2.5), (5.3, 7.4), (12, 14)).says(3.0, 4.0).says(9.0, 10.0)
    call.connects(0.2).generates("a", 4.5, 5.0).loses(7.1)
    assert call.hangs_up(16).turn(0)["truncated"] is True


def test_a_barge_in_into_silence_has_nothing_to_stop() -> None:
    script, barge_in, _ = rows(interrupted((5.3, 6.9), (9.4, 12)))
    assert (barge_in["stop_ms"], barge_in["outcome"]) == (None, "answered")
    assert not cut(script)


@pytest.mark.parametrize(("over_s", "stop_ms"), [(8.5, None), (10.0, 3000)])
def test_a_call_that_ends_before_the_agent_stops_tells_only_that_it_did_not_in_time(
    over_s: float, stop_ms: float | None
) -> None:
    script, barge_in, _ = rows(interrupted((5.3, 30)), over_s=over_s)
    assert barge_in["stop_ms"] == (None if stop_ms is None else pytest.approx(stop_ms, abs=15))
    assert not cut(script)


def test_an_agent_that_begins_anew_into_the_barge_in_talks_over_it() -> None:
    _, barge_in, _ = rows(interrupted((5.3, 7.4), (8.6, 12), until=9.5))
    assert (barge_in["outcome"], barge_in["stop_ms"]) == ("talked_over", pytest.approx(400, abs=15))
    assert barge_in["talked_over_ms"] == pytest.approx(1300, abs=15)
