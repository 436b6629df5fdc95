"""The same words again are found, other words are not, whatever they come through."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import soxr

from loadtest.audio.repeats import Repeat, repeats
from loadtest.audio.sounds import listen
from loadtest.audio.wav import RATE, Samples
from tests.unit.audio.scenes import LINES, sentences
from tests.unit.audio.signals import Floats, to_int16

LONG = [sentence for sentence in sentences() if len(sentence) > 1.2 * RATE]
PACES = {"as it was": 1.0, "6 % slower": 1.06, "6 % faster": 0.94}


def said(*parts: Floats | float) -> Samples:
    """Sentences and silences, s, in turn."""
    return to_int16(np.concatenate([np.zeros(round(p * RATE)) if isinstance(p, float) else p for p in parts]))


def found(channel: Samples) -> list[Repeat]:
    return list(repeats(channel, RATE, listen(channel, RATE)[0]))


@pytest.mark.parametrize("line", ["clean", "Opus", "G.711", "noise, 10 dB"])
@pytest.mark.parametrize("pace", PACES)
def test_a_sentence_that_is_said_again_is_found(pace: str, line: str) -> None:
    missing = 0
    for sentence in LONG[::5]:
        again = np.asarray(soxr.resample(sentence, RATE, RATE * PACES[pace])) * 0.7
        heard = found(LINES[line](said(1.0, sentence, 2.5, again, 4.0)))  # noise is only known where there is enough
        missing += len(heard) != 1
        for one in heard:
            assert one.first_s == pytest.approx(1.0, abs=0.1)
            assert one.again_s == pytest.approx(3.5 + len(sentence) / RATE, abs=0.2)
    assert missing == 0


@pytest.mark.parametrize("line", ["clean", "Opus", "noise, 10 dB"])
def test_other_sentences_of_the_same_voice_are_not_the_same(line: str) -> None:
    """All pairs of neighbours among those of the simulator, and of a voice that says nine lines."""
    for voice in (LONG[-13:], LONG[:9]):
        parts: list[Floats | float] = []
        for sentence in voice:
            parts += [sentence, 1.5]
        channel = said(*parts)
        assert found(LINES[line](channel)) == []


def test_a_sentence_that_only_begins_in_the_same_way_is_another() -> None:
    same = 0
    for one, other in itertools.pairwise(LONG[-13:]):
        half = min(len(one), len(other)) // 2
        same += len(found(said(one[: 2 * half], 2.0, np.concatenate((one[:half], other[half : 2 * half])), 1.0)))
    assert same <= 1  # of 12


def test_a_sentence_said_three_times_is_found_each_time() -> None:
    one = LONG[-1]
    heard = found(said(LONG[-2], 2.0, one, 2.0, one, 7.0, one, 1.0))
    starts = sorted({round(time, 1) for repeat in heard for time in (repeat.first_s, repeat.again_s)})
    assert len(starts) == 3
    assert starts[0] == pytest.approx(2.0 + len(LONG[-2]) / RATE, abs=0.1)


def test_a_repetition_that_is_cut_short_is_one_and_a_word_of_it_is_none() -> None:
    one = LONG[-3]
    assert len(found(said(one, 2.0, one[: round(0.7 * len(one))], 1.0))) == 1
    assert found(said(one, 2.0, one[: RATE // 2], 1.0)) == []


def test_only_what_begins_the_channel_is_looked_for_later_than_ten_seconds() -> None:
    first, other = LONG[-1], LONG[-2]
    assert len(found(said(first, 2.0, other, 12.0, first, 1.0))) == 1
    assert found(said(LONG[-4], 2.0, other, 12.0, other, 1.0)) == []
