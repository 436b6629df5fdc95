"""Both directions of a call into one growing PCM file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from loadtest.audio.wav import RATE, Samples
from loadtest.errors import RecordError

__all__ = ["Recorder"]

_CALLEE, _AGENT = 0, 1


class Recorder:
    """Writes interleaved int16 (left = callee, right = agent) behind the clock; what was not put is silence.

    The file grows while the call lasts, so that a killed tester leaves all but the last moments behind.
    Raises RecordError if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = 0
        self._buffer = np.zeros((10 * RATE, 2), dtype="<i2")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=0)
        except OSError as e:
            raise self._unwritable(e) from e

    def put(self, channel: Literal["callee", "agent"], position: int, samples: Samples) -> int:
        """Lay samples at a timeline position. Returns how many came too late (or before sample 0) and were left out."""
        start = position - self._written
        late = min(max(0, -start), len(samples))
        samples = samples[late:]
        start = max(start, 0)
        if (end := start + len(samples)) > len(self._buffer):
            self._buffer = np.concatenate([self._buffer, np.zeros((end, 2), dtype="<i2")])
        self._buffer[start:end, _CALLEE if channel == "callee" else _AGENT] = samples
        return late

    def write_until(self, position: int) -> None:
        """Write everything before `position`, which is final from now on."""
        count = position - self._written
        if count <= 0:
            return
        if count > len(self._buffer):
            self._buffer = np.concatenate([self._buffer, np.zeros((count, 2), dtype="<i2")])
        try:
            self._file.write(self._buffer[:count].tobytes())
        except OSError as e:
            raise self._unwritable(e) from e
        rest = len(self._buffer) - count
        self._buffer[:rest] = self._buffer[count:].copy()
        self._buffer[rest:] = 0
        self._written = position

    def close(self) -> None:
        self._file.close()
        self._buffer = self._buffer[:0].copy()  # whoever still refers to the call need not hold its audio

    def _unwritable(self, e: OSError) -> RecordError:
        return RecordError(
            f"{self._path}: the recording cannot be written: {e.strerror or e}",
            remedy="Check that the results folder is writable and that the disk is not full.",
        )
