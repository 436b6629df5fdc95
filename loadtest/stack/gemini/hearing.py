"""What the endpoint hears of the caller on one connection: utterances, and when in time each began and ended."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from loadtest.stack.gemini.arrival import ArrivalClock
from loadtest.stack.gemini.asking import Asking
from loadtest.stack.gemini.detector import RATE, SpeechDetector, SpeechEnd, SpeechStart

__all__ = ["Hearing"]

# A pause longer than this counts as the end of speech for the phase, before end-pointing has decided.
PAUSE_MS = 250
BEFORE = RATE // 5
"""Samples before an utterance that are held against a recording with it: its first sound may have been missed."""
BELIEVED_AFTER_S = 1.5
LONGEST_S = 90
"""Longer than a callee's longest line."""
NOTHING_ASKS = Asking()
NEVER_MS = 10**9


class Hearing:
    """Takes the caller's audio as it arrives.

    silence_ms: end-pointing silence; None when the client marks the caller's activity itself. asking: the lines that
    ask for the tool.
    """

    def __init__(self, silence_ms: int | None, asking: Asking = NOTHING_ASKS) -> None:
        self._asking = asking
        self._heard: deque[NDArray[np.int16]] = deque()
        self._kept = 0
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
        if self._asking.patterns:
            self._keep(samples)
        return self._detector.feed(samples)

    def asks_tool(self, edge: SpeechEnd) -> bool:
        """Whether the utterance that has just ended asks for the tool."""
        if not self._heard:
            return False
        heard = np.concatenate(self._heard)
        begins = self._samples - self._kept
        return self._asking.is_in(heard[max(0, edge.start_sample - BEFORE - begins) : edge.at_sample - begins])

    def _keep(self, samples: NDArray[np.int16]) -> None:
        """The utterance in progress, or else as much as one may turn out to have begun before it was believed."""
        self._heard.append(samples)
        self._kept += samples.size
        most = (LONGEST_S if self._detector.speaking or self._manual else BELIEVED_AFTER_S) * RATE
        while self._kept - self._heard[0].size >= most:
            self._kept -= self._heard.popleft().size

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
