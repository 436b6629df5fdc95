"""Where speech begins and ends in a channel: the offline detector that every reported latency and gap rests on.

Speech lasts from the first sample whose trailing 10 ms exceed the threshold (that sample completes the window, so an
abrupt beginning is found to the sample) to the last one whose leading 10 ms do. The threshold is the active speech
level (ITU-T P.56) of the whole channel minus 30 dB, but never within NOISE_MARGIN_DB of the noise. What exceeds it is
speech only if it also comes near the active level for long enough; clicks, comfort noise and near-zero audio do not.
The decision waits for that evidence, the edge is dated back to the first sample.

Energies are sums of integers, hence exact: the same samples give the same edges on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtest.audio.noise_floor import (
    FRAME_S,
    Powers,
    energy,
    frame_powers,
    level_dbfs,
    noise_floor,
    quantile,
)
from loadtest.audio.p56 import active_level_dbfs

__all__ = ["Segment", "speech_segments"]

WINDOW_S = 0.01
BELOW_ACTIVE_DB = 30.0
LOWEST_THRESHOLD_DBFS = -75.0
"""Nothing softer is ever part of speech, however quiet the channel."""

EVIDENCE_BELOW_ACTIVE_DB = 15.0
LOWEST_EVIDENCE_DBFS = -50.0
"""Nothing that stays below it is speech: neither comfort noise nor replies of near-zero audio."""
EVIDENCE_S = 0.06
"""Time above the evidence level that makes a segment speech."""

LEAST_MARGIN_DB = 2.0
PEAK_MARGIN_DB = 1.0
"""The threshold lies this far over the median of the noise, and over what it hardly ever exceeds."""
EVIDENCE_OVER_NOISE_DB = 3.0
STEADY_DB = 8.0
"""Speech spends more than a tenth of its time this far below its active level; hum, hiss and tones do not."""
STEADY_LEAST_S = 5.0

CLOSURE_S = 0.05
"""A stop consonant is silent for about as long: what stands this close together is one sound, ..."""
BLIP_S = 0.015
"""... and a sound shorter than this is a click that must not extend the speech beside it, ..."""
RELEASE_S = 0.005
RELEASED_WITHIN_S = 0.1
"""... unless it is how a stop consonant at the end of speech is released: so long, and so soon after it."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech, in seconds from the channel's first sample; `end_s` is exclusive."""

    start_s: float
    end_s: float
    level_dbfs: float
    """RMS level from start to end; 0 dBFS is a full-scale square wave."""

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


_Runs = npt.NDArray[np.int64]  # shape (n, 2): first sample, one past the last


def speech_segments(samples: npt.NDArray[np.int16], rate: int, *, min_gap_ms: float = 200.0) -> tuple[Segment, ...]:
    """The speech in one channel (int16, `rate` in Hz), in order; silences up to `min_gap_ms` are inside a segment.

    Empty if the channel holds no speech. Pass a whole call: the active speech level is taken over all of it.
    """
    heard = samples != 0
    if not heard.any():
        return ()
    # From the first sample that is not zero, so that silence added in front moves the edges and changes nothing else.
    offset = int(heard.argmax())
    channel = samples[offset : len(samples) - int(heard[::-1].argmax())]
    active = active_level_dbfs(channel, rate)
    if active is None:
        return ()
    powers = frame_powers(channel, rate)
    noise = noise_floor(powers, rate, active - EVIDENCE_BELOW_ACTIVE_DB)
    over_noise = max(noise.median_dbfs + LEAST_MARGIN_DB, noise.peak_dbfs + PEAK_MARGIN_DB)
    threshold = max(active - BELOW_ACTIVE_DB, over_noise, LOWEST_THRESHOLD_DBFS)
    evidence = max(active - EVIDENCE_BELOW_ACTIVE_DB, over_noise + EVIDENCE_OVER_NOISE_DB, LOWEST_EVIDENCE_DBFS)

    runs = _runs_above(channel, rate, threshold)
    sounds = _merge(runs, round(CLOSURE_S * rate))
    sounds = _with_releases(sounds[sounds[:, 1] - sounds[:, 0] >= round(BLIP_S * rate)], sounds, rate)
    candidates = _merge(sounds, round(min_gap_ms * rate / 1000.0))
    loud = _runs_above(channel, rate, evidence)
    enough = (_covered(loud, candidates) >= round(EVIDENCE_S * rate)) & ~_steady(powers, candidates, rate)
    return tuple(
        Segment((offset + start) / rate, (offset + end) / rate, _level_dbfs(channel[start:end]))
        for start, end in candidates[enough].tolist()
    )


def _runs_above(channel: npt.NDArray[np.int16], rate: int, threshold_dbfs: float) -> _Runs:
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


def _with_releases(sounds: _Runs, all_sounds: _Runs, rate: int) -> _Runs:
    """The sounds, each prolonged by the short one that follows it closely."""
    if len(sounds) == 0:
        return sounds
    short = all_sounds[:, 1] - all_sounds[:, 0]
    bursts = all_sounds[(short >= round(RELEASE_S * rate)) & (short < round(BLIP_S * rate))]
    before = np.searchsorted(sounds[:, 0], bursts[:, 0]) - 1
    close = (before >= 0) & (bursts[:, 0] - sounds[before, 1] <= round(RELEASED_WITHIN_S * rate))
    prolonged = sounds.copy()
    np.maximum.at(prolonged[:, 1], before[close], bursts[close, 1])
    return prolonged


def _merge(runs: _Runs, most_between: int) -> _Runs:
    """Runs with at most `most_between` samples between them become one."""
    if len(runs) == 0:
        return runs
    apart = np.flatnonzero(runs[1:, 0] - runs[:-1, 1] > most_between)
    first, last = np.concatenate(([0], apart + 1)), np.concatenate((apart, [len(runs) - 1]))
    return np.stack((runs[first, 0], runs[last, 1]), axis=1)


def _covered(parts: _Runs, wholes: _Runs) -> npt.NDArray[np.int64]:
    """For each whole the samples covered by parts that begin in it."""
    covered = np.concatenate(([0], np.cumsum(parts[:, 1] - parts[:, 0])))
    before = np.searchsorted(parts[:, 0], wholes)
    return covered[before[:, 1]] - covered[before[:, 0]]


def _steady(powers: Powers, parts: _Runs, rate: int) -> npt.NDArray[np.bool_]:
    """Which of the parts last long and hardly change their level."""
    frame = round(FRAME_S * rate)
    found = np.zeros(len(parts), dtype=bool)
    for n in np.flatnonzero(parts[:, 1] - parts[:, 0] >= round(STEADY_LEAST_S * rate)).tolist():
        inside = powers[-(-int(parts[n, 0]) // frame) : int(parts[n, 1]) // frame]
        mean = int(inside.sum()) // len(inside)
        found[n] = quantile(inside, 0.1) > mean * math.pow(10.0, -STEADY_DB / 10.0)
    return found


def _level_dbfs(samples: npt.NDArray[np.int16]) -> float:
    wide = samples.astype(np.int64)
    return level_dbfs(int(np.dot(wide, wide)), len(samples))
