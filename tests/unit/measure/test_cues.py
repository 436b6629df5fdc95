"""Lines that wait, that are said only into a silence, that expect no reply, or that are made of keys."""

from __future__ import annotations

import pytest

from loadtest.record.events import EndCause, KeyPressed, TurnKind
from tests.unit.measure.build import Conversation


def test_a_line_without_a_reply_is_no_turn_and_takes_nothing_from_its_neighbours() -> None:
    rows = (
        Conversation()
        .hears((0.8, 2.5), (5.3, 8.0), (11.3, 12.0), (16.0, 17.0))
        .says(3.8, 4.0)
        .says(9.5, 10.0, None)
        .says(14.0, 15.0)
        .hangs_up(18.5)
        .rows()
    )
    assert [(row["turn"], row["outcome"], row["lost"]) for row in rows.turns] == [
        (0, "answered", False),
        (1, "answered", False),
    ]
    assert [row["latency_ms"] for row in rows.turns] == pytest.approx([1300, 1000], abs=15)
    assert rows.gaps == []


def test_a_reply_that_comes_only_after_a_line_without_one_does_not_count() -> None:
    (row,) = Conversation().hears((0.8, 2.5), (9.0, 10.0)).says(3.8, 4.0).says(7.0, 8.0, None).hangs_up(12).rows().turns
    assert (row["outcome"], row["lost"]) == ("no_reply", True)


def test_a_hole_in_what_is_said_to_a_line_that_is_no_turn_has_no_turn() -> None:
    spoken = Conversation().hears((0.8, 2.5), (5.3, 8.0), (11.3, 12.0), (14.0, 15.0)).says(3.8, 4.0)
    (gap,) = spoken.says(9.5, 10.0, None).hangs_up(17).rows().gaps
    assert (gap["kind"], gap["turn"], gap["gap_ms"]) == ("mid_reply", None, pytest.approx(2000, abs=15))


@pytest.mark.parametrize(
    ("after_silence", "pause", "holes"),
    [
        (1.2, 3.0, 1),  # the callee would have spoken: it was silent because the agent seemed to have ended
        (6.2, 3.0, 0),  # the callee left the floor empty on purpose
        (6.2, 1.1, 1),  # too short for that: the reply stopped and went on
    ],
)
def test_what_the_agent_says_while_the_callee_waits_is_no_hole(after_silence: float, pause: float, holes: int) -> None:
    again = 7.0 + pause
    rows = (
        Conversation()
        .hears((0.8, 2.5), (5.3, 7.0), (again, again + 1))
        .says(3.8, 4.0)
        .says(18.0, 19.0, after_silence=after_silence)
        .hears((20.0, 21.0))
        .hangs_up(23)
        .rows()
    )
    assert len(rows.gaps) == holes
    assert [row["outcome"] for row in rows.turns] == ["answered", "answered"]


def test_a_line_for_silence_leaves_the_turn_lost_and_gives_the_gap_its_own_limit() -> None:
    rows = (
        Conversation()
        .hears((0.8, 2.5), (9.0, 10.0))
        .says(3.8, 4.0, after_silence=1.2)
        .says(6.0, 7.0, TurnKind.REPROMPT, 0, after_silence=2.0)
        .hangs_up(12)
        .rows()
    )
    script, again = rows.turns
    assert (script["outcome"], script["lost"], script["reprompts"]) == ("no_reply", True, 1)
    assert (again["kind"], again["outcome"], again["lost"]) == ("reprompt", "answered", None)
    (gap,) = rows.gaps
    assert (gap["kind"], gap["turn"], gap["patience_s"]) == ("dead_air", 0, 2.0)


def test_the_gap_of_an_ordinary_reprompt_has_the_pairs_patience() -> None:
    rows = Conversation().hears((0.8, 2.5), (12.0, 13.0)).says(3.8, 4.0).asks_again(9.0, 10.0, 0).hangs_up(15).rows()
    assert rows.gaps[0]["patience_s"] == 5.0


def test_a_reply_to_keys_is_measured_from_the_last_one_that_was_sent() -> None:
    talked = Conversation().hears((0.8, 2.5), (6.0, 7.0)).presses((3.8, "1"), (4.4, "#"))
    (row,) = talked.hangs_up(9).rows().turns
    assert (row["outcome"], row["latency_ms"]) == ("answered", pytest.approx(1400, abs=15))
    assert row["speech_end_s"] == pytest.approx(104.6)


def test_keys_that_were_cut_short_are_no_lost_turn() -> None:
    """As a spoken line that the agent hung up on is none: no reply was due yet."""
    talked = Conversation().hears((0.8, 2.5)).presses((3.8, "1"), (4.1, "2"), (9.0, "#"))
    talked.events = [e for e in talked.events if not (isinstance(e, KeyPressed) and e.digit == "#")]
    (row,) = talked.hangs_up(5, EndCause.AGENT_HANGUP).rows().turns
    assert (row["outcome"], row["lost"]) == (None, None)
