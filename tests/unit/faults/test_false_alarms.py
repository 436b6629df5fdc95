"""What counts as a false alarm in a call to which nothing happened."""

from __future__ import annotations

from loadtest.measure.speech import Span
from loadtest.measure.tables import CallRows
from tests.faults.judge import cracks, false_alarms


def rows(labels: str | None) -> CallRows:
    """A call of two turns; the first has these labels."""
    turn = {"kind": "script", "outcome": "answered", "close_id": None}
    return CallRows(
        calls=[{"outcome": "completed", "greeting_s": 1.0}],
        turns=[
            {**turn, "turn": 0, "speech_start_s": 5.0, "labels": labels},
            {**turn, "turn": 1, "speech_start_s": 10.0, "labels": None},
        ],
        gaps=[],
        closes=[],
        connections=[],
    )


def test_any_label_is_one() -> None:
    assert false_alarms(rows(None)) == []
    assert false_alarms(rows("click; hole")) == ["turn 0: click", "turn 0: hole"]


def test_a_crack_is_none_if_the_agent_stood_still_in_that_turn() -> None:
    assert false_alarms(rows("click; hole"), [Span(8.0, 8.2)]) == ["turn 0: hole"]
    assert cracks(rows("click; hole"), [Span(8.0, 8.2)]) == [0]
    assert false_alarms(rows("click"), [Span(11.0, 11.2)]) == ["turn 0: click"]
    assert cracks(rows("click"), [Span(4.0, 4.2), Span(11.0, 11.2)]) == []
