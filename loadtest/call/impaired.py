"""A bad telephone line: what it makes of the callee's lines, and what is heard on it between them.

All noise is cut from one stretch, made once for all calls. Where a call cuts follows from the seed of its pair, and for
a line also from its name: the callees of a pair say the same samples, whenever they say them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

from loadtest.audio.impairments import lose_packets, telephone
from loadtest.audio.noise import noise, to_samples
from loadtest.audio.p56 import active_level_dbfs
from loadtest.audio.wav import RATE, Line, Samples
from loadtest.scenario.impairments import Impairments

__all__ = ["BadLine", "ImpairedLine"]

NOISE_S = 60.0
"""After this the noise between lines repeats."""


class BadLine:
    """The impairments of a scenario, ready for its calls. lines: all that the callee can say, at its natural level."""

    def __init__(self, spec: Impairments, lines: Iterable[Line], seed: int) -> None:
        self.spec = spec
        self.noise: Samples = np.zeros(round(NOISE_S * RATE), dtype=np.int16)
        """As it is added to the lines."""
        spoken = [line.samples for line in lines]
        level = active_level_dbfs(np.concatenate(spoken), RATE) if spoken else None
        if spec.noise is not None and level is not None:
            self.noise = noise(spec.noise.kind, len(self.noise), level - spec.noise.snr_db, seed)
        self.between = self.impaired(self.noise, seed)
        """As it is heard while nothing is said."""

    def impaired(self, samples: Samples, seed: int) -> Samples:
        """Over the telephone, and with losses; the audio is as long as before, and not later."""
        if self.spec.telephone is not None:
            samples = telephone(samples, self.spec.telephone)
        return lose_packets(samples, self.spec.loss, seed) if self.spec.loss else samples


class ImpairedLine:
    """One call's line. seed: of the call's pair."""

    def __init__(self, line: BadLine, seed: int) -> None:
        self._line = line
        self._seed = seed

    def said(self, name: str, samples: Samples) -> Samples:
        """What is sent of a line of the script."""
        seed = zlib.crc32(f"{self._seed} {name}".encode())
        noisy = samples.astype(np.int64) + _cut(self._line.noise, seed, len(samples))
        return self._line.impaired(to_samples(noisy.astype(np.float64)), seed)

    def between(self, position: int, count: int) -> Samples:
        """What is sent while nothing is said, from a position of the call on."""
        return _cut(self._line.between, self._seed + position, count)


def _cut(samples: Samples, start: int, count: int) -> Samples:
    start %= len(samples)
    if start + count <= len(samples):
        return samples[start : start + count]
    return np.take(samples, np.arange(start, start + count), mode="wrap")
