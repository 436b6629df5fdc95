from __future__ import annotations

import numpy as np
import pytest

from loadtest.audio.activity import SpeechActivity
from loadtest.audio.wav import RATE
from tests.unit.audio.signals import Floats, burst, noise, shipped_lines, to_int16


def follow(audio: Floats, frame_ms: int = 10) -> list[tuple[float, SpeechActivity, bool]]:
    """Feeds all of it; (stream time, detector, speaking) after each change."""
    activity, changes, speaking = SpeechActivity(), [], False
    samples, step = to_int16(audio), frame_ms * RATE // 1000
    for start in range(0, len(samples), step):
        if activity.feed(samples[start : start + step]) != speaking:
            speaking = activity.speaking
            changes.append((activity.stream_s, activity, speaking))
    return changes


def silence(seconds: float) -> Floats:
    return np.zeros(round(seconds * RATE))


@pytest.mark.parametrize("frame_ms", [10, 20])
@pytest.mark.parametrize("level", [-40, -20, -6])
def test_speech_is_noticed_within_60_ms_and_its_end_within_the_hangover(frame_ms: int, level: float) -> None:
    changes = follow(np.concatenate((silence(1.0), burst(1.5, level), silence(1.0))), frame_ms)

    (started, activity, began), (ended, _, still) = changes
    assert (began, still) == (True, False)
    assert started == pytest.approx(1.06, abs=0.02)
    assert ended == pytest.approx(2.7, abs=0.04)
    assert activity.onset_s == pytest.approx(1.0, abs=0.02)
    assert activity.silence_s == pytest.approx(1.0, abs=0.03)


def test_silence_counts_from_the_start_of_the_stream_until_somebody_speaks() -> None:
    activity = SpeechActivity()
    for _ in range(50):
        assert not activity.feed(np.zeros(320, dtype=np.int16))
    assert activity.silence_s == activity.stream_s == 1.0
    assert activity.onset_s is None


def test_silence_is_zero_during_speech_and_pauses_in_it_do_not_end_it() -> None:
    activity = SpeechActivity()
    audio = to_int16(np.concatenate((burst(0.5, -20), silence(0.15), burst(0.5, -20))))
    spoken = [activity.feed(audio[start : start + 160]) for start in range(0, len(audio), 160)]
    assert all(spoken[10:])
    assert activity.silence_s == 0.0
    assert activity.onset_s == 0.0


def test_a_second_utterance_has_its_own_onset() -> None:
    changes = follow(np.concatenate((burst(1.0, -20), silence(2.0), burst(1.0, -20), silence(1.0))))
    assert [began for _, _, began in changes] == [True, False, True, False]
    assert changes[-1][1].onset_s == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize(
    "audio",
    [
        pytest.param(silence(3.0), id="digital silence"),
        pytest.param(noise(3 * RATE, -60.0), id="comfort noise"),
        pytest.param(np.concatenate((silence(1.0), burst(0.03, -6), silence(1.0))), id="click"),
        pytest.param(np.concatenate([np.concatenate((burst(0.01, -6), silence(0.09)))] * 20), id="crackle"),
        pytest.param(burst(2.0, -60), id="near-zero audio"),
    ],
)
def test_what_is_no_speech_starts_nothing(audio: Floats) -> None:
    assert follow(audio) == []


def test_it_gets_used_to_a_noisy_line() -> None:
    speech = np.concatenate((silence(15.0), burst(2.0, -15), silence(3.0)))
    changes = follow(speech + noise(len(speech), -40.0))
    assert changes[-1][2] is False
    assert changes[-1][1].onset_s == pytest.approx(15.0, abs=0.02)
    assert changes[-1][0] == pytest.approx(17.2, abs=0.05)


def test_it_follows_every_shipped_line_without_a_break_long_enough_to_take_the_floor() -> None:
    for line in shipped_lines():
        activity = SpeechActivity()
        longest_pause, started = 0.0, False
        padded = np.concatenate((line.samples, np.zeros(RATE, dtype=np.int16)))
        for start in range(0, len(line.samples) - len(line.samples) % 160, 160):
            started = activity.feed(padded[start : start + 160]) or started
            longest_pause = max(longest_pause, activity.silence_s if started else 0.0)
        assert started, line.name
        assert longest_pause < 0.4, line.name
