"""Channels in which it is known what is speech and what is another sound: shipped voices, and sounds made by code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from loadtest.audio.impairments import Law, add_noise, lose_packets, telephone
from loadtest.audio.noise import NoiseKind
from loadtest.audio.sounds import SoundKind
from loadtest.audio.wav import RATE, Samples
from tests.accuracy.opus import through_opus
from tests.unit.audio.signals import Floats, amplitude, noise, shipped_lines, to_int16

VOICES = Path(__file__).parents[3] / "loadtest" / "stack" / "gemini" / "voices"
DTMF_HZ = ((697, 770, 852, 941), (1209, 1336, 1477, 1633))


LINES: dict[str, Callable[[Samples], Samples]] = {
    "clean": lambda heard: heard,
    "Opus": lambda heard: through_opus(heard, 24),
    "G.711": lambda heard: telephone(heard, Law.A),
    "2 % lost": lambda heard: lose_packets(heard, 0.02, seed=3),
    "noise, 20 dB": lambda heard: add_noise(heard, NoiseKind.WHITE, 20.0, seed=3),
    "noise, 10 dB": lambda heard: add_noise(heard, NoiseKind.WHITE, 10.0, seed=3),
}
"""What a channel may have come through; none of it moves anything."""


@dataclass(frozen=True)
class Placed:
    """A sound, in seconds of the channel."""

    kind: SoundKind
    start_s: float
    end_s: float
    next_word_s: float
    """When the next sentence begins."""


@dataclass(frozen=True)
class Scene:
    """A channel, and its sounds that are no speech."""

    channel: Samples
    sounds: list[Placed]


@cache
def sentences() -> tuple[Floats, ...]:
    """Everything that callees and simulator say, in five voices, at -20 dBFS, without silence round it."""
    said = [line.samples.astype(float) for line in shipped_lines()]
    for path in sorted(VOICES.glob("*.flac")):
        samples, rate = soundfile.read(path, dtype="float64")
        said.append(np.asarray(soxr.resample(samples, rate, RATE)) * amplitude(-20.0) / 10 ** (-23.0 / 20))
    return tuple(sound[slice(*_heard(sound))] for sound in said)


def _heard(sound: Floats) -> tuple[int, int]:
    loud = np.flatnonzero(np.abs(sound) > amplitude(-50.0))
    return int(loud[0]), int(loud[-1]) + 1


def scene(kinds: Sequence[SoundKind], seed: int, level: float = -20.0) -> Scene:
    """Sentences at `level`, dBFS, and between each two a sound, of these kinds in turn; without any, silence."""
    rng = np.random.default_rng(seed)
    parts: list[Floats] = [np.zeros(RATE), _sentence(rng, level)]
    sounds = []
    for n, kind in enumerate(kinds):
        parts.append(np.zeros(round(rng.uniform(0.9, 2.0) * RATE)))
        at = sum(map(len, parts))
        parts.append(MAKERS[kind](rng, level))
        end = sum(map(len, parts))
        # Every other breath is drawn for the very next word.
        pause_s = (0.06, 0.15) if kind is SoundKind.BREATH and n % 2 == 1 else (0.5, 1.5)
        parts.append(np.zeros(round(rng.uniform(*pause_s) * RATE)))
        sounds.append(Placed(kind, at / RATE, end / RATE, sum(map(len, parts)) / RATE))
        parts.append(_sentence(rng, level))
    return Scene(to_int16(np.concatenate((*parts, np.zeros(RATE)))), sounds)


def _sentence(rng: np.random.Generator, level: float) -> Floats:
    return sentences()[rng.integers(len(sentences()))] * 10 ** ((level + 20.0) / 20)


def breath(rng: np.random.Generator, level: float) -> Floats:
    """Noise that swells and fades, of the colour of an open mouth, 10 to 25 dB softer than the speech."""
    count = round(rng.uniform(0.15, 0.7) * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= (hertz > 150) / (1 + ((hertz - rng.uniform(800, 2000)) / 1200) ** 2)
    swell = np.sin(np.pi * np.arange(count) / count) ** rng.uniform(0.7, 2.0)
    return _at_level(np.fft.irfft(spectrum, count) * swell, level - rng.uniform(10, 25))


def keys(rng: np.random.Generator, level: float) -> Floats:
    """One key, 60 to 400 ms, its tones up to 4 dB apart."""
    t = np.arange(round(rng.uniform(0.06, 0.4) * RATE)) / RATE
    low, high = (float(rng.choice(group)) for group in DTMF_HZ)
    tones = np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t) * 10 ** (rng.uniform(-4, 4) / 20)
    return _at_level(tones, level + rng.uniform(-10, 3))


def click(rng: np.random.Generator, level: float) -> Floats:
    """A crack of 1 to 20 ms that dies away, 10 ms of it between -40 and -20 dBFS."""
    count = int(rng.integers(RATE // 1000, RATE // 50))
    crack = rng.standard_normal(count) * np.exp(-np.arange(count) / (count / 3))
    energy = RATE / 100 * amplitude(rng.uniform(-40, -20)) ** 2
    made: Floats = crack * np.sqrt(energy / np.sum(crack**2))
    return made


def comfort_noise(rng: np.random.Generator, level: float) -> Floats:
    return noise(round(rng.uniform(0.8, 2.0) * RATE), rng.uniform(-57.0, -51.0), int(rng.integers(1 << 30)))


def near_zero(rng: np.random.Generator, level: float) -> Floats:
    """A sentence at -85 to -75 dBFS, or a few steps of 16 bits."""
    if rng.random() < 0.5:
        longer = [sentence for sentence in sentences() if len(sentence) > RATE]
        return longer[rng.integers(len(longer))] * 10 ** ((rng.uniform(-85.0, -75.0) + 20) / 20)
    return rng.integers(-2, 3, round(rng.uniform(0.8, 3.0) * RATE)).astype(float)


MAKERS: dict[SoundKind, Callable[[np.random.Generator, float], Floats]] = {
    SoundKind.BREATH: breath,
    SoundKind.CLICK: click,
    SoundKind.COMFORT_NOISE: comfort_noise,
    SoundKind.DTMF: keys,
    SoundKind.NEAR_ZERO: near_zero,
}


def _at_level(sound: Floats, level: float) -> Floats:
    scaled: Floats = sound * amplitude(level) / float(np.sqrt(np.mean(sound**2)))
    return scaled
