"""Stretches of a channel, as pairs of positions: where it is loud, and what of that belongs together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from loadtest.audio.noise_floor import energy

__all__ = ["WINDOW_S", "Runs", "covered", "merge", "runs_above", "runs_of"]

WINDOW_S = 0.01

Runs = npt.NDArray[np.int64]  # shape (n, 2): first position (sample, frame), one past the last

_CHUNK = 1 << 20


def runs_above(channel: npt.NDArray[np.int16], rate: int, threshold_dbfs: float) -> Runs:
    """Stretches in which the sliding 10 ms RMS exceeds the threshold, without the window's own length."""
    window = round(WINDOW_S * rate)
    limit = energy(window, threshold_dbfs)
    closed = np.concatenate((channel, np.zeros(window, dtype=np.int16)))  # the last stretch ends as well
    flips = []
    above_before = np.zeros(1, dtype=bool)
    for start in range(0, len(closed), _CHUNK):
        # sums[i + window] - sums[i] is the energy of the window whose last sample is start + i
        lead = min(start, window - 1)
        wide = closed[start - lead : start + _CHUNK].astype(np.int64)
        sums = np.concatenate((np.zeros(window - lead, dtype=np.int64), np.cumsum(wide * wide)))
        above = np.concatenate((above_before, sums[window:] - sums[:-window] > limit))
        flips.append(np.flatnonzero(above[1:] != above[:-1]) + start)
        above_before = above[-1:]
    edges = np.concatenate(flips)
    # The trailing window exceeds the threshold until it has left the sound, window - 1 samples after the leading one.
    runs = np.stack((edges[::2], edges[1::2] - (window - 1)), axis=1)
    return runs[runs[:, 1] > runs[:, 0]]


def runs_of(flags: npt.NDArray[np.bool_]) -> Runs:
    """Stretches of True."""
    return np.flatnonzero(np.diff(flags, prepend=False, append=False)).reshape(-1, 2)


def merge(runs: Runs, most_between: int) -> Runs:
    """Runs with at most `most_between` positions between them become one."""
    if len(runs) == 0:
        return runs
    apart = np.flatnonzero(runs[1:, 0] - runs[:-1, 1] > most_between)
    first, last = np.concatenate(([0], apart + 1)), np.concatenate((apart, [len(runs) - 1]))
    return np.stack((runs[first, 0], runs[last, 1]), axis=1)


def covered(parts: Runs, wholes: Runs) -> npt.NDArray[np.int64]:
    """For each whole the samples covered by parts that begin in it."""
    covered = np.concatenate(([0], np.cumsum(parts[:, 1] - parts[:, 0])))
    before = np.searchsorted(parts[:, 0], wholes)
    return covered[before[:, 1]] - covered[before[:, 0]]
