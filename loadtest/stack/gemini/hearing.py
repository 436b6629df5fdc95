"""What the endpoint hears of the caller on one connection: utterances, and when in time each began and ended."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loadtest.stack.gemini.arrival import ArrivalClock
from loadtest.stack.gemini.detector import RATE, SpeechDetector, SpeechEnd, SpeechStart

__all__ = ["Hearing"]

# A pause longer than this counts as the end of speech for the phase, before end-pointing has decided.
PAUSE_MS = 250
NEVER_MS = 10**9


class Hearing:
    """Takes the caller's audio as it arrives.

    silence_ms: end-pointing silence; None when the client marks the caller's activity itself.
    """

    def __init__(self, silence_ms: int | None) -> None:
        self._manual = silence_ms is None
        self._detector = SpeechDetector(NEVER_MS if silence_ms is None else silence_ms)
        self._arrival = ArrivalClock(RATE)
        self._samples = 0
        self._marked = 0

    @property
    def speaking(self) -> bool:
        """The caller is at it, short pauses included."""
        return self._detector.speaking and self._detector.silence_ms < PAUSE_MS

    @property
    def in_utterance(self) -> bool:
        """An utterance has begun and was not end-pointed yet."""
        return self._detector.speaking

    def feed(self, samples: NDArray[np.int16], now: float) -> list[SpeechStart | SpeechEnd]:
        """A chunk that arrived at `now`, and what it brought about."""
        self._samples += samples.size
        self._arrival.add(now, self._samples)
        return self._detector.feed(samples)

    def at(self, sample: int) -> float:
        """Monotonic seconds of a sample, as far as known now; later chunks make it truer."""
        return self._arrival.at(sample)

    def mark_start(self) -> None:
        """The client says that the caller begins."""
        self._marked = self._samples

    def mark_end(self) -> SpeechEnd | None:
        """The client says that the caller has finished. None when nothing was said, so far as anybody knows."""
        edge = self._detector.finish()
        if edge is None and self._manual and self._samples:
            edge = SpeechEnd(self._marked, self._samples)
        return edge
