"""Knows the line that asks for the agent's tool by its sound: levels of five bands over time, held against recordings.

The comparison takes no notice of gain, of steady noise or of the telephone's band. It shares nothing with
`loadtest.audio`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from loadtest.stack.gemini.detector import RATE

__all__ = ["Asking"]

Samples = NDArray[np.int16]
Levels = NDArray[np.float64]

HOP = RATE // 100
WINDOW = 2 * HOP
BAND_EDGES_HZ = (300, 600, 1000, 1600, 2400, 3400)
"""Bands that every telephone passes."""
RANGE_DB = 20.0
"""What is softer than the loudest by more counts as silence: noise at 10 dB covers no more of the pattern than that."""
AROUND_S = 0.3
"""Silence before and behind a recording is part of what it is known by: it isn't found within another line."""
AT_THE_END_S = 0.6
"""How far its end may lie from where the utterance was found to end."""
ALIKE = 0.85
"""Correlation. Through telephone, Opus, loss of 5 % and babble at 10 dB, shipped lines have 0.95 and more with
themselves, 0.75 and less with each other."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The recordings that ask for the tool, as levels (frames of 10 ms, bands), their mean taken out."""

    patterns: tuple[Levels, ...] = ()

    @classmethod
    def of(cls, recordings: Iterable[Samples]) -> Asking:
        """recordings: 16 kHz mono; any gain."""
        around = np.zeros(round(AROUND_S * RATE), dtype=np.int16)
        levels = (_levels(np.concatenate((around, samples, around))) for samples in recordings)
        return cls(tuple(each - each.mean(axis=0) for each in levels))

    @classmethod
    def read(cls, files: Iterable[Path]) -> Asking:
        """files: WAV."""
        return cls.of(soundfile.read(file, dtype="int16")[0] for file in files)

    def is_in(self, heard: Samples) -> bool:
        """Whether an utterance is one of the recordings. heard: 16 kHz, from before its speech to its end."""
        return bool(self.found_in(heard))

    def found_in(self, heard: Samples) -> list[int]:
        """Which of the recordings, from 0, an utterance is."""
        if not self.patterns or heard.size < WINDOW:
            return []
        levels = _levels(heard)
        return [number for number, pattern in enumerate(self.patterns) if _likeness(pattern, levels) >= ALIKE]


def _likeness(pattern: Levels, levels: Levels) -> float:
    """The best correlation, -1 to 1, with the pattern's end near that of what was heard; silence around it."""
    near, length = round(AT_THE_END_S * RATE / HOP), len(pattern)
    silence = np.full((length + 2 * near, levels.shape[1]), levels.min())
    padded = np.concatenate((silence, levels, silence[: 2 * near]))[-(length + 3 * near) :]
    windows = np.lib.stride_tricks.sliding_window_view(padded, length, axis=0)
    # The pattern's mean is zero, so that of the window makes no difference to the product.
    products = np.einsum("wbf,fb->w", windows, pattern)
    powers = np.einsum("wbf,wbf->w", windows, windows) - length * np.square(windows.mean(axis=2)).sum(axis=1)
    norms = np.sqrt(np.maximum(powers, 1e-9) * np.square(pattern).sum())
    return float(np.max(products / norms, initial=-1.0, where=norms > 1e-3))


def _levels(samples: Samples) -> Levels:
    """dB of each band in each frame, at most RANGE_DB below the loudest."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64) / 32768.0, WINDOW)[::HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)))
    hertz = np.fft.rfftfreq(WINDOW, 1.0 / RATE)
    bands = [power[:, (hertz >= low) & (hertz < high)].sum(axis=1) for low, high in pairwise(BAND_EDGES_HZ)]
    levels: Levels = 10.0 * np.log10(np.stack(bands, axis=1) + 1e-9)
    loudest = float(np.percentile(levels.max(axis=1), 95))
    return np.maximum(levels, loudest - RANGE_DB)
