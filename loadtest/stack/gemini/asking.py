"""Knows the line that asks for the agent's tool by its sound: levels of five bands over time, held against recordings.

The comparison takes no notice of gain, of steady noise or of the telephone's band. It shares nothing with
`loadtest.audio`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
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

    def is_in(self, heard: Samples) -> bool:
        """Whether an utterance is one of the recordings. heard: 16 kHz, from before its speech to its end."""
        if not self.patterns or heard.size < WINDOW:
            return False
        levels = _levels(heard)
        return any(_likeness(pattern, levels) >= ALIKE for pattern in self.patterns)


def _likeness(pattern: Levels, levels: Levels) -> float:
    """The best correlation, -1 to 1, with the pattern's end near that of what was heard; silence around it."""
    near, length = round(AT_THE_END_S * RATE / HOP), len(pattern)
    before, behind = (np.full((count, levels.shape[1]), levels.min()) for count in (length, 2 * near))
    extended = np.concatenate((before, levels, behind))
    ends = len(before) + len(levels)
    best = -1.0
    for end in range(max(length, ends - near), len(extended) + 1):
        window = extended[end - length : end] - extended[end - length : end].mean(axis=0)
        power = float(np.square(window).sum())
        if power > 0.0:
            best = max(best, float((pattern * window).sum()) / (float(np.square(pattern).sum()) * power) ** 0.5)
    return best


def _levels(samples: Samples) -> Levels:
    """dB of each band in each frame, at most RANGE_DB below the loudest."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64) / 32768.0, WINDOW)[::HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)))
    hertz = np.fft.rfftfreq(WINDOW, 1.0 / RATE)
    bands = [power[:, (hertz >= low) & (hertz < high)].sum(axis=1) for low, high in pairwise(BAND_EDGES_HZ)]
    levels: Levels = 10.0 * np.log10(np.stack(bands, axis=1) + 1e-9)
    loudest = float(np.percentile(levels.max(axis=1), 95))
    return np.maximum(levels, loudest - RANGE_DB)
