"""Where speech begins and ends in a channel: the offline detector that every reported latency and gap rests on.

Speech lasts from the first sample whose trailing 10 ms exceed the threshold (that sample completes the window, so an
abrupt beginning is found to the sample) to the last one whose leading 10 ms do. The threshold is the active speech
level (ITU-T P.56) of the whole channel minus 30 dB, but never below what the channel's noise reaches by itself. What
exceeds it is speech only if it also comes near the active level for long enough; clicks, comfort noise and near-zero
audio do not. The decision waits for that evidence, the edge is dated back to the first sample. Where noise has raised
the threshold, the edges are looked for once more in bands (`under_noise`).

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
    frame_powers,
    level_dbfs,
    noise_floor,
    noise_frames,
    quantile,
)
from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.runs import Runs, covered, merge, runs_above
from loadtest.audio.under_noise import prolonged

__all__ = ["Segment", "speech_segments"]

BELOW_ACTIVE_DB = 30.0
LOWEST_THRESHOLD_DBFS = -75.0
"""Nothing softer is ever part of speech, however quiet the channel."""

EVIDENCE_BELOW_ACTIVE_DB = 15.0
LOWEST_EVIDENCE_DBFS = -50.0
"""Nothing that stays below it is speech: neither comfort noise nor replies of near-zero audio."""
EVIDENCE_S = 0.06
"""Time above the evidence level that makes a segment speech."""

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
    noise = noise_frames(powers, rate, active - EVIDENCE_BELOW_ACTIVE_DB)
    over_noise = noise_floor(powers[noise], rate).exceeded_dbfs
    wanted = max(active - BELOW_ACTIVE_DB, LOWEST_THRESHOLD_DBFS)
    threshold = max(wanted, over_noise)
    evidence = max(active - EVIDENCE_BELOW_ACTIVE_DB, over_noise + EVIDENCE_OVER_NOISE_DB, LOWEST_EVIDENCE_DBFS)

    runs = runs_above(channel, rate, threshold)
    sounds = merge(runs, round(CLOSURE_S * rate))
    sounds = _with_releases(sounds[sounds[:, 1] - sounds[:, 0] >= round(BLIP_S * rate)], sounds, rate)
    most_between = round(min_gap_ms * rate / 1000.0)
    candidates = merge(sounds, most_between)
    loud = runs_above(channel, rate, evidence)
    enough = (covered(loud, candidates) >= round(EVIDENCE_S * rate)) & ~_steady(powers, candidates, rate)
    speech = candidates[enough]
    if threshold > wanted and len(speech):
        speech = merge(prolonged(channel, rate, speech, noise, wanted), most_between)
    return tuple(
        Segment((offset + start) / rate, (offset + end) / rate, _level_dbfs(channel[start:end]))
        for start, end in speech.tolist()
    )


def _with_releases(sounds: Runs, all_sounds: Runs, rate: int) -> Runs:
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


def _steady(powers: Powers, parts: Runs, rate: int) -> npt.NDArray[np.bool_]:
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
