"""What was heard in a turn: its labels, and what they do to its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pytest

from loadtest.audio.sounds import SoundKind
from loadtest.audio.wav import RATE, Recording
from loadtest.measure.backchannels import backchannels
from loadtest.measure.speech import Span
from loadtest.record.events import TurnKind
from tests.unit.audio import scenes
from tests.unit.audio.signals import Floats, to_int16
from tests.unit.measure.build import Conversation

SENTENCES = [s for s in scenes.sentences() if 2.0 * RATE < len(s) < 3.5 * RATE]
GREETING, REPLY, OTHER = SENTENCES[-1], SENTENCES[-2], SENTENCES[-4]
WORD = next(s for s in scenes.sentences() if len(s) < 0.55 * RATE)  # "Yes."


@dataclass
class Heard(Conversation):
    """A conversation in which the agent's channel has real voices and other sounds; times from the answer."""

    put: list[tuple[float, Floats]] = field(default_factory=list)

    def sounds(self, *placed: tuple[float, Floats]) -> Self:
        self.put += placed
        return self

    def recording(self, seconds: float | None = None) -> Recording:
        right = super().recording(seconds).right.astype(float)
        for at, sound in self.put:
            start = round(at * RATE)
            right[start : start + len(sound)] += sound
        return Recording(np.zeros(len(right), np.int16), to_int16(right))


def greeted() -> Heard:
    """Its greeting is over at 3.6 s at the latest."""
    return Heard().sounds((0.5, GREETING))


def made(kind: SoundKind, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    return scenes.MAKERS[kind](rng, -20.0)


def seconds(sound: Floats) -> float:
    return len(sound) / RATE


def test_an_ordinary_call_has_no_labels() -> None:
    call = greeted().says(5, 6).sounds((7.2, REPLY)).says(13, 14).sounds((15.0, OTHER)).says_goodbye(21, 22)
    rows = call.hangs_up(22.5).rows().turns
    assert [(row["outcome"], row["labels"]) for row in rows] == [("answered", None), ("answered", None)]
    assert [row["talked_over_ms"] for row in rows] == [None, None]


@pytest.mark.parametrize("kind", [SoundKind.BREATH, SoundKind.CLICK, SoundKind.DTMF])
def test_a_sound_before_the_reply_is_no_reply(kind: SoundKind) -> None:
    call = greeted().says(5, 6).sounds((6.5, made(kind)), (8.0, REPLY)).says_goodbye(14, 15).hangs_up(15.5)
    (row,) = call.rows().turns
    assert (row["outcome"], row["labels"]) == ("answered", kind.value)
    assert row["latency_ms"] == pytest.approx(2000, abs=20)


@pytest.mark.parametrize("kind", [SoundKind.BREATH, SoundKind.CLICK, SoundKind.DTMF])
def test_a_sound_that_is_all_that_comes_is_no_reply(kind: SoundKind) -> None:
    call = greeted().says(5, 6).sounds((6.5, made(kind))).asks_again(11, 12, 0).sounds((13.0, REPLY))
    row, again = call.says_goodbye(19, 20).hangs_up(20.5).rows().turns
    assert (row["outcome"], row["lost"], row["labels"]) == ("no_reply", True, kind.value)
    assert (again["outcome"], again["labels"]) == ("answered", None)


def test_near_zero_audio_is_no_reply_also_without_a_probe() -> None:
    hushed = REPLY / 1000
    call = greeted().says(5, 6).sounds((7.0, hushed)).asks_again(11, 12, 0).sounds((13.0, REPLY))
    rows = call.says_goodbye(19, 20).hangs_up(20.5).rows()
    assert [(row["outcome"], row["lost"], row["labels"]) for row in rows.turns] == [
        ("no_reply", True, "near_zero"),
        ("answered", None, None),
    ]
    assert [(gap["kind"], gap["cause"]) for gap in rows.gaps] == [("dead_air", "unknown")]


def test_near_zero_audio_that_only_the_probe_saw() -> None:
    call = greeted().connects(0.0).says(5, 6).generates("g1", 6.8, 7.0, 8.4, 10.0).asks_again(11, 12, 0)
    call.generates("g2", 12.8, 12.9, 14.0, 15.5)
    rows = call.sounds((13.0, REPLY)).says_goodbye(19, 20).hangs_up(20.5).rows()
    assert rows.turns[0]["labels"] == "near_zero"
    assert rows.gaps[0]["cause"] == "empty_turn"


def test_an_empty_turn_and_a_lost_connection_are_not_near_zero() -> None:
    empty = greeted().connects(0.0).says(5, 6).generates("g1", 6.8, done=7.0, empty=True).asks_again(11, 12, 0)
    cut = greeted().connects(0.0).says(5, 6).generates("g1", 6.8, 7.0, done=7.1).loses(7.1).asks_again(11, 12, 0)
    for call in (empty, cut):
        rows = call.sounds((13.0, REPLY)).says_goodbye(19, 20).hangs_up(20.5).rows()
        assert (rows.turns[0]["outcome"], rows.turns[0]["labels"]) == ("no_reply", None)


def test_steady_near_zero_noise_all_along_makes_no_silence_near_zero_audio() -> None:
    floor = np.random.default_rng(1).integers(-2, 3, 20 * RATE).astype(float)
    call = greeted().sounds((0.0, floor)).says(5, 6).asks_again(11, 12, 0).sounds((13.0, REPLY)).hangs_up(20.0)
    assert call.rows().turns[0]["labels"] is None


def test_comfort_noise_is_labelled_where_the_callee_waits() -> None:
    hiss = scenes.comfort_noise(np.random.default_rng(1), -20.0)
    call = greeted().says(5, 6).sounds((6.3, hiss), (8.5, REPLY)).says(14, 15).sounds((16.0, OTHER)).hangs_up(21.0)
    assert [row["labels"] for row in call.rows().turns] == ["comfort_noise", None]


def test_a_word_within_the_line_is_a_backchannel() -> None:
    call = greeted().says(5, 9).sounds((6.5, WORD), (10.2, REPLY)).says_goodbye(16, 17).hangs_up(17.5)
    (row,) = call.rows().turns
    assert (row["outcome"], row["labels"]) == ("answered", "backchannel")
    assert row["latency_ms"] == pytest.approx(1200, abs=20)


def test_a_word_within_the_line_and_nothing_after_it_is_no_reply() -> None:
    call = greeted().says(5, 9).sounds((6.5, WORD)).asks_again(14, 15, 0).sounds((16.0, REPLY)).hangs_up(22.0)
    row = call.rows().turns[0]
    assert (row["outcome"], row["lost"], row["labels"]) == ("no_reply", True, "backchannel")


def test_a_short_word_can_be_the_reply() -> None:
    call = greeted().says(5, 6).sounds((6.5, WORD)).says(9, 10).sounds((11.0, REPLY)).hangs_up(16.0)
    row = call.rows().turns[0]
    assert (row["outcome"], row["labels"]) == ("answered", None)
    assert row["latency_ms"] == pytest.approx(500, abs=20)


@pytest.mark.parametrize("pause_s", [0.5, 1.3, 2.5])
def test_a_first_word_after_the_line_begins_the_reply(pause_s: float) -> None:
    """However long the hole is that follows it."""
    rest_s = 6.5 + seconds(WORD) + pause_s
    call = greeted().says(5, 6).sounds((6.5, WORD), (rest_s, REPLY)).says_goodbye(15, 16).hangs_up(16.5)
    rows = call.rows()
    assert rows.turns[0]["latency_ms"] == pytest.approx(500, abs=20)
    assert rows.turns[0]["labels"] == (None if pause_s < 1 else "hole")
    assert len(rows.gaps) == (pause_s > 1)


def test_backchannels_by_position() -> None:
    lines = [Span(5, 9), Span(20, 21)]

    def aside(*speech: tuple[float, float]) -> list[float]:
        return [span.start_s for span in backchannels([Span(*s) for s in speech], lines)]

    assert aside((6.5, 7.0), (10, 12)) == [6.5]
    assert aside((6.5, 7.5), (10, 12)) == []  # too long
    assert aside((5.4, 5.8), (10, 12)) == []  # the rest of what was said before the line
    assert aside((1, 4.9), (5.4, 5.8), (10, 12)) == []
    assert aside((8.8, 9.2), (10, 12)) == [8.8]  # into the end of the line, and the reply comes
    assert aside((8.8, 9.2)) == []  # nothing comes: it has talked over the line
    assert aside((10, 10.4), (11.5, 13)) == []  # the reply, with a hole
    assert aside((10, 10.4), (10.9, 13)) == []
    assert aside((10, 12), (13.2, 13.6), (14.8, 16)) == []  # in the reply
    assert aside((10, 10.4), (22, 24)) == []  # what follows answers the next line
    assert aside((3, 3.4), (4.5, 4.9)) == []  # nobody has spoken yet
    assert aside((6.5, 6.9), (7.8, 8.2), (10, 12)) == [6.5, 7.8]


def test_what_an_interrupted_agent_still_says_is_no_backchannel() -> None:
    call = greeted().says(5, 6).sounds((7.2, REPLY)).says(8.2, 13.0, TurnKind.BARGE_IN, 0).sounds((11.5, WORD))
    rows = call.sounds((14.0, OTHER)).says_goodbye(19, 20).hangs_up(20.5).rows().turns
    assert not any("backchannel" in (row["labels"] or "") for row in rows)


def test_a_sentence_said_again_is_labelled_in_its_turn() -> None:
    again_s = 7.2 + seconds(REPLY) + 2.5
    call = greeted().says(5, 6).sounds((7.2, REPLY), (again_s, REPLY)).says(18, 19).sounds((20, OTHER)).hangs_up(26.0)
    assert [row["labels"] for row in call.rows().turns] == ["hole; repeated", None]


def test_a_sentence_said_again_into_the_next_line_is_of_the_turn_before() -> None:
    over_s = 7.2 + seconds(REPLY)
    call = greeted().says(5, 6).sounds((7.2, REPLY), (over_s + 2.0, REPLY)).says(over_s + 1.3, over_s + 4.5)
    rows = call.sounds((over_s + 7, OTHER)).hangs_up(over_s + 12).rows()
    assert rows.turns[0]["labels"] == "hole; repeated"
    assert rows.gaps[0]["resumed_over_callee"]


def test_the_same_sentence_in_two_turns_is_nobodys_fault() -> None:
    call = greeted().says(5, 6).sounds((7.2, REPLY)).says(12, 13).sounds((14.2, REPLY)).hangs_up(20.0)
    assert [row["labels"] for row in call.rows().turns] == [None, None]


def test_a_second_greeting_is_labelled_in_the_re_prompt_that_it_answers_and_in_its_turn() -> None:
    call = greeted().says(5, 6).asks_again(11, 12, 0).sounds((13.0, GREETING)).says(18, 19).sounds((20.0, OTHER))
    assert [(row["outcome"], row["labels"]) for row in call.hangs_up(26.0).rows().turns] == [
        ("no_reply", "second_greeting"),
        ("answered", "second_greeting"),
        ("answered", None),
    ]


def test_a_script_turn_has_the_labels_of_its_re_prompts() -> None:
    rest_s = 13.0 + seconds(REPLY) + 2.0
    call = greeted().says(5, 6).asks_again(11, 12, 0).sounds((13.0, REPLY), (rest_s, OTHER)).says(24, 25)
    rows = call.sounds((26.0, OTHER)).hangs_up(31.0).rows().turns
    assert [(row["outcome"], row["labels"]) for row in rows] == [
        ("no_reply", "hole"),
        ("answered", "hole"),
        ("answered", None),
    ]


def test_a_first_reply_that_comes_again_later_is_no_greeting() -> None:
    """Nobody greeted: what begins the channel is a reply."""
    call = Heard().says(2, 3).sounds((4.0, REPLY)).says(9, 10).sounds((11.0, OTHER)).says(16, 17).sounds((18.0, REPLY))
    assert [row["labels"] for row in call.hangs_up(24.0).rows().turns] == [None, None, None]


def test_talking_over_a_line_is_measured_by_how_much_of_it() -> None:
    call = greeted().says(5, 9).sounds((7.5, REPLY)).says_goodbye(16, 17).hangs_up(17.5)
    (row,) = call.rows().turns
    assert (row["outcome"], row["latency_ms"], row["reply_start_s"]) == ("talked_over", None, None)
    assert row["talked_over_ms"] == pytest.approx(1500, abs=30)
