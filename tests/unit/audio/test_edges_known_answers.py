"""How exact the speech edges are, on speech placed at known samples.

A detector whose onsets are 100 ms late, or one sample rate off, fails every test here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from loadtest.audio.edges import speech_segments
from loadtest.audio.wav import RATE, Line, Samples
from tests.accuracy.opus import through_opus
from tests.unit.audio.signals import Floats, burst, defined_edges, noise, shipped_lines, to_int16

LEVELS = (-40.0, -30.0, -20.0, -10.0, -3.0)


@dataclass(frozen=True)
class Placed:
    channel: Floats
    edges: list[tuple[int, int]]


@pytest.fixture(scope="module")
def lines() -> list[tuple[Line, tuple[int, int]]]:
    return [(line, defined_edges(line)) for line in shipped_lines()]


def place(sounds: list[tuple[Floats, tuple[int, int]]], seed: int) -> Placed:
    """The sounds one after another, at sample positions of no round number, 0.5 to 3 s apart."""
    rng = np.random.default_rng(seed)
    parts: list[Floats] = []
    edges = []
    position = 0
    for index in rng.permutation(len(sounds)).tolist():
        sound, (start, end) = sounds[index]
        pause = int(rng.integers(RATE // 2, 3 * RATE))
        edges.append((position + pause + start, position + pause + end))
        parts += [np.zeros(pause), sound]
        position += pause + len(sound)
    return Placed(np.concatenate((*parts, np.zeros(RATE))), edges)


def place_lines(lines: list[tuple[Line, tuple[int, int]]], level: float) -> Placed:
    gain = 10 ** ((level + 20.0) / 20)  # as shipped they have -20 dBFS
    return place([(line.samples.astype(float) * gain, edges) for line, edges in lines], seed=round(-level))


def place_bursts(level: float) -> Placed:
    pitches = (110.0, 140.0, 180.0, 230.0) * 4
    sounds = [burst(0.3 + 0.17 * n, level, pitch) for n, pitch in enumerate(pitches)]
    return place([(sound, (0, len(sound))) for sound in sounds], seed=round(-level))


def errors_ms(samples: Samples, edges: list[tuple[int, int]]) -> tuple[Floats, Floats]:
    """Found minus true, of the onset and the end nearest to each true one. Positive: late."""
    segments = speech_segments(samples, RATE)
    starts, ends = (np.array([getattr(s, name) for s in segments]) * RATE for name in ("start_s", "end_s"))
    onset = [float((starts - true)[np.abs(starts - true).argmin()]) for true, _ in edges]
    end = [float((ends - true)[np.abs(ends - true).argmin()]) for _, true in edges]
    return np.array(onset) * 1000 / RATE, np.array(end) * 1000 / RATE


def p95(errors: Floats) -> float:
    return float(np.percentile(np.abs(errors), 95))


@pytest.mark.parametrize("level", LEVELS)
def test_bursts_over_a_noise_floor_are_found_to_the_millisecond(level: float) -> None:
    placed = place_bursts(level)
    samples = to_int16(placed.channel + noise(len(placed.channel), -70.0))
    onset, end = errors_ms(samples, placed.edges)
    assert len(speech_segments(samples, RATE)) == len(placed.edges)
    assert p95(onset) <= 1.0
    assert p95(end) <= 1.0


@pytest.mark.parametrize("level", LEVELS)
def test_lines_over_a_noise_floor_begin_where_the_definition_says(
    lines: list[tuple[Line, tuple[int, int]]], level: float
) -> None:
    placed = place_lines(lines, level)
    onset, end = errors_ms(to_int16(placed.channel + noise(len(placed.channel), -70.0)), placed.edges)
    assert p95(onset) <= 10.0
    assert abs(float(np.median(onset))) <= 1.0
    assert abs(float(np.median(end))) <= 2.0


@pytest.mark.parametrize("level", LEVELS)
def test_bursts_20_db_above_the_noise_keep_their_edges(level: float) -> None:
    placed = place_bursts(level)
    samples = to_int16(placed.channel + noise(len(placed.channel), level - 20.0))
    onset, end = errors_ms(samples, placed.edges)
    assert len(speech_segments(samples, RATE)) == len(placed.edges)
    assert p95(onset) <= 10.0
    assert p95(end) <= 10.0


@pytest.mark.parametrize("level", [level for level in LEVELS if level < -3.0])
def test_lines_20_db_above_the_noise_lose_only_their_soft_beginnings(
    lines: list[tuple[Line, tuple[int, int]]], level: float
) -> None:
    placed = place_lines(lines, level)
    onset, _ = errors_ms(to_int16(placed.channel + noise(len(placed.channel), level - 20.0)), placed.edges)
    # An s or an h that lies under the noise cannot be heard: late, never early.
    assert 0.0 <= float(np.median(onset)) <= 10.0
    assert float(onset.min()) >= -10.0
    assert p95(onset) <= 100.0


@pytest.mark.parametrize("level", LEVELS)
def test_opus_does_not_move_the_onsets(lines: list[tuple[Line, tuple[int, int]]], level: float) -> None:
    placed = place_lines(lines, level)
    onset, end = errors_ms(through_opus(to_int16(placed.channel), 24), placed.edges)
    assert p95(onset) <= 10.0
    assert abs(float(np.median(onset))) <= 1.0
    assert abs(float(np.median(end))) <= 5.0
