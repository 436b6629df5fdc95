"""What the second detector takes for speech, and what not: recorded speech at every level, over every line; and what a
telephone carries besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from loadtest.audio import second_opinion as module
from loadtest.audio.edges import Segment, speech_segments
from loadtest.audio.impairments import Law, NoiseKind, add_noise, lose_packets, telephone
from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.second_opinion import Opinion, second_opinions
from loadtest.audio.wav import RATE, Samples
from loadtest.errors import AnalysisError
from tests.unit.audio.signals import Floats, amplitude, noise, shipped_lines, to_int16

VOICES = Path(module.__file__).parents[1] / "stack" / "gemini" / "voices"


@pytest.fixture(scope="module")
def speech() -> list[Floats]:
    """Every line and every reply that is shipped, from first sample of speech to last, at -20 dBFS."""
    said = [line.samples.astype(float) for line in shipped_lines()]
    for path in sorted(VOICES.glob("*.flac")):
        heard, rate = soundfile.read(path, dtype="float64")
        said.append(np.asarray(soxr.resample(heard, rate, RATE)) * 32768)
    assert len(said) > 25
    return [trimmed(sound) for sound in said]


def trimmed(sound: Floats) -> Floats:
    samples = to_int16(sound)
    level = active_level_dbfs(samples, RATE)
    spoken = speech_segments(samples, RATE)
    assert level is not None
    return sound[round(spoken[0].start_s * RATE) : round(spoken[-1].end_s * RATE)] * 10 ** ((-20.0 - level) / 20)


def channel(sounds: list[Floats], level_dbfs: float, pause_s: float = 1.5) -> tuple[Samples, list[Segment]]:
    """The sounds in digital silence, and where they are."""
    parts, where = [], []
    position = 0
    for n, sound in enumerate(sounds):
        pause = round(pause_s * RATE) + 77 * n
        start, position = position + pause, position + pause + len(sound)
        parts += [np.zeros(pause), sound]
        where.append(Segment(start / RATE, position / RATE, level_dbfs))
    samples = to_int16(np.concatenate((*parts, np.zeros(RATE))) * 10 ** ((level_dbfs + 20.0) / 20))
    return samples, where


def differences_ms(opinions: tuple[Opinion, ...], where: list[Segment]) -> Floats:
    """The second detector's onset less the known one, of every sound that it calls speech."""
    return np.array([(o.onset_s - at.start_s) * 1000 for o, at in zip(opinions, where, strict=True) if o.onset_s])


@pytest.mark.parametrize("level", [-40.0, -30.0, -20.0, -10.0, -3.0])
def test_recorded_speech_is_speech_at_every_level_and_begins_where_it_begins(
    speech: list[Floats], level: float
) -> None:
    samples, where = channel(speech, level)
    opinions = second_opinions(samples, RATE, where)
    assert all(opinion.speech for opinion in opinions)
    differences = differences_ms(opinions, where)
    assert abs(float(np.median(differences))) <= 10.0
    assert float(np.abs(differences).max()) <= 75.0


@pytest.mark.parametrize(
    "impair",
    [
        *(
            pytest.param(lambda s, kind=kind, snr=snr: add_noise(s, kind, snr, 1), id=f"{kind}-{snr}")
            for kind in (NoiseKind.WHITE, NoiseKind.PINK, NoiseKind.BABBLE)
            for snr in (20.0, 10.0, 5.0)
        ),
        *(pytest.param(lambda s, law=law: telephone(s, law), id=str(law)) for law in Law),
        *(pytest.param(lambda s, share=share: lose_packets(s, share, 1), id=f"loss-{share}") for share in (0.05, 0.2)),
    ],
)
def test_quiet_speech_is_speech_over_every_line(speech: list[Floats], impair: Callable[[Samples], Samples]) -> None:
    clean, where = channel(speech, -40.0)
    assert all(opinion.speech for opinion in second_opinions(impair(clean), RATE, where))


def test_a_short_yes_is_speech(speech: list[Floats]) -> None:
    word = next(line for line in shipped_lines() if line.name == "yes")
    for seconds in (0.3, 0.2):
        for level in (-40.0, -20.0):
            samples, where = channel([trimmed(word.samples.astype(float))[: round(seconds * RATE)]], level)
            assert second_opinions(samples, RATE, where)[0].speech


def tone(seconds: float, *hz: float) -> Floats:
    t = np.arange(round(seconds * RATE)) / RATE
    made: Floats = np.sum([np.sin(2 * np.pi * f * t) for f in hz], axis=0) * amplitude(-20.0) / len(hz) ** 0.5
    return made


def dtmf(digits: int) -> Floats:
    gap = np.zeros(round(0.08 * RATE))
    rows, columns = (697, 770, 852, 941), (1209, 1336, 1477)
    return np.concatenate([part for n in range(digits) for part in (tone(0.1, rows[n % 4], columns[n % 3]), gap)])


def click(seed: int) -> Floats:
    n = round(0.06 * RATE)
    made: Floats = noise(n, -10.0, seed) * np.exp(-np.arange(n) / (n / 5))
    return made


def strings(seconds: float, seed: int) -> Floats:
    """Chords of decaying harmonics, a beat each."""
    rng = np.random.default_rng(seed)
    beat = np.arange(round(0.6 * RATE)) / RATE
    beats: list[Floats] = []
    while len(beats) * 0.6 < seconds:
        root = 220.0 * 2 ** (int(rng.integers(0, 12)) / 12)
        notes = [root * 2 ** (step / 12) for step in (0, 4, 7)]
        chord = np.sum([np.sin(2 * np.pi * f * k * beat) / k for f in notes for k in range(1, 6)], axis=0)
        beats.append(chord * np.exp(-3 * beat))
    music = np.concatenate(beats)
    return np.asarray(music * amplitude(-20.0) / np.sqrt(np.mean(music**2)))


def no_speech() -> Iterator[tuple[str, Floats]]:
    for seconds in (0.1, 0.3, 1.0, 8.0):
        count = round(seconds * RATE)
        yield f"white {seconds}", noise(count, -20.0, 2)
        yield f"dial tone {seconds}", tone(seconds, 425.0)
        yield f"ringback {seconds}", tone(seconds, 440.0, 480.0)
        yield f"line hum {seconds}", tone(seconds, 50.0, 100.0, 150.0)
    for kind in (NoiseKind.PINK, NoiseKind.WHITE):
        yield kind, add_noise(to_int16(tone(5.0, 1000.0)), kind, 0.0, 3).astype(float) - tone(5.0, 1000.0)
    yield "dtmf", dtmf(11)
    yield from ((f"click {seed}", click(seed)) for seed in range(5))
    yield from ((f"music {seed}", strings(12.0, seed)) for seed in range(5))


@pytest.mark.parametrize("level", [-40.0, -25.0, -10.0])
def test_noise_tones_keys_clicks_and_music_are_no_speech(level: float) -> None:
    names, sounds = zip(*no_speech(), strict=True)
    opinions = second_opinions(*_judged(list(sounds), level))
    assert [name for name, opinion in zip(names, opinions, strict=True) if opinion.speech] == []


def _judged(sounds: list[Floats], level: float) -> tuple[Samples, int, list[Segment]]:
    samples, where = channel(sounds, level)
    return samples, RATE, where


def test_speech_behind_music_begins_where_the_music_ends(speech: list[Floats]) -> None:
    music = strings(3.0, 1) * 0.3
    samples, where = channel([np.concatenate((music, speech[-1]))], -20.0)
    opinion = second_opinions(samples, RATE, where)[0]
    assert opinion.onset_s is not None
    assert opinion.onset_s - where[0].start_s == pytest.approx(len(music) / RATE, abs=0.15)


def test_a_moment_of_speech_does_not_make_a_long_sound_speech(speech: list[Floats]) -> None:
    for n, sound in enumerate(speech[:8]):
        moment = sound[round(0.3 * RATE) : round(0.8 * RATE)]
        music = strings(4.0, n) * 0.05
        music[2 * RATE : 2 * RATE + len(moment)] += moment
        for alone, expected in ((moment, True), (music, False)):
            samples, where = channel([alone], -20.0)
            assert second_opinions(samples, RATE, where)[0].speech is expected, n


def hiss(seconds: float, seed: int) -> Floats:
    """Noise above 3 kHz, as of an s."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(noise(count, 0.0, seed))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    made = np.fft.irfft(spectrum * (hertz > 3000), count)
    return np.asarray(made * amplitude(-30.0) / np.sqrt(np.mean(made**2)))


@pytest.mark.parametrize(
    ("before", "apart"),
    [
        pytest.param(hiss(0.15, 1), False, id="drawn-out s"),
        pytest.param(hiss(0.3, 1), True, id="hiss too long for an s"),
        pytest.param(tone(0.15, 440.0, 480.0) * 0.2, True, id="tone"),
        pytest.param(strings(1.0, 2)[: round(0.15 * RATE)] * 0.2, True, id="music"),
    ],
)
def test_what_is_glued_to_a_word_moves_its_onset_unless_it_is_a_short_hiss(
    speech: list[Floats], before: Floats, apart: bool
) -> None:
    samples, where = channel([np.concatenate((before, sound)) for sound in speech], -20.0)
    differences = np.abs(differences_ms(second_opinions(samples, RATE, where), where))
    assert len(differences) == len(speech)
    found = float(np.mean(differences > 100.0))
    assert found >= 0.8 if apart else found <= 0.1


def test_an_onset_that_is_given_too_early_or_too_late_is_found_apart(speech: list[Floats]) -> None:
    samples, where = channel(speech, -20.0)
    for moved_s in (-0.3, -0.15, 0.15):
        given = [Segment(at.start_s + moved_s, at.end_s, at.level_dbfs) for at in where]
        differences = differences_ms(second_opinions(samples, RATE, given), given)
        assert len(differences) == len(given)
        assert float(np.median(differences)) == pytest.approx(-1000 * moved_s, abs=30)


def test_silence_in_front_of_a_channel_changes_nothing(speech: list[Floats]) -> None:
    samples, where = channel(speech[:4], -20.0)
    for count in (1, 333, 5 * RATE):
        later = [Segment(at.start_s + count / RATE, at.end_s + count / RATE, at.level_dbfs) for at in where]
        longer = np.concatenate((np.zeros(count, dtype=np.int16), samples))
        moved = second_opinions(longer, RATE, later)
        for one, other, at in zip(second_opinions(samples, RATE, where), moved, where, strict=True):
            assert one.onset_s is not None
            assert other.onset_s is not None
            assert other.onset_s - count / RATE == pytest.approx(one.onset_s, abs=0.0011), at


def test_a_candidate_at_either_end_of_the_channel_is_heard(speech: list[Floats]) -> None:
    sound = to_int16(speech[0])
    opinion = second_opinions(sound, RATE, [Segment(0.0, len(sound) / RATE, -20.0)])[0]
    assert opinion.speech
    assert opinion.onset_s == pytest.approx(0.0, abs=0.05)


def test_a_model_that_is_not_the_published_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "model.onnx"
    damaged.write_bytes(module.MODEL.read_bytes()[:-1])
    module._model.cache_clear()
    monkeypatch.setattr(module, "MODEL", damaged)
    for path in (damaged, tmp_path / "none"):
        monkeypatch.setattr(module, "MODEL", path)
        with pytest.raises(AnalysisError, match="cannot be used as the second detector"):
            second_opinions(np.zeros(RATE, dtype=np.int16), RATE, [Segment(0.0, 1.0, -20.0)])
