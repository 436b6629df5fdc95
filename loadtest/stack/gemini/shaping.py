"""Recorded speech made fit for known truths: without long pauses, broken off, and known where it is loud."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Samples", "broken_off", "loud_frames", "without_pauses"]

Samples = NDArray[np.int16]

FRAME_S = 0.01
SPEECH_BELOW_PEAK = 10**-2.5
PAUSE_BELOW_ACTIVE = 10**-2.5
"""Higher than what any listener would call the end of speech, so that what is no pause here is none there."""
LOUD_BELOW_ACTIVE = 10**-1.0
FADE_S = 0.01


def without_pauses(samples: Samples, rate: int, longest_ms: float) -> Samples:
    """The middle of every longer pause cut out."""
    frame = round(rate * FRAME_S)
    quiet = _power(samples, frame) < _active(samples, frame) * PAUSE_BELOW_ACTIVE
    most = max(2, round(longest_ms / 1000 / FRAME_S))
    keep = np.ones(len(samples), dtype=bool)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], quiet, [False])).astype(np.int8)))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if end - start > most:
            keep[(start + most // 2) * frame : (end - (most - most // 2)) * frame] = False
    return samples[keep]


def broken_off(samples: Samples, rate: int, after_ms: float) -> Samples:
    """At most so much of it, faded out; it ends amid loud speech, so that its end is sharp."""
    most = round(rate * after_ms / 1000)
    if len(samples) <= most:
        return samples
    frame = round(rate * FRAME_S)
    loud = np.flatnonzero(loud_frames(samples[:most], rate))
    cut = samples[: (int(loud[-1]) + 1) * frame].copy() if loud.size else samples[:most].copy()
    fade = round(rate * FADE_S)
    cut[-fade:] = (cut[-fade:] * np.linspace(1.0, 0.0, fade)).astype(np.int16)
    return cut


def loud_frames(samples: Samples, rate: int) -> NDArray[np.bool_]:
    """For each whole 10 ms whether speech is loud there."""
    frame = round(rate * FRAME_S)
    loud: NDArray[np.bool_] = _power(samples, frame) > _active(samples, frame) * LOUD_BELOW_ACTIVE
    return loud


def _power(samples: Samples, frame: int) -> NDArray[np.float64]:
    whole = samples[: len(samples) // frame * frame].astype(np.float64).reshape(-1, frame)
    power: NDArray[np.float64] = np.square(whole).mean(axis=1)
    return power


def _active(samples: Samples, frame: int) -> float:
    power = _power(samples, frame)
    return float(power[power >= power.max() * SPEECH_BELOW_PEAK].mean())
