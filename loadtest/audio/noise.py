"""Background noise made by code: white, pink, and the babble of a room full of people. 16 kHz mono int16, seeded."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from loadtest.audio.p56 import FULL_SCALE
from loadtest.audio.wav import RATE, Samples

__all__ = ["NoiseKind", "noise", "talker", "to_samples"]

Floats = npt.NDArray[np.float64]

LOWEST_HZ = 20.0
"""Pink noise would have infinite power below."""

TALKERS = 12
TALKER_S = (17.0, 29.0)
"""Each talker of the babble repeats after a time of its own between these, so that together they hardly ever do."""

_TABLE = 512
_VOWELS = (  # the first three formants of a man's, Peterson and Barney 1952, in Hz
    (270.0, 2290.0, 3010.0),
    (390.0, 1990.0, 2550.0),
    (530.0, 1840.0, 2480.0),
    (660.0, 1720.0, 2410.0),
    (730.0, 1090.0, 2440.0),
    (570.0, 840.0, 2410.0),
    (440.0, 1020.0, 2240.0),
    (300.0, 870.0, 2240.0),
)
_BANDWIDTHS = (80.0, 110.0, 160.0)


class NoiseKind(StrEnum):
    """What is heard behind a caller."""

    WHITE = "white"
    PINK = "pink"
    BABBLE = "babble"


def noise(kind: NoiseKind, count: int, level_dbfs: float, seed: int) -> Samples:
    """`count` samples of noise at an RMS level; 0 dBFS is a full-scale square wave."""
    if count == 0:
        return np.zeros(0, dtype=np.int16)
    made = _KINDS[kind](count, np.random.default_rng(seed))
    return to_samples(made * (FULL_SCALE * 10.0 ** (level_dbfs / 20.0) / float(np.sqrt(np.mean(made**2)))))


def to_samples(audio: Floats) -> Samples:
    """Rounded, and clipped where int16 ends."""
    clipped: Samples = np.clip(np.rint(audio), -32768, 32767).astype(np.int16)
    return clipped


def talker(seconds: float, rng: np.random.Generator, pitch_hz: float = 120.0, tract: float = 1.0) -> Floats:
    """Somebody who talks without a word: voiced syllables and hisses, phrases and pauses; RMS of about 1.

    tract: factor on all formants, over 1 for a short vocal tract.
    """
    out = np.zeros(round(seconds * RATE))
    position = int(rng.integers(RATE // 4))
    while position < len(out):
        for _ in range(int(rng.integers(4, 12))):
            if rng.random() < 0.4:
                position = _put(out, position, 0.5 * _hiss(rng))
            position = _put(out, position, _syllable(rng, pitch_hz, tract))
        position += int(rng.uniform(0.2, 0.9) * RATE)
    return out


def _put(out: Floats, position: int, sound: Floats) -> int:
    fits = sound[: max(len(out) - position, 0)]
    out[position : position + len(fits)] += fits
    return position + len(sound)


def _syllable(rng: np.random.Generator, pitch_hz: float, tract: float) -> Floats:
    count = int(rng.uniform(0.09, 0.26) * RATE)
    pitch = pitch_hz * np.geomspace(rng.uniform(0.9, 1.25), rng.uniform(0.8, 1.1), count)
    # One period as a table, read at the pace of the pitch; harmonics at the mean pitch, below half the rate.
    harmonics = np.arange(1, min(_TABLE // 2, int(0.45 * RATE / pitch.max())))
    spectrum = np.zeros(_TABLE // 2 + 1, dtype=np.complex128)
    gains = sum(
        weight / (1.0 + ((harmonics * pitch.mean() - tract * formant) / bandwidth) ** 2)
        for formant, bandwidth, weight in zip(
            _VOWELS[rng.integers(len(_VOWELS))], _BANDWIDTHS, (1, 0.5, 0.25), strict=True
        )
    )
    # Schroeder's phases keep the peaks low.
    spectrum[harmonics] = (gains + 0.02) * np.exp(-1j * np.pi * harmonics**2 / len(harmonics))
    period = np.fft.irfft(spectrum)
    period /= float(np.sqrt(np.mean(period**2)))
    phase = np.cumsum(pitch / RATE) * _TABLE
    voiced = period[phase.astype(np.int64) % _TABLE]
    return np.asarray(voiced * rng.uniform(0.6, 1.3) * _fade(count, 0.02, 0.05))


def _hiss(rng: np.random.Generator) -> Floats:
    count = int(rng.uniform(0.04, 0.11) * RATE)
    white = rng.standard_normal(count + 1)
    return np.asarray(np.diff(white) * rng.uniform(0.3, 1.0) * _fade(count, 0.015, 0.015))


def _fade(count: int, rise_s: float, fall_s: float) -> Floats:
    """1, but for half a cosine at either end."""
    shape = np.ones(count)
    for length, at in (
        (min(round(rise_s * RATE), count), slice(None)),
        (min(round(fall_s * RATE), count), slice(None, None, -1)),
    ):
        shape[at][:length] *= 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
    return shape


def _white(count: int, rng: np.random.Generator) -> Floats:
    return rng.standard_normal(count)


def _pink(count: int, rng: np.random.Generator) -> Floats:
    """Power as 1/f, by shaping the spectrum of white noise."""
    frequencies = np.fft.rfftfreq(count, 1.0 / RATE)
    gains = np.zeros(len(frequencies))
    heard = frequencies >= LOWEST_HZ
    gains[heard] = frequencies[heard] ** -0.5
    if not heard.any():
        return rng.standard_normal(count)
    return np.asarray(np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * gains, count))


def _babble(count: int, rng: np.random.Generator) -> Floats:
    """Talkers of all heights at about the same distance."""
    total = np.zeros(count)
    for pitch_hz in np.geomspace(85.0, 260.0, TALKERS):
        own = talker(rng.uniform(*TALKER_S), rng, float(pitch_hz), 1.0 + 0.2 * (pitch_hz > 165.0))
        total += np.resize(np.roll(own, int(rng.integers(len(own)))), count) * 10 ** (rng.uniform(-4.0, 0.0) / 20)
    return total


_KINDS: dict[NoiseKind, Callable[[int, np.random.Generator], Floats]] = {
    NoiseKind.WHITE: _white,
    NoiseKind.PINK: _pink,
    NoiseKind.BABBLE: _babble,
}
