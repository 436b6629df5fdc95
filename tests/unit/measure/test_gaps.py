"""Silence beyond the limit."""

from __future__ import annotations

import pytest

from loadtest.record.events import EndCause, Outcome
from tests.unit.measure.build import ANSWER_S, Conversation, plain_call, scenario


def test_a_call_without_gaps_has_none() -> None:
    assert plain_call().rows().gaps == []


def test_a_hole_in_a_reply() -> None:
    (gap,) = Conversation().says(2, 3).hears((4.0, 5.0), (8.0, 9.0)).hangs_up(11).rows().gaps
    assert (gap["kind"], gap["turn"], gap["censored"], gap["lost_turn"]) == ("mid_reply", 0, False, False)
    assert gap["start_s"] == pytest.approx(ANSWER_S + 5, abs=0.02)
    assert gap["end_s"] == pytest.approx(ANSWER_S + 8, abs=1e-3)
    assert gap["gap_ms"] == pytest.approx(3000, abs=20)
    assert gap["excess_ms"] == pytest.approx(gap["gap_ms"] - 1000)
    assert not gap["resumed_over_callee"]


def test_a_pause_below_the_limit_is_no_hole() -> None:
    call = Conversation().says(2, 3).hears((4.0, 5.0), (5.9, 7.0)).hangs_up(9)
    assert call.rows().gaps == []
    assert len(call.rows(scenario(mid_reply_limit_s=0.5)).gaps) == 1


def test_a_hole_in_the_greeting_belongs_to_no_turn() -> None:
    (gap,) = Conversation().hears((0.5, 1.0), (3.0, 4.0)).says(5.5, 6).hears((7, 8)).hangs_up(10).rows().gaps
    assert (gap["kind"], gap["turn"]) == ("mid_reply", None)


def test_a_reply_that_resumes_over_the_callee_is_a_hole_of_the_reply_before() -> None:
    call = Conversation().says(2, 3).hears((4.0, 5.0)).says(6.3, 9.0).hears((6.7, 7.4), (10.2, 12)).hangs_up(14)
    (gap,) = call.rows().gaps
    assert (gap["kind"], gap["turn"], gap["resumed_over_callee"]) == ("mid_reply", 0, True)
    assert gap["gap_ms"] == pytest.approx(1700, abs=20)
    assert call.turn(1)["latency_ms"] == pytest.approx(1200, abs=1)


def test_an_answer_given_too_early_is_no_hole() -> None:
    early = Conversation().says(2, 3).hears((4.0, 5.0)).says(6.3, 10.0).hears((8.5, 12.0)).hangs_up(14)
    assert early.rows().gaps == []
    assert early.turn(1)["outcome"] == "talked_over"


def test_the_probe_tells_an_early_answer_from_a_late_rest() -> None:
    def call() -> Conversation:
        return Conversation().says(2, 3).hears((4.0, 5.0)).says(6.3, 10.0).hears((8.5, 9.5)).hangs_up(12).connects(-1)

    rest = call().generates("a", 3.5, 3.8, 8.4, 8.6)
    assert [gap["kind"] for gap in rest.rows().gaps] == ["mid_reply"]
    early = call().generates("a", 3.5, 3.8, 4.5, 4.9).generates("b", 7.9, 8.3, 8.7, 9.4)
    assert [gap["kind"] for gap in early.rows().gaps if gap["kind"] == "mid_reply"] == []


def test_dead_air_runs_to_the_next_onset_whatever_woke_the_agent() -> None:
    call = (
        Conversation().says(2, 3).asks_again(8, 9, after=0).asks_again(14, 15, after=0).hears((16.5, 18)).hangs_up(20)
    )
    (gap,) = call.rows().gaps
    assert (gap["kind"], gap["turn"], gap["lost_turn"], gap["censored"]) == ("dead_air", 0, True, False)
    assert gap["gap_ms"] == pytest.approx(13_500, abs=2)
    assert gap["excess_ms"] == pytest.approx(3_500, abs=2)
    assert gap["patience_s"] == 5.0


def test_a_lost_turn_has_its_dead_air_even_below_the_limit() -> None:
    (gap,) = Conversation().says(2, 3).asks_again(8, 9, after=0).hears((10, 12)).hangs_up(14).rows().gaps
    assert (gap["lost_turn"], gap["excess_ms"]) == (True, 0)
    assert gap["gap_ms"] == pytest.approx(7000, abs=2)


def test_dead_air_ends_with_the_first_onset_after_the_limit() -> None:
    call = Conversation().says(2, 3).hears((4.5, 5), (8, 9)).hangs_up(11)
    gap = call.rows(scenario(reply_limit_s=1.0)).gaps[0]
    assert (gap["kind"], gap["lost_turn"]) == ("dead_air", True)
    assert (gap["gap_ms"], gap["excess_ms"]) == (pytest.approx(1500, abs=2), pytest.approx(500, abs=2))


def test_dead_air_that_the_end_of_the_call_cuts_is_censored() -> None:
    (gap,) = Conversation().says(2, 3).hangs_up(15).rows().gaps
    assert (gap["censored"], gap["lost_turn"]) == (True, True)
    assert gap["gap_ms"] == pytest.approx(12_000, abs=2)


def test_one_silence_over_several_lost_turns_is_counted_once() -> None:
    call = Conversation().says(2, 3).says(15, 16).says(28, 29).hangs_up(41)
    rows = call.rows().gaps
    assert [row["turn"] for row in rows] == [0, 1, 2]
    assert all(row["lost_turn"] and row["censored"] for row in rows)
    assert [row["excess_ms"] for row in rows] == pytest.approx([28_000, 0, 0], abs=2)


def test_an_undecided_turn_is_no_gap() -> None:
    assert Conversation().says(2, 3).hangs_up(5, EndCause.TESTER, Outcome.ABORTED).rows().gaps == []
