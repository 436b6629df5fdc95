"""The edges of speech in a noisy channel, once more, band by band: a soft h or a released t stands out in one of them.

The noise of each band is measured where that of the whole channel was. What exceeds it, and is near enough to speech
that was found, belongs to that speech. Filters have whole coefficients: the same samples give the same edges.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from loadtest.audio.noise_floor import frame_powers, noise_floor
from loadtest.audio.runs import Runs, merge, runs_above

__all__ = ["prolonged"]

BANDS_HZ = ((200.0, 1000.0), (1000.0, 3000.0), (3000.0, 7500.0))
HALF_TAPS = 24
"""At 16 kHz 1.5 ms: the filters hardly smear an edge."""
_UNIT = 1 << 14

CLOSURE_S = 0.05
LEAST_S = 0.015
"""What stands closer together than the first is one sound; shorter than the second it is chance."""
REACH_S = 0.1
"""What is as near to speech belongs to it, ..."""
FARTHEST_S = 0.2
"""... but moves its edge by no more than this."""


def prolonged(
    channel: npt.NDArray[np.int16], rate: int, speech: Runs, noise: npt.NDArray[np.bool_], lowest_dbfs: float
) -> Runs:
    """The speech (in order, apart from each other) with what belongs to it in any band; parts may meet.

    noise: for each 10 ms frame of the channel, whether it is nothing but noise. lowest_dbfs: nothing softer is speech.
    """
    found = [speech]
    for taps in _filters(rate):
        band = np.rint(np.convolve(channel, taps)[HALF_TAPS:-HALF_TAPS] / _UNIT)
        samples = np.clip(band, -32768, 32767).astype(np.int16)
        floor = noise_floor(frame_powers(samples, rate)[noise], rate)
        found.append(runs_above(samples, rate, max(floor.exceeded_dbfs, lowest_dbfs)))
    sounds = merge(_in_order(np.concatenate(found)), round(CLOSURE_S * rate))
    sounds = sounds[sounds[:, 1] - sounds[:, 0] >= round(LEAST_S * rate)]
    whole = merge(sounds, round(REACH_S * rate))
    around = whole[np.searchsorted(whole[:, 0], speech[:, 0], side="right") - 1]
    farthest = round(FARTHEST_S * rate)
    starts = np.maximum(around[:, 0], speech[:, 0] - farthest)
    ends = np.minimum(around[:, 1], speech[:, 1] + farthest)
    return np.stack((starts, ends), axis=1)


def _in_order(runs: Runs) -> Runs:
    """Overlapping runs, in the order of their starts, each at least as long as all before it reach."""
    ordered = runs[np.argsort(runs[:, 0], kind="stable")]
    ordered[:, 1] = np.maximum.accumulate(ordered[:, 1])
    return ordered


@cache
def _filters(rate: int) -> tuple[npt.NDArray[np.float64], ...]:
    """Linear-phase band-passes, windowed sinc (Hamming); sums of products with int16 are exact."""
    n = np.arange(-HALF_TAPS, HALF_TAPS + 1)
    window = np.hamming(2 * HALF_TAPS + 1)
    made = []
    for low, high in BANDS_HZ:
        ideal = 2 * high / rate * np.sinc(2 * high / rate * n) - 2 * low / rate * np.sinc(2 * low / rate * n)
        made.append(np.rint(_UNIT * ideal * window))
    return tuple(made)
