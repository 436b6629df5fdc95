from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from loadtest.audio.impairments import telephone
from loadtest.audio.noise import NoiseKind, noise
from loadtest.stack.gemini import recordings
from loadtest.stack.gemini.detector import RATE, SpeechDetector, SpeechEnd, SpeechStart
from tests.unit.audio.signals import shipped_lines
from tests.unit.stack.gemini.conftest import silence, speech

Samples = NDArray[np.int16]


def recorded(name: str) -> NDArray[np.float64]:
    samples, rate = soundfile.read(recordings.FOLDER / name, dtype="float64")
    resampled: NDArray[np.float64] = soxr.resample(samples, rate, RATE)
    return resampled


def pcm(samples: NDArray[np.float64]) -> Samples:
    return np.clip(samples * 32767, -32768, 32767).astype(np.int16)


def through_opus(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """As decoded at the far end: with the codec's smear before and after the speech."""
    file = io.BytesIO()
    soundfile.write(
        file, soxr.resample(samples, RATE, 48_000), 48_000, format="OGG", subtype="OPUS", compression_level=0.7
    )
    file.seek(0)
    decoded, rate = soundfile.read(file)
    back: NDArray[np.float64] = soxr.resample(decoded, rate, RATE)
    return back[: samples.size]


def edges(samples: Samples, *, piece: int = 800, silence_ms: int = 500) -> list[SpeechStart | SpeechEnd]:
    detector = SpeechDetector(silence_ms)
    return [edge for at in range(0, samples.size, piece) for edge in detector.feed(samples[at : at + piece])]


@pytest.mark.parametrize("piece", [160, 800, 801, 48_000])
def test_edges_do_not_depend_on_the_pieces(piece: int) -> None:
    heard = np.concatenate((silence(0.4037), speech(0.7), silence(1.0)))
    assert edges(heard, piece=piece) == edges(heard, piece=heard.size)


def test_the_end_is_found_to_the_millisecond() -> None:
    for lead in (0.4, 0.4037, 0.4081):
        start, end = edges(np.concatenate((silence(lead), speech(0.7), silence(1.0))))
        assert isinstance(start, SpeechStart)
        assert isinstance(end, SpeechEnd)
        assert end.start_sample == start.at_sample == pytest.approx(lead * RATE, abs=160)
        assert end.at_sample == pytest.approx((lead + 0.7) * RATE, abs=16)


@pytest.mark.parametrize("name", ["reply-01.flac", "reply-06.flac", "greeting-03.flac"])
@pytest.mark.parametrize("gain", [1.0, 0.3])
def test_opus_moves_the_end_by_a_few_milliseconds_at_most(name: str, gain: float) -> None:
    plain = np.concatenate((np.zeros(RATE), recorded(name) * gain, np.zeros(RATE)))
    clean = edges(pcm(plain), silence_ms=800)
    coded = edges(pcm(through_opus(plain)), silence_ms=800)
    assert [type(edge) for edge in clean] == [type(edge) for edge in coded] == [SpeechStart, SpeechEnd]
    assert coded[-1].at_sample == pytest.approx(clean[-1].at_sample, abs=0.012 * RATE)


def test_steady_noise_is_not_speech_and_speech_is_heard_through_it() -> None:
    line = np.random.default_rng(5).normal(0.0, 0.003, 12 * RATE)
    assert edges(pcm(line)) == []
    begin, voice = 6 * RATE, recorded("reply-06.flac")
    line[begin : begin + voice.size] += voice
    starts = [edge.at_sample for edge in edges(pcm(line)) if isinstance(edge, SpeechStart)]
    ends = [edge.at_sample for edge in edges(pcm(line)) if isinstance(edge, SpeechEnd)]
    assert starts[-1] == pytest.approx(begin, abs=0.2 * RATE)
    assert ends[-1] == pytest.approx(begin + voice.size, abs=0.15 * RATE)


@pytest.mark.parametrize("level", [-30.0, -45.0])
@pytest.mark.parametrize("kind", list(NoiseKind))
def test_noise_that_sets_in_is_not_speech(kind: NoiseKind, level: float) -> None:
    """The callee picks up on a noisy line."""
    line = np.concatenate((np.zeros(2 * RATE), noise(kind, 8 * RATE, level, seed=3) / 32768))
    assert edges(pcm(line)) == []
    assert edges(pcm(through_opus(line))) == []
    assert edges(telephone(pcm(line))) == []


@pytest.mark.parametrize(("snr_db", "cut_ms"), [(20.0, 250), (10.0, 370)])
@pytest.mark.parametrize("kind", list(NoiseKind))
def test_lines_over_noise_that_sets_in_with_the_answer_end_where_they_can_last_be_heard(
    kind: NoiseKind, snr_db: float, cut_ms: float
) -> None:
    """The noise covers the softest sounds of an end; it never makes a line longer, or two of one."""
    lines = [line.samples for line in shipped_lines() if line.duration_s < 4.0][:8]
    pauses, ends, at = [np.zeros(round(2.3 * RATE), np.int16)], [], round(2.3 * RATE)
    for line in lines:
        ends.append(at + len(line))
        pauses += [line, np.zeros(2 * RATE, np.int16)]
        at += len(line) + 2 * RATE
    whole = np.concatenate(pauses)
    whole[2 * RATE :] += noise(kind, len(whole) - 2 * RATE, -20.0 - snr_db, seed=5)
    for path in (lambda heard: heard, telephone):
        found = [edge.at_sample for edge in edges(path(whole)) if isinstance(edge, SpeechEnd)]
        assert len(found) == len(ends)
        for end, heard in zip(ends, found, strict=True):
            assert -cut_ms / 1000 * RATE < heard - end < 0.01 * RATE


def test_end_pointing_waits_as_long_as_it_is_told() -> None:
    halves = np.concatenate((silence(0.5), speech(0.5), silence(0.6), speech(0.5), silence(1.5)))
    assert [type(edge) for edge in edges(halves, silence_ms=500)] == [SpeechStart, SpeechEnd] * 2
    assert [type(edge) for edge in edges(halves, silence_ms=700)] == [SpeechStart, SpeechEnd]


def test_a_click_in_the_pause_does_not_prolong_the_utterance() -> None:
    heard = np.concatenate((silence(0.5), speech(0.5), silence(0.3), speech(0.01, level=0.2), silence(1.0)))
    _, end = edges(heard)
    assert end.at_sample == pytest.approx(1.0 * RATE, abs=16)


def test_finish_ends_the_utterance_in_progress_only() -> None:
    detector = SpeechDetector(500)
    assert detector.finish() is None
    detector.feed(np.concatenate((silence(0.5), speech(0.5))))
    end = detector.finish()
    assert end is not None
    assert end.at_sample == pytest.approx(1.0 * RATE, abs=16)
    assert not detector.speaking
