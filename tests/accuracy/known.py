"""Recordings whose speech edges are known to the sample: shipped voices and voices made by code, put into silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from loadtest.audio.edges import BELOW_ACTIVE_DB
from loadtest.audio.noise import talker, to_samples
from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.wav import RATE, Samples, read_line
from tests.unit.audio.signals import Floats, amplitude, burst

__all__ = ["KINDS", "Known", "Placed", "known", "sounds"]

REPOSITORY = Path(__file__).parents[2]
VOICES = REPOSITORY / "loadtest" / "stack" / "gemini" / "voices"
LINES = REPOSITORY / "scenarios" / "audio"
KINDS = {
    "line": "recorded lines",
    "reply": "recorded replies",
    "talker": "talkers made by code",
    "burst": "voiced bursts",
}
WINDOW = RATE // 100


@dataclass(frozen=True, slots=True)
class Placed:
    """A sound in a channel; samples."""

    name: str
    start: int
    """Its first sample of speech, by the definition."""
    end: int
    """One past the last."""
    audio: Samples
    """The channel from `start` to `end`, clean."""


@dataclass(frozen=True, slots=True)
class Known:
    """A clean channel: digital silence, and sounds in it."""

    samples: Samples
    level_dbfs: float
    """Active speech level."""
    placed: tuple[Placed, ...]


@cache
def sounds() -> Mapping[str, Floats]:
    """By name, `kind:name`; at no particular level."""
    found = {f"line:{path.stem}": read_line(path).samples.astype(float) for path in sorted(LINES.glob("*.wav"))}
    # At 24 kHz as shipped; read as lines they are resampled.
    found |= {f"reply:{path.stem}": read_line(path).samples.astype(float) for path in sorted(VOICES.glob("*.flac"))}
    for n, pitch_hz in enumerate((90.0, 110.0, 140.0, 180.0, 220.0, 260.0) * 2):
        found[f"talker:{n}"] = _phrase(talker(4.0, np.random.default_rng(100 + n), pitch_hz, 1.0 + 0.2 * (n % 2)))
    for n, pitch_hz in enumerate((110.0, 140.0, 180.0, 230.0) * 2):
        found[f"burst:{n}"] = burst(0.3 + 0.17 * n, -20.0, pitch_hz)
    return found


def known(level_dbfs: float, seed: int, *, vary_db: float = 0.0) -> Known:
    """All sounds once, in random order, 0.5 to 3 s apart at positions of no round number.

    Each has an active speech level of level_dbfs, or up to vary_db less.
    """
    rng = np.random.default_rng(seed)
    chosen = sounds()
    order = [list(chosen)[n] for n in rng.permutation(len(chosen)).tolist()]
    parts: list[Samples] = []
    where: list[tuple[str, int, int]] = []
    position = 0
    for name in order:
        audio = at_level(chosen[name], level_dbfs - float(rng.uniform(0.0, vary_db)))
        pause = int(rng.integers(RATE // 2, 3 * RATE))
        where.append((name, position + pause, position + pause + len(audio)))
        parts += [np.zeros(pause, dtype=np.int16), audio]
        position += pause + len(audio)
    samples = np.concatenate((*parts, np.zeros(RATE, dtype=np.int16)))
    level = active_level_dbfs(samples, RATE)
    assert level is not None
    placed = []
    for name, first, last in where:
        start, end = by_definition(samples[first:last], level - BELOW_ACTIVE_DB)
        placed.append(Placed(name, first + start, first + end, samples[first + start : first + end]))
    return Known(samples, level, tuple(placed))


def at_level(audio: Floats, level_dbfs: float) -> Samples:
    """The same at an active speech level."""
    # Measured at a level at which nothing is clipped, and little is lost.
    loud = audio * (amplitude(-26.0) / float(np.sqrt(np.mean(audio**2))))
    level = active_level_dbfs(to_samples(loud), RATE)
    assert level is not None
    return to_samples(loud * 10 ** ((level_dbfs - level) / 20))


def by_definition(sound: Samples, threshold_dbfs: float) -> tuple[int, int]:
    """The first sample whose trailing 10 ms exceed the threshold, and one past the last whose leading 10 ms do."""
    limit = WINDOW * amplitude(threshold_dbfs) ** 2

    def first(samples: Samples) -> int:
        sums = np.concatenate((np.zeros(WINDOW, dtype=np.int64), np.cumsum(samples.astype(np.int64) ** 2)))
        above = sums[WINDOW:] - sums[:-WINDOW] > limit
        assert above.any()
        return int(above.argmax())

    return first(sound), len(sound) - first(sound[::-1])


def _phrase(talk: Floats) -> Floats:
    """From its first sound to its first pause."""
    heard = np.flatnonzero(talk)
    pauses = np.flatnonzero(np.diff(heard) > 0.15 * RATE)
    return talk[heard[0] : (heard[pauses[0]] if len(pauses) else heard[-1]) + 1]
