"""When a sample of a received stream was due, from when its chunks arrived."""

from __future__ import annotations

from collections import deque

__all__ = ["ArrivalClock"]


class ArrivalClock:
    """Maps sample positions of one connection's input to monotonic seconds, by the earliest-arrival envelope.

    A chunk can arrive late, never early. So the smallest difference between arrival and position, among the chunks
    around a sample, is the truest one. A backlog flushed after a reconnect settles with its last chunk, hence ask late.

    rate: samples per second.
    """

    LOOK_BACK_S = 2.0
    KEPT_CHUNKS = 400

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._chunks: deque[tuple[int, float]] = deque(maxlen=self.KEPT_CHUNKS)

    def add(self, arrival_s: float, end_sample: int) -> None:
        """A chunk whose last sample is number `end_sample` - 1 arrived."""
        self._chunks.append((end_sample, arrival_s - end_sample / self._rate))

    def at(self, sample: int) -> float:
        """Monotonic seconds of `sample`, by the chunks from LOOK_BACK_S before it until now. Needs one chunk."""
        first = sample - self.LOOK_BACK_S * self._rate
        offsets = [offset for end, offset in self._chunks if end >= first] or [self._chunks[-1][1]]
        return sample / self._rate + min(offsets)
