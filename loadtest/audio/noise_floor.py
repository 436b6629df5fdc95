"""How loud the noise of a channel is, and how loud it gets: from what lies between the speech.

Levels of 10 ms, as sums of integers: the same samples give the same levels on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.audio.p56 import FULL_SCALE

__all__ = [
    "FRAME_S",
    "SILENT",
    "NoiseFloor",
    "Powers",
    "energy",
    "frame_powers",
    "level_dbfs",
    "noise_floor",
    "noise_frames",
]

Powers = npt.NDArray[np.int64]  # sums of squares

FRAME_S = 0.01
SMOOTH = 10
"""Frames: noise, babble included, is nearly the same from one 100 ms to the next; speech isn't."""
QUIET_SHARE = 0.1
"""At least this share of a channel with noise is nothing but noise."""
WITHIN_DB = 6.0
"""Noise does not leave its own quietest level by more than this."""
GUARD = 20
"""Frames: noise is measured this far from anything louder (the hangover of P.56), ..."""
LEAST = 30
"""... and only where there are so many frames of it."""
NEAR_LOUD_DB = 5.0
LEAST_LOUD = 500
"""Frames that there must be of noise which is this much louder than what may be taken for it anyway."""
PEAK_SHARE = 0.02
"""The loudest frames, which say how loud noise gets."""

LEAST_MARGIN_DB = 2.0
PEAK_MARGIN_DB = 1.0

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """Levels of 10 ms of noise, dBFS."""

    median_dbfs: float
    peak_dbfs: float
    """Exceeded by two frames in a hundred."""

    @property
    def exceeded_dbfs(self) -> float:
        """What exceeds this is no noise."""
        return max(self.median_dbfs + LEAST_MARGIN_DB, self.peak_dbfs + PEAK_MARGIN_DB)


SILENT = NoiseFloor(-math.inf, -math.inf)


def frame_powers(channel: npt.NDArray[np.int16], rate: int) -> Powers:
    """Sums of squares of the channel's whole 10 ms frames."""
    frame = round(FRAME_S * rate)
    count = len(channel) // frame
    powers = np.empty(count, dtype=np.int64)
    for start in range(0, count, _CHUNK // frame):
        wide = channel[start * frame : min(count, start + _CHUNK // frame) * frame].astype(np.int64)
        powers[start : start + len(wide) // frame] = (wide * wide).reshape(-1, frame).sum(axis=1)
    return powers


def noise_frames(powers: Powers, rate: int, loud_dbfs: float) -> npt.NDArray[np.bool_]:
    """For each frame, whether it is nothing but noise; none, if there are too few that are.

    loud_dbfs: what exceeds this is no noise where noise cannot be told by its own level.
    """
    quiet = _away_from(_louder_than_the_quietest(powers))
    enough = LEAST
    if quiet.any() and quantile(powers[quiet], 0.5) > energy(round(FRAME_S * rate), loud_dbfs + NEAR_LOUD_DB):
        enough = LEAST_LOUD  # a word by itself is as steady for a moment
    if quiet.sum() < enough:
        quiet = _away_from(powers > energy(round(FRAME_S * rate), loud_dbfs))
    return quiet if quiet.sum() >= LEAST else np.zeros(len(powers), dtype=bool)


def noise_floor(noise: Powers, rate: int) -> NoiseFloor:
    """Of frames that are nothing but noise; SILENT if there are none, or if they are digital silence."""
    if len(noise) == 0:
        return SILENT
    frame = round(FRAME_S * rate)
    return NoiseFloor(level_dbfs(quantile(noise, 0.5), frame), level_dbfs(quantile(noise, 1.0 - PEAK_SHARE), frame))


def quantile(powers: Powers, share: float) -> int:
    """The power that this share of the frames does not exceed."""
    at = min(int(share * len(powers)), len(powers) - 1)
    return int(np.partition(powers, at)[at])


def energy(samples: int, dbfs: float) -> float:
    """Sum of squares of so many samples at that RMS level."""
    return samples * FULL_SCALE**2 * math.pow(10.0, dbfs / 10.0)


def level_dbfs(squares: int, samples: int) -> float:
    """RMS level of so many samples with that sum of squares."""
    return 10.0 * math.log10(squares / (samples * FULL_SCALE**2)) if squares else -math.inf


def _louder_than_the_quietest(powers: Powers) -> npt.NDArray[np.bool_]:
    """For each frame, whether the 100 ms round it stand out of the quietest tenth of the channel."""
    if len(powers) < 2 * SMOOTH:
        return np.ones(len(powers), dtype=bool)
    sums = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(powers)))
    smooth = sums[SMOOTH:] - sums[:-SMOOTH]
    quietest = quantile(smooth, QUIET_SHARE)
    before = SMOOTH // 2
    padded = np.concatenate((np.full(before, smooth[0]), smooth, np.full(SMOOTH - 1 - before, smooth[-1])))
    return np.asarray(padded > quietest * math.pow(10.0, WITHIN_DB / 10.0))


def _away_from(loud: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Frames without anything loud within GUARD frames on either side."""
    seen = np.concatenate((np.zeros(GUARD + 1, dtype=np.int64), np.cumsum(loud)))
    seen = np.concatenate((seen, np.full(GUARD, seen[-1])))
    return np.asarray(seen[2 * GUARD + 1 :] == seen[: -2 * GUARD - 1])
