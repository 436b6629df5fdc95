"""Audio whose speech edges are known, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.wav import RATE, Line, Samples, read_line

Floats = npt.NDArray[np.float64]

LINES_DIR = Path(__file__).parents[3] / "scenarios" / "audio"


def shipped_lines() -> list[Line]:
    return [read_line(path) for path in sorted(LINES_DIR.glob("*.wav"))]


def amplitude(dbfs: float) -> float:
    """RMS in int16 steps."""
    return float(32768.0 * 10.0 ** (dbfs / 20.0))


def noise(count: int, dbfs: float, seed: int = 1) -> Floats:
    made: Floats = np.random.default_rng(seed).standard_normal(count) * amplitude(dbfs)
    return made


def to_int16(samples: Floats) -> Samples:
    clipped: Samples = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return clipped


def burst(seconds: float, dbfs: float, pitch_hz: float = 140.0) -> Floats:
    """A voiced sound with a voice's falling spectrum and syllables, from its first sample to its last.

    The harmonics' phases keep its peaks within 10 dB of its level.
    """
    t = np.arange(round(seconds * RATE)) / RATE
    harmonics = np.arange(1, int(4000 / pitch_hz))
    phases = 2 * np.pi * pitch_hz * harmonics[:, None] * t - np.pi * harmonics[:, None] ** 2 / len(harmonics)
    voice = (np.cos(phases) / harmonics[:, None] ** 0.7).sum(axis=0)
    syllables = 0.65 + 0.35 * np.cos(2 * np.pi * 4.0 * t)
    shaped: Floats = voice * syllables
    shaped *= amplitude(dbfs) / float(np.sqrt(np.mean(shaped**2)))
    return shaped


def defined_onset(samples: Samples, threshold_dbfs: float) -> int:
    """The definition of an onset sample by sample: the first whose trailing 10 ms have an RMS above the threshold."""
    window = RATE // 100
    limit = window * amplitude(threshold_dbfs) ** 2
    energy = 0.0
    for i, value in enumerate(samples.tolist()):
        energy += value * value
        if i >= window:
            energy -= int(samples[i - window]) ** 2
        if energy > limit:
            return i
    raise AssertionError("never above the threshold")


def defined_edges(line: Line) -> tuple[int, int]:
    """First sample of a line's speech and one past its last, by the definition."""
    level = active_level_dbfs(line.samples, RATE)
    assert level is not None
    mirrored = np.ascontiguousarray(line.samples[::-1])
    return defined_onset(line.samples, level - 30.0), len(mirrored) - defined_onset(mirrored, level - 30.0)
