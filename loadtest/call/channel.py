"""Placing received audio on the recording's timeline.

Frames reach Python late by whatever the scheduler and the event loop add, never early. So the sample count of the
stream is the clock, and it is anchored by the *earliest* arrival in a window: arrival minus count is the anchor plus a
delay that is never negative, and its minimum over a second is the anchor to within a millisecond or two on a machine
that is not overloaded.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from loadtest.audio.wav import RATE, Samples

__all__ = ["Placement", "ReceivedChannel", "WindowHealth"]

WINDOW_S = 1.0
"""How much later audio is looked at before a frame is placed."""
LOST_S = 0.020
"""A whole window that is later than the anchor by more than this has lost time: the stream stood still."""
EARLIER_S = 0.002
"""Arrivals that are earlier than the anchor by more than this show that it was set too late."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A frame with its place on the timeline."""

    position: int
    """Timeline sample of the frame's first sample; may be negative for audio before the timeline's start."""
    samples: Samples
    step: int
    """Samples by which the anchor moved before this frame; 0 as a rule. Positive: time was lost."""


@dataclass(frozen=True, slots=True)
class WindowHealth:
    """The worst of what happened since the last look."""

    frame_gap_ms: float
    """Longest time between two arrivals."""
    residual_ms: float
    """Largest distance of the window's earliest arrival from the anchor."""
    late_frames: int
    """Frames later than the channel's `late_ms` behind the anchor."""
    late_ms: float
    """The latest of all behind the anchor."""


@dataclass(frozen=True, slots=True)
class _Pending:
    start: int  # samples received before it
    residual: float  # arrival minus sample count at its end, in samples
    arrival_s: float
    samples: Samples


class ReceivedChannel:
    """Receives frames as they come, hands them out with their place about WINDOW_S later.

    Times are seconds on any clock whose zero is the timeline's sample 0.
    """

    def __init__(self, *, rate: int = RATE, late_ms: float = 60.0) -> None:
        self._rate = rate
        self._late = late_ms * rate / 1000
        self._received = 0
        self._anchor: float | None = None
        self._pending: deque[_Pending] = deque()
        self._minima: deque[_Pending] = deque()  # of the pending frames, increasing: the first is the earliest arrival
        self._last_arrival_s: float | None = None
        self._gap_s = 0.0
        self._residual = 0.0
        self._late_frames = 0
        self._latest = 0.0

    def add(self, samples: Samples, arrival_s: float) -> None:
        """Take the stream's next frame (int16, mono), complete at `arrival_s`."""
        if self._last_arrival_s is not None:
            self._gap_s = max(self._gap_s, arrival_s - self._last_arrival_s)
        self._last_arrival_s = arrival_s
        end = self._received + len(samples)
        frame = _Pending(self._received, arrival_s * self._rate - end, arrival_s, samples)
        self._received = end
        self._pending.append(frame)
        while self._minima and self._minima[-1].residual >= frame.residual:
            self._minima.pop()
        self._minima.append(frame)

    def place(self, now_s: float) -> list[Placement]:
        """The frames that arrived at least WINDOW_S before `now_s`; `math.inf` for all that are left."""
        placed = []
        while self._pending and self._pending[0].arrival_s <= now_s - WINDOW_S:
            frame = self._pending.popleft()
            step = self._follow(self._minima[0].residual)
            if self._minima[0] is frame:
                self._minima.popleft()
            assert self._anchor is not None
            behind = frame.residual - self._anchor
            self._latest = max(self._latest, behind)
            if behind > self._late:
                self._late_frames += 1
            placed.append(Placement(frame.start + round(self._anchor), frame.samples, step))
        return placed

    def _follow(self, earliest: float) -> int:
        if self._anchor is None:
            self._anchor = earliest
            return 0
        off = earliest - self._anchor
        self._residual = max(self._residual, abs(off))
        if off > LOST_S * self._rate or off < -EARLIER_S * self._rate:
            before, self._anchor = self._anchor, earliest
            return round(self._anchor) - round(before)
        return 0

    def health(self) -> WindowHealth:
        """What happened since the last call of this method."""
        ms = 1000 / self._rate
        health = WindowHealth(self._gap_s * 1000, self._residual * ms, self._late_frames, self._latest * ms)
        self._gap_s = self._residual = self._latest = 0.0
        self._late_frames = 0
        return health
