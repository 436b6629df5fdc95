"""Short-time spectra of a stretch of sound, and what they say of it: keys, voice, and the shape of what is spoken."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["HOP_S", "WINDOW_S", "bands", "dtmf_keys", "voiced"]

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

WINDOW_S: Final = 0.032
HOP_S: Final = 0.02

DTMF_HZ: Final = ((697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0, 1633.0))
DTMF_PURE: Final = 0.8
"""Share of a window's power that is within 50 Hz of one low and one high tone."""
DTMF_TWIST: Final = 10.0
"""Most that one of the two may be stronger, as a ratio of powers; ITU-T Q.24 leaves receivers about 8 dB."""

VOICE_HZ: Final = (70.0, 400.0)
VOICED: Final = 0.5
"""Normalised autocorrelation at the pitch, corrected for the window: voices stay above, breath and fricatives below."""

BANDS: Final = 20
BAND_HZ: Final = (100.0, 7000.0)


def dtmf_keys(sound: Samples, rate: int) -> npt.NDArray[np.int64]:
    """By window (every HOP_S, WINDOW_S long): the key that sounds, 4 times its row plus its column; -1 if none."""
    power, hertz = _power(sound, rate)
    total = power.sum(axis=1)
    low, high = (np.stack([power[:, np.abs(hertz - f) <= 50.0].sum(axis=1) for f in group]) for group in DTMF_HZ)
    row, column = low.argmax(axis=0), high.argmax(axis=0)
    first, second = low.max(axis=0), high.max(axis=0)
    pure = first + second >= DTMF_PURE * total
    balanced = (first <= DTMF_TWIST * second) & (second <= DTMF_TWIST * first)
    keys: npt.NDArray[np.int64] = np.where(pure & balanced & (total > 0), 4 * row + column, -1)
    return keys


def voiced(sound: Samples, rate: int) -> npt.NDArray[np.bool_]:
    """By window: it has a pitch."""
    windows = _windows(sound, rate)
    shape = np.hanning(windows.shape[1])
    levelled = (windows - windows.mean(axis=1, keepdims=True)) * shape
    width = 2 * windows.shape[1]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(levelled, width, axis=1)) ** 2, axis=1)
    of_shape = np.fft.irfft(np.abs(np.fft.rfft(shape, width)) ** 2)
    lags = slice(round(rate / VOICE_HZ[1]), round(rate / VOICE_HZ[0]))
    power = np.maximum(correlation[:, :1], 1e-9) * (of_shape[lags] / of_shape[0])
    found: npt.NDArray[np.bool_] = (correlation[:, lags] / power).max(axis=1) > VOICED
    return found


def bands(sound: Samples, rate: int) -> Floats:
    """Level in BANDS bands of equal width in mel by window, dB; shape (windows, BANDS)."""
    power, hertz = _power(sound, rate)
    lowest, highest = (2595.0 * math.log10(1.0 + f / 700.0) for f in BAND_HZ)
    mel = np.linspace(lowest, highest, BANDS + 2)
    edges = 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    rise = (hertz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hertz[:, None]) / (edges[2:] - edges[1:-1])
    levels: Floats = 10.0 * np.log10(power @ np.clip(np.minimum(rise, fall), 0.0, None) + 1.0)
    return levels


def _windows(sound: Samples, rate: int) -> Floats:
    """Shape (windows, samples); a sound shorter than a window is one, with zeros behind it."""
    width, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    padded = np.pad(sound.astype(np.float64), (0, max(0, width - len(sound))))
    windows: Floats = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop]
    return windows


def _power(sound: Samples, rate: int) -> tuple[Floats, Floats]:
    """Power by window and frequency, and the frequencies, Hz."""
    windows = _windows(sound, rate)
    power: Floats = np.abs(np.fft.rfft(windows * np.hanning(windows.shape[1]), axis=1)) ** 2
    return power, np.arange(power.shape[1]) * rate / windows.shape[1]
