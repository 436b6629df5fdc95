"""Music to wait by, without a voice, made by code: chords, arpeggios, a bass, drums, loud and soft passages."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from loadtest.audio.noise import to_samples
from loadtest.audio.p56 import FULL_SCALE
from loadtest.audio.wav import RATE, Samples
from tests.unit.audio.signals import Floats

__all__ = ["hold_music"]

PIECE_S = 60.0
ROOTS = (0, 9, 5, 7, 2, 4, 7, 0)
"""Of the chords, in semitones over the key."""


def hold_music(seconds: float, level_dbfs: float, seed: int) -> Samples:
    """Pieces of a minute: each with a key, tempo, timbre and dynamics of its own, a pause between them."""
    music = _music(seconds, seed)
    return to_samples(music * (FULL_SCALE * 10 ** (level_dbfs / 20) / float(np.sqrt(np.mean(music**2)))))


@lru_cache(maxsize=1)
def _music(seconds: float, seed: int) -> Floats:
    """At no particular level."""
    rng = np.random.default_rng(seed)
    pieces: list[Floats] = []
    while sum(map(len, pieces)) < seconds * RATE:
        pieces += [_piece(rng), np.zeros(int(rng.uniform(0.2, 2.0) * RATE))]
    return np.concatenate(pieces)[: round(seconds * RATE)]


def _piece(rng: np.random.Generator) -> Floats:
    out = np.zeros(round(PIECE_S * RATE))
    beat = 60.0 / rng.uniform(65.0, 130.0)
    key = int(rng.integers(45, 57))
    minor, plucked, drums = rng.random() < 0.4, rng.random() < 0.6, rng.random() < 0.7
    third = 3 if minor else 4
    for bar in range(int(PIECE_S / (4 * beat))):
        root = key + ROOTS[bar % len(ROOTS)]
        loud = float(rng.uniform(0.15, 1.0))
        chord = (root + 12, root + 12 + third, root + 19, root + 24)
        at = 4 * bar * beat
        _add(out, at, 0.9 * loud * _tone(root - 12, 2 * beat, rng, attack_s=0.01))
        if plucked:
            for eighth in range(8):
                _add(out, at + eighth * beat / 2, 0.5 * loud * _tone(chord[eighth % 4], beat, rng, attack_s=0.005))
        else:
            for note in chord:
                _add(out, at, 0.35 * loud * _tone(note, 4 * beat, rng, attack_s=0.08))
        for quarter in range(4 if drums else 0):
            _add(out, at + quarter * beat, loud * (_kick() if quarter % 2 == 0 else _snare(rng)))
            for half in (0.0, 0.5):
                _add(out, at + (quarter + half) * beat, 0.25 * loud * _hat(rng))
    return out


def _add(out: Floats, at_s: float, sound: Floats) -> None:
    start = round(at_s * RATE)
    fits = sound[: max(len(out) - start, 0)]
    out[start : start + len(fits)] += fits


def _tone(note: int, seconds: float, rng: np.random.Generator, *, attack_s: float) -> Floats:
    """A struck or plucked string: harmonics that fade the quicker the higher they are."""
    t = np.arange(round(seconds * RATE)) / RATE
    hz = 440.0 * 2.0 ** ((note - 69) / 12)
    total = np.zeros(len(t))
    for harmonic in range(1, 9):
        if hz * harmonic < 0.45 * RATE:
            fade = np.exp(-t * (1.0 + 0.8 * harmonic))
            total += fade * np.sin(2 * np.pi * hz * harmonic * t + rng.uniform(0, 6.28)) / harmonic
    return np.asarray(total * np.minimum(t / attack_s, 1.0))


def _kick() -> Floats:
    t = np.arange(round(0.15 * RATE)) / RATE
    return np.asarray(1.5 * np.sin(2 * np.pi * (50 * t + 1.5 * (1 - np.exp(-t / 0.02)))) * np.exp(-t / 0.05))


def _snare(rng: np.random.Generator) -> Floats:
    t = np.arange(round(0.15 * RATE)) / RATE
    return np.asarray((0.5 * rng.standard_normal(len(t)) + 0.5 * np.sin(2 * np.pi * 190 * t)) * np.exp(-t / 0.04))


def _hat(rng: np.random.Generator) -> Floats:
    t = np.arange(round(0.05 * RATE)) / RATE
    return np.asarray(np.diff(rng.standard_normal(len(t) + 1)) * np.exp(-t / 0.01))
