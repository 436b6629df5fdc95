"""What counts as speech, and what the edges do not depend on. How exact they are: test_edges_known_answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.audio import runs
from loadtest.audio.edges import Segment, speech_segments
from loadtest.audio.wav import RATE, Samples
from tests.unit.audio.signals import Floats, burst, noise, shipped_lines, to_int16


def silence(seconds: float) -> Floats:
    return np.zeros(round(seconds * RATE))


def positions(segments: tuple[Segment, ...]) -> list[tuple[int, int]]:
    return [(round(s.start_s * RATE), round(s.end_s * RATE)) for s in segments]


def conversation(seed: int = 3) -> Samples:
    """Two lines and a burst with pauses, on a line with some noise."""
    one, *_, two = shipped_lines()
    said = (one.samples.astype(float), two.samples.astype(float), burst(0.8, -25))
    audio = np.concatenate((silence(1.0), said[0], silence(2.0), said[1], silence(1.2), said[2], silence(0.7)))
    return to_int16(audio + noise(len(audio), -65.0, seed))


CONVERSATION = conversation()


@settings(max_examples=30)
@given(shift=st.integers(0, 3 * RATE))
def test_silence_in_front_moves_the_edges_by_its_length_and_changes_nothing_else(shift: int) -> None:
    still = speech_segments(CONVERSATION, RATE)
    moved = speech_segments(np.concatenate((np.zeros(shift, dtype=np.int16), CONVERSATION)), RATE)
    assert len(still) == 3
    assert positions(moved) == [(start + shift, end + shift) for start, end in positions(still)]
    assert [segment.level_dbfs for segment in moved] == [segment.level_dbfs for segment in still]


@settings(max_examples=30)
@given(gain_db=st.floats(-18.0, 0.0))
def test_gain_does_not_move_the_edges(gain_db: float) -> None:
    gain = 10 ** (gain_db / 20)
    full = np.concatenate((silence(1.0), *(burst(0.6, -12, hz) for hz in (120, 180)), silence(1.0), burst(1.0, -15)))
    expected = positions(speech_segments(to_int16(full), RATE))
    scaled = positions(speech_segments(to_int16(full * gain), RATE))
    assert len(expected) == len(scaled) == 2
    assert np.abs(np.array(expected) - np.array(scaled)).max() <= RATE // 1000


@settings(max_examples=50)
@given(seconds=st.floats(0.0, 12.0), level=st.floats(-100.0, -52.0), seed=st.integers(0, 100))
def test_silence_and_faint_noise_hold_no_speech(seconds: float, level: float, seed: int) -> None:
    assert speech_segments(to_int16(noise(round(seconds * RATE), level, seed)), RATE) == ()


@given(samples=st.lists(st.integers(-32768, 32767), max_size=400))
def test_any_samples_at_all_give_ordered_segments_within_the_channel(samples: list[int]) -> None:
    segments = speech_segments(np.array(samples * 20, dtype=np.int16), RATE)
    ends = [0.0] + [edge for s in segments for edge in (s.start_s, s.end_s)] + [len(samples) * 20 / RATE]
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    "audio",
    [
        pytest.param(silence(5.0), id="digital silence"),
        pytest.param(silence(0.0), id="nothing"),
        pytest.param(np.concatenate((silence(2.0), burst(3.0, -60), silence(2.0))), id="near-zero audio"),
        pytest.param(np.concatenate((silence(1.0), np.full(20, 30000.0), silence(1.0))), id="click"),
        pytest.param(np.concatenate((silence(1.0), burst(0.01, -10), silence(1.0))), id="tick"),
        pytest.param(noise(20 * RATE, -30.0), id="hiss"),
        pytest.param(10000 * np.sin(2 * np.pi * 425 * np.arange(20 * RATE) / RATE), id="tone"),
    ],
)
def test_what_nobody_would_call_speech_is_none(audio: Floats) -> None:
    assert speech_segments(to_int16(audio), RATE) == ()


def test_near_zero_audio_is_no_speech_beside_speech_either() -> None:
    audio = np.concatenate((burst(2.0, -20), silence(2.0), burst(3.0, -60), silence(2.0), burst(2.0, -20)))
    assert positions(speech_segments(to_int16(audio), RATE)) == [(0, 32000), (144000, 176000)]


@pytest.mark.parametrize("ms_before", [60, 120, 190, 400])
def test_a_click_before_speech_does_not_draw_its_onset_forward(ms_before: int) -> None:
    audio = np.concatenate((silence(2.0), burst(2.0, -20), silence(1.0)))
    click = 2 * RATE - ms_before * RATE // 1000
    audio[click : click + 40] = 15000.0
    ((start, end),) = positions(speech_segments(to_int16(audio), RATE))
    assert (start, end) == (2 * RATE, 4 * RATE)


@pytest.mark.parametrize(
    ("ms_after", "ms", "released"), [(60, 8, True), (95, 12, True), (60, 2, False), (130, 8, False)]
)
def test_a_stop_that_is_released_is_the_end_of_speech_and_a_click_is_not(
    ms_after: int, ms: int, released: bool
) -> None:
    audio = np.concatenate((silence(1.0), burst(1.0, -20), silence(1.0)))
    begins = 2 * RATE + ms_after * RATE // 1000
    ends = begins + ms * RATE // 1000
    audio[begins:ends] = noise(ends - begins, -28.0)
    ((start, end),) = positions(speech_segments(to_int16(audio), RATE))
    assert start == RATE
    assert abs(end - (ends if released else 2 * RATE)) <= 2


@pytest.mark.parametrize(("pause_ms", "count"), [(80, 1), (190, 1), (210, 2), (900, 2)])
def test_pauses_up_to_the_limit_are_inside_a_segment(pause_ms: int, count: int) -> None:
    audio = to_int16(np.concatenate((silence(0.5), burst(1.0, -20), silence(pause_ms / 1000), burst(1.0, -20))))
    assert len(speech_segments(audio, RATE)) == count
    assert len(speech_segments(audio, RATE, min_gap_ms=60.0)) == 2
    assert len(speech_segments(audio, RATE, min_gap_ms=1000.0)) == 1


@pytest.mark.parametrize(("ms", "found"), [(30, False), (45, False), (90, True), (150, True)])
def test_a_sound_is_speech_only_if_it_lasts(ms: int, found: bool) -> None:
    audio = np.concatenate((burst(2.0, -20), silence(1.0), burst(ms / 1000, -20), silence(1.0)))
    assert len(speech_segments(to_int16(audio), RATE)) == 1 + found


def test_the_level_is_that_of_the_segment() -> None:
    audio = np.concatenate((silence(1.0), burst(1.0, -12), silence(1.0), burst(1.0, -24)))
    loud, soft = speech_segments(to_int16(audio), RATE)
    assert loud.level_dbfs == pytest.approx(-12.0, abs=0.1)
    assert soft.level_dbfs == pytest.approx(-24.0, abs=0.1)
    assert soft.duration_s == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("chunk", [161, 1000, 4096])
def test_edges_do_not_depend_on_how_much_is_worked_on_at_once(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = speech_segments(CONVERSATION, RATE)
    monkeypatch.setattr(runs, "_CHUNK", chunk)
    assert speech_segments(CONVERSATION, RATE) == expected
