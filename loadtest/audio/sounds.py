"""What is heard on a channel and is no speech: keys (DTMF), breaths, clicks, comfort noise, near-zero audio.

The edges of speech are those of `edges`. What is as loud as speech and is none is taken out of the channel before they
are looked for, so that an onset after a breath is as exact as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from loadtest.audio.edges import Segment, speech_segments
from loadtest.audio.noise_floor import FRAME_S, frame_powers
from loadtest.audio.p56 import FULL_SCALE
from loadtest.audio.runs import merge, runs_of
from loadtest.audio.spectra import HOP_S, WINDOW_S, dtmf_keys, voiced

__all__ = ["Sound", "SoundKind", "listen"]

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SILENT_DBFS = -120.0
"""Below a single step of 16 bits in 10 ms."""

KEY_S = 0.04
"""Shortest DTMF that a receiver must take (ITU-T Q.24)."""
KEY_DBFS = -45.0
KEY_GUARD_S = 0.03
"""Its edges are known to a window of 32 ms."""

BREATH_S = (0.1, 0.9)
BREATH_BELOW_SPEECH_DB = (8.0, 30.0)
"""A breath is softer than the speech of the same mouth by more than the first; below the second nobody hears it."""
BREATH_VOICED = 0.1
"""Largest share of a breath that may look voiced."""
LEAD_PAUSE_S = 0.05
"""A breath is apart from the word that follows it; an s or an f goes over into it."""

CLICK_S = 0.05
CLICK_DBFS = -45.0
CLICK_ALONE_S = 0.1
CLICK_OVER_DB = 20.0

AUDIBLE_DBFS = -65.0
"""Nobody hears on a telephone what is softer."""
ABOVE_FLOOR_DB = 6.0
STEADY_DB = 6.0
"""Middle 80 % of the 10 ms levels of a steady noise lie within this; those of a breath, a word or a murmur do not."""
NOISE_S = 0.4
NOISE_PAUSE_S = 0.2
NEAR_ZERO_DBFS = -50.0
"""What stays below it is no speech to anybody; the evidence level of `edges`."""
NOTHING_DBFS = -96.0
"""Decoders leave single steps of 16 bits behind them, about -105 dBFS."""


class SoundKind(StrEnum):
    """What it is."""

    BREATH = "breath"
    CLICK = "click"
    COMFORT_NOISE = "comfort_noise"
    DTMF = "dtmf"
    NEAR_ZERO = "near_zero"


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that is no speech, in seconds from the channel's first sample."""

    kind: SoundKind
    start_s: float
    end_s: float


def listen(samples: Samples, rate: int) -> tuple[tuple[Segment, ...], tuple[Sound, ...]]:
    """The speech of a channel (int16, `rate` in Hz) and its other sounds, each in order.

    Pass a whole call, as to `speech_segments`.
    """
    if not samples.any():
        return (), ()
    channel, levels = samples, _levels(samples, rate)
    keys = tuple(_keys(channel, rate, levels))
    if keys:
        channel = _without(channel, rate, keys, KEY_GUARD_S)
        levels = _levels(channel, rate)
    speech = speech_segments(channel, rate)
    floor = _floor(levels, speech)
    breaths = tuple(_breaths(channel, rate, levels, floor, speech))
    if breaths:
        channel = _without(channel, rate, breaths, 0.0)
        speech, levels = speech_segments(channel, rate), _levels(channel, rate)
    found = [*keys, *breaths, *_clicks(levels, floor, speech)]
    found += _noises(levels, speech, found)
    return speech, tuple(sorted(found, key=lambda sound: (sound.start_s, sound.kind)))


def _without(samples: Samples, rate: int, sounds: Sequence[Sound], guard_s: float) -> Samples:
    silenced = samples.copy()
    for sound in sounds:
        silenced[max(0, round((sound.start_s - guard_s) * rate)) : round((sound.end_s + guard_s) * rate)] = 0
    return silenced


def _levels(samples: Samples, rate: int) -> Floats:
    """RMS level of each whole 10 ms, dBFS; SILENT_DBFS for zeros."""
    full = round(FRAME_S * rate) * FULL_SCALE**2
    levels: Floats = 10.0 * np.log10(np.maximum(frame_powers(samples, rate) / full, 10.0 ** (SILENT_DBFS / 10.0)))
    return levels


def _runs(flags: Bools, most_between: int = 0) -> list[tuple[int, int]]:
    """Stretches of True, as first frame and one past the last; at most `most_between` False are bridged."""
    return [(first, end) for first, end in merge(runs_of(flags), most_between).tolist()]


def _inside(count: int, spans: Iterable[Segment | Sound], guard_s: float) -> Bools:
    """By frame: within a span, or less than `guard_s` from one."""
    inside = np.zeros(count, dtype=np.bool_)
    for span in spans:
        first, last = (span.start_s - guard_s) / FRAME_S, (span.end_s + guard_s) / FRAME_S
        inside[max(0, int(first)) : int(np.ceil(last))] = True
    return inside


def _floor(levels: Floats, speech: Sequence[Segment]) -> float:
    """Level of what lies under everything, dBFS."""
    quiet = levels[~_inside(len(levels), speech, 0.2)]
    return float(np.median(quiet)) if len(quiet) else SILENT_DBFS


def _keys(samples: Samples, rate: int, levels: Floats) -> Iterator[Sound]:
    for start, end in _runs(levels > KEY_DBFS, most_between=2):
        if end - start < KEY_S / FRAME_S:
            continue
        keys = dtmf_keys(samples[round(start * FRAME_S * rate) : round(end * FRAME_S * rate)], rate)
        changes = np.flatnonzero(np.diff(keys, prepend=-2, append=-2))
        for first, last in pairwise(changes.tolist()):
            held_s = (last - first - 1) * HOP_S + WINDOW_S
            if keys[first] >= 0 and last - first >= 2 and held_s >= KEY_S:
                at_s = start * FRAME_S + first * HOP_S
                yield Sound(SoundKind.DTMF, at_s, at_s + held_s)


def _breaths(channel: Samples, rate: int, levels: Floats, floor: float, speech: Sequence[Segment]) -> Iterator[Sound]:
    """Those that stand alone, whether or not they are loud enough for speech, and those before a word."""
    if not speech:
        return
    spoken = max(segment.level_dbfs for segment in speech)
    heard = levels > max(floor + ABOVE_FLOOR_DB, AUDIBLE_DBFS)
    within = _inside(len(levels), speech, 0.0)
    for first, last in _runs(heard | within, most_between=round(LEAD_PAUSE_S / FRAME_S) - 1):
        if not BREATH_S[0] <= (last - first) * FRAME_S <= BREATH_S[1]:
            # Speech goes on for longer; a breath that leads into it is apart by a short pause.
            continue
        yield from _breath(channel, rate, levels, spoken, first, last)
    for segment in speech:
        first = round(segment.start_s / FRAME_S)
        reach = heard[first : first + round((BREATH_S[1] + LEAD_PAUSE_S) / FRAME_S)]
        parts = _runs(reach, most_between=round(LEAD_PAUSE_S / FRAME_S) - 1)
        if len(parts) > 1 and (parts[0][1] - parts[0][0]) * FRAME_S >= BREATH_S[0]:
            yield from _breath(channel, rate, levels, spoken, first + parts[0][0], first + parts[0][1])


def _breath(channel: Samples, rate: int, levels: Floats, spoken: float, first: int, last: int) -> Iterator[Sound]:
    level = 10.0 * np.log10(np.mean(10.0 ** (levels[first:last] / 10.0)))
    if not spoken - BREATH_BELOW_SPEECH_DB[1] <= level < spoken - BREATH_BELOW_SPEECH_DB[0] or _steady(
        levels[first:last]
    ):
        return
    sound = channel[round(first * FRAME_S * rate) : round(last * FRAME_S * rate)]
    if float(np.mean(voiced(sound, rate))) <= BREATH_VOICED:
        yield Sound(SoundKind.BREATH, first * FRAME_S, last * FRAME_S)


def _clicks(levels: Floats, floor: float, speech: Sequence[Segment]) -> Iterator[Sound]:
    """Short and loud, and nothing beside them."""
    alone = round(CLICK_ALONE_S / FRAME_S)
    near = _inside(len(levels), speech, CLICK_ALONE_S)
    for first, last in _runs((levels > max(CLICK_DBFS, floor + CLICK_OVER_DB)) & ~near):
        beside = np.concatenate((levels[max(0, first - alone) : first - 1], levels[last + 1 : last + alone]))
        loudest = float(levels[first:last].max())
        if (last - first) * FRAME_S <= CLICK_S and bool((beside < loudest - CLICK_OVER_DB).all()):
            yield Sound(SoundKind.CLICK, first * FRAME_S, last * FRAME_S)


def _noises(levels: Floats, speech: Sequence[Segment], others: Sequence[Sound]) -> Iterator[Sound]:
    """What is neither silence nor speech, for long enough: steady noise that can be heard, or what cannot."""
    taken = _inside(len(levels), (*speech, *others), 0.1)
    for first, last in _runs((levels > NOTHING_DBFS) & ~taken, most_between=round(NOISE_PAUSE_S / FRAME_S)):
        if (last - first) * FRAME_S < NOISE_S:
            continue
        within = levels[first:last]
        level = float(np.median(within))
        if level >= AUDIBLE_DBFS and _steady(within):
            yield Sound(SoundKind.COMFORT_NOISE, first * FRAME_S, last * FRAME_S)
        elif level < NEAR_ZERO_DBFS:
            yield Sound(SoundKind.NEAR_ZERO, first * FRAME_S, last * FRAME_S)


def _steady(levels: Floats) -> bool:
    low, high = np.percentile(levels, (10, 90))
    return bool(high - low <= STEADY_DB)
