"""What is heard between sentences in five voices and is no speech: what is missed, and what is made up."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from loadtest.audio.edges import Segment, speech_segments
from loadtest.audio.sounds import Sound, SoundKind, listen
from loadtest.audio.wav import RATE, Samples
from tests.unit.audio.scenes import LINES, Placed, Scene, click, scene, sentences
from tests.unit.audio.signals import Floats, amplitude, noise, to_int16

NEAR_S = 0.03
QUIET = ("clean", "Opus", "G.711", "2 % lost")
"""Lines without noise, which would be comfort noise."""


@cache
def heard(line: str) -> list[tuple[Scene, tuple[Segment, ...], tuple[Sound, ...]]]:
    """Scenes in which each kind of sound occurs eight times, and what is heard of them through a line."""
    kinds = [kind for kind in SoundKind for _ in range(2)]
    scenes = [scene(kinds, seed, level) for seed, level in ((1, -20.0), (2, -35.0), (3, -20.0), (4, -35.0))]
    return [(made, *listen(LINES[line](made.channel), RATE)) for made in scenes]


def beside(sound: Sound | Segment, made: Placed) -> bool:
    return sound.start_s < made.end_s + NEAR_S and sound.end_s > made.start_s - NEAR_S


def missed(line: str, kind: SoundKind) -> int:
    return sum(
        not any(sound.kind is kind and beside(sound, placed) for sound in found)
        for made, _, found in heard(line)
        for placed in made.sounds
        if placed.kind is kind
    )


@pytest.mark.parametrize("line", QUIET)
@pytest.mark.parametrize("kind", SoundKind)
def test_sounds_are_named(kind: SoundKind, line: str) -> None:
    assert missed(line, kind) <= 1  # of 8


@pytest.mark.parametrize(("line", "most"), [("noise, 20 dB", 0), ("noise, 10 dB", 4)])
def test_keys_are_heard_over_noise(line: str, most: int) -> None:
    assert missed(line, SoundKind.DTMF) <= most  # of 8


@pytest.mark.parametrize("line", LINES)
def test_nothing_is_heard_that_is_not_there(line: str) -> None:
    for made, _, found in heard(line):
        strange = [s for s in found if not any(beside(s, placed) for placed in made.sounds)]
        assert [s for s in strange if line in QUIET or s.kind is not SoundKind.COMFORT_NOISE] == []


@pytest.mark.parametrize("line", QUIET)
def test_other_sounds_take_no_part_in_speech(line: str) -> None:
    late, taken = [], []
    for made, speech, _ in heard(line):
        for placed in made.sounds:
            start_s, end_s = placed.start_s + 0.02, placed.end_s - 0.02
            taken += [placed for segment in speech if segment.start_s < end_s and segment.end_s > start_s]
            late.append(min(abs(segment.start_s - placed.next_word_s) for segment in speech))
    # Opus can fill the 60 ms between a breath and the word.
    assert len(taken) <= (1 if line == "Opus" else 0)
    # The word behind it begins where it begins; a telephone has no s.
    assert float(np.median(late)) < 0.002
    assert sum(one > 0.02 for one in late) - len(taken) <= (4 if line == "G.711" else 0)


def test_a_soft_word_is_no_breath() -> None:
    word = sentences()[-1][: RATE // 2]
    for softer in (10, 15):
        quiet = word * 10 ** (-softer / 20)
        channel = to_int16(np.concatenate((sentences()[0], np.zeros(RATE), quiet, np.zeros(RATE))))
        assert listen(channel, RATE) == (speech_segments(channel, RATE), ())


def test_speech_alone_keeps_its_edges() -> None:
    channel = to_int16(np.concatenate([np.concatenate((one, np.zeros(RATE))) for one in sentences()]))
    assert listen(channel, RATE) == (speech_segments(channel, RATE), ())


def test_a_whole_channel_of_keys_or_clicks_has_no_speech() -> None:
    rng = np.random.default_rng(5)
    tones = np.concatenate([np.concatenate((_key(n), np.zeros(RATE // 10))) for n in range(20)])
    speech, found = listen(to_int16(np.concatenate((np.zeros(RATE), tones))), RATE)
    assert speech == ()
    assert len(found) == 20
    cracks = [np.concatenate((click(rng, -20.0), np.zeros(RATE // 8))) for _ in range(20)]
    assert (
        listen(to_int16(np.concatenate((sentences()[0], np.zeros(RATE), *cracks))), RATE)[0][-1].end_s
        < len(sentences()[0]) / RATE + 0.05
    )


def _key(n: int) -> Floats:
    t = np.arange(RATE // 10) / RATE
    low, high = (697, 770, 852, 941)[n % 4], (1209, 1336, 1477)[n % 3]
    return amplitude(-18.0) * (np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t))


def test_a_channel_of_nothing_but_noise_is_comfort_noise() -> None:
    speech, found = listen(to_int16(noise(10 * RATE, -50.0)), RATE)
    assert speech == ()
    assert [sound.kind for sound in found] == [SoundKind.COMFORT_NOISE]
    assert found[0].end_s - found[0].start_s == pytest.approx(10.0, abs=0.1)


@pytest.mark.parametrize("samples", [np.zeros(0, np.int16), np.zeros(RATE, np.int16), np.ones(5, np.int16)])
def test_next_to_nothing_is_nothing(samples: Samples) -> None:
    assert listen(samples, RATE) == ((), ())


def test_sound_that_comes_and_goes_with_digital_silence_warns_of_nothing() -> None:
    hiss = noise(4 * RATE, -60.0)
    hiss[np.arange(len(hiss)) % 1600 < 960] = 0
    _, found = listen(to_int16(np.concatenate((sentences()[0], np.zeros(RATE), hiss))), RATE)
    assert {sound.kind for sound in found} <= {SoundKind.NEAR_ZERO}


def test_single_steps_that_a_decoder_leaves_are_nothing() -> None:
    made = scene((), 1).channel.copy()
    steps = np.random.default_rng(1).random(len(made)) < 0.03
    made[(made == 0) & steps] = 1
    assert listen(made, RATE)[1] == ()
