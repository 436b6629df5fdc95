"""What a telephone line does to speech: noise, the band and companding of G.711, packets that are lost.

Pure and seeded, on 16 kHz mono int16; nothing here moves the audio by even one sample. The sums are exact in doubles,
so that the same samples give the same samples everywhere.
"""

from __future__ import annotations

import io
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import soundfile

from loadtest.audio.noise import NoiseKind, noise, to_samples
from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.wav import RATE, Samples

__all__ = ["PACKET", "Law", "NoiseKind", "add_noise", "lose_packets", "lost_packets", "telephone"]

Floats = npt.NDArray[np.float64]

PACKET = RATE // 50
"""Samples in a packet: 20 ms."""

BAND_HZ = (200.0, 3600.0)
"""Half amplitude, of either filter; 300 to 3400 Hz pass both within 1.5 dB, and hardly anything is folded at 4 kHz."""
HALF_TAPS = 80
_UNIT = 1 << 20

FADE_PER_10_MS = 0.2
"""G.711 appendix I: after 10 ms, what stands in for lost audio loses this much of its amplitude every 10 ms."""
CONCEALED_S = 0.06
"""... and is silent after that."""


class Law(StrEnum):
    """The two tables of G.711."""

    MU = "ulaw"
    A = "alaw"


def add_noise(samples: Samples, kind: NoiseKind, snr_db: float, seed: int) -> Samples:
    """The samples over noise from their first to their last, `snr_db` below their active speech level (P.56).

    Unchanged if nothing in them is speech.
    """
    level = active_level_dbfs(samples, RATE)
    if level is None:
        return samples
    return to_samples(samples.astype(np.float64) + noise(kind, len(samples), level - snr_db, seed))


def telephone(samples: Samples, law: Law = Law.MU) -> Samples:
    """As a G.711 line passes it: band-limited, 8 kHz, companded to 8 bits, and back to 16 kHz. As long as before.

    The filters' phase is linear and their delay taken out; together they ring for 10 ms to both sides.
    """
    narrow = _band(samples.astype(np.float64))[::2]
    coded = io.BytesIO()
    subtype = "ULAW" if law is Law.MU else "ALAW"
    soundfile.write(coded, to_samples(narrow), RATE // 2, format="WAV", subtype=subtype)
    coded.seek(0)
    heard, _ = soundfile.read(coded, dtype="int16")
    wide = np.zeros(len(samples))
    wide[::2] = 2.0 * heard
    return to_samples(_band(wide))


def lost_packets(packets: int, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which of so many packets are lost, each by itself with a probability of `share`."""
    drawn: npt.NDArray[np.bool_] = np.random.default_rng(seed).random(packets) < share
    return drawn


def lose_packets(samples: Samples, share: float, seed: int) -> Samples:
    """With packets of 20 ms lost, and concealed by the plainest of what G.711 appendix I does.

    In place of a lost packet the last 20 ms that arrived are heard again, softer and softer, and nothing after 60 ms.
    There is no search for the pitch: what is heard is somewhat rougher than the appendix makes it.
    """
    lost = lost_packets(-(-len(samples) // PACKET), share, seed)
    heard = samples.copy()
    fade = np.maximum(1.0 - FADE_PER_10_MS * (np.arange(round(CONCEALED_S * RATE)) // (RATE // 100)), 0.0)
    last = np.zeros(PACKET)
    missing = 0
    for n in range(len(lost)):
        packet = heard[n * PACKET : (n + 1) * PACKET]
        if not lost[n]:
            missing = 0
            last[: len(packet)] = packet
            continue
        gains = np.zeros(PACKET)
        left = fade[missing * PACKET : (missing + 1) * PACKET]
        gains[: len(left)] = left
        packet[:] = to_samples(last * gains)[: len(packet)]
        missing += 1
    return heard


def _band(audio: Floats) -> Floats:
    filtered: Floats = np.convolve(audio, _TAPS)[HALF_TAPS:-HALF_TAPS] / _UNIT
    return filtered


def _taps() -> Floats:
    """A linear-phase band-pass, windowed sinc (Hamming), in whole steps: sums of products with int16 are exact."""
    n = np.arange(-HALF_TAPS, HALF_TAPS + 1)
    low, high = (2.0 * hz / RATE * np.sinc(2.0 * hz / RATE * n) for hz in BAND_HZ)
    return np.asarray(np.rint(_UNIT * (high - low) * np.hamming(2 * HALF_TAPS + 1)))


_TAPS = _taps()
