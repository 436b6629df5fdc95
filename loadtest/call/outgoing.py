"""What the callee sends, sample by sample: lines at their positions, and the line's own noise between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from loadtest.audio.wav import Samples

__all__ = ["Between", "Outgoing"]

Between = Callable[[int, int], Samples]
"""What is sent while nothing is said: from a timeline position on, so many samples."""


class Outgoing:
    """Takes lines, and hands out what is to be sent, in order. Positions count from the timeline's sample 0."""

    def __init__(self, between: Between | None = None) -> None:
        self._between = between
        self.position = 0
        """Of the next sample that is handed out."""
        self._lines: list[tuple[int, Samples]] = []

    def say(self, samples: Samples, *, not_before: int = 0) -> int:
        """Say this after what was asked for before, and not before a position. Returns where it begins."""
        after = max((start + len(line) for start, line in self._lines), default=0)
        start = max(self.position, after, not_before)
        self._lines.append((start, samples))
        return start

    def take(self, count: int) -> Samples:
        """The next `count` samples."""
        begin, end = self.position, self.position + count
        sent = np.zeros(count, dtype=np.int16) if self._between is None else self._between(begin, count).copy()
        for start, line in self._lines:
            first, last = max(start, begin), min(start + len(line), end)
            if first < last:
                sent[first - begin : last - begin] = line[first - start : last - start]
        self.position = end
        self._lines = [(start, line) for start, line in self._lines if start + len(line) > end]
        return sent

    def skip(self, count: int) -> None:
        """So many samples were not sent, for nobody came for them: what is not yet said comes later by as much."""
        self.position += count
        self._lines = [(start + count, line) for start, line in self._lines]
