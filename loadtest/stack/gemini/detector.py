"""The simulator's own speech detector: energy over a tracked noise floor, with end-pointing.

It decides when the caller has spoken and stopped, and finds afterwards where in the samples the speech ended.
It shares nothing with `loadtest.audio`, so that a fault there cannot hide in both.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATE", "SpeechDetector", "SpeechEnd", "SpeechStart"]

RATE = 16_000
FRAME = RATE // 100
BLOCK = RATE // 1000
BLOCKS = FRAME // BLOCK
# Frames of 10 ms.
CONFIRM_FRAMES = 16
"""Speech needed to believe in it: an echo, a click or a cough is shorter."""
CONFIRM_WITHIN = 40
PREROLL = 60
RESET_FRAMES = 2
"""Consecutive speech frames that break a silence."""
FLOOR_FRAMES = 200
STEADY_DB = 9.5
"""Noise that sets in stays within so little (its frames' 10th to 90th percentile), babble too; soft speech doesn't."""
LOUD_DB = -27.0
"""What is louder is speech even if it is steady: normal lines are, and noise 10 dB below them isn't."""
LOWEST_DB = -52.0
HIGHEST_DB = -34.0
OVER_FLOOR_DB = 12.0
NOISE_SHARE = 0.05
OVER_NOISE_DB = 10.5
HIGHEST_OVER_NOISE_DB = -18.0
"""Only noise keeps the softest NOISE_SHARE of FLOOR_FRAMES up: the threshold is so far above it, at most this."""
# The end of speech, as power relative to the utterance's active level.
END_BELOW_ACTIVE = 1e-3
ACTIVE_BELOW_PEAK = 10**-2.5
END_AFTER_LAST_FRAMES = 20
OVER_NOISE = 4.0


@dataclass(frozen=True, slots=True)
class SpeechStart:
    """The caller speaks, and has done for long enough to be believed."""

    at_sample: int
    """First speech sample."""


@dataclass(frozen=True, slots=True)
class SpeechEnd:
    """The caller has been silent for the end-pointing time."""

    start_sample: int
    """First speech sample."""
    at_sample: int
    """One past the last speech sample."""


class SpeechDetector:
    """Finds utterances in 16 kHz PCM16 fed in pieces of any length.

    silence_ms: silence that ends an utterance.
    """

    def __init__(self, silence_ms: int) -> None:
        self._silence_frames = max(1, silence_ms // 10)
        self._rest = np.zeros(0, dtype=np.int16)
        self._frame = 0
        self._blocks: deque[NDArray[np.float64]] = deque(maxlen=PREROLL)
        self._recent: deque[bool] = deque(maxlen=CONFIRM_WITHIN)
        self._levels: deque[float] = deque(maxlen=FLOOR_FRAMES)
        self._run = 0
        self._start: int | None = None
        self._last_speech = 0

    @property
    def speaking(self) -> bool:
        """Within an utterance, the end-pointing silence included."""
        return self._start is not None

    @property
    def silence_ms(self) -> int:
        """Silence so far since the last speech of this utterance."""
        return (self._frame - self._last_speech) * 10 if self.speaking else 0

    def feed(self, samples: NDArray[np.int16]) -> list[SpeechStart | SpeechEnd]:
        """Takes the next samples, gives what they brought about."""
        joined = np.concatenate((self._rest, samples)) if self._rest.size else samples
        whole = joined.size // FRAME
        self._rest = joined[whole * FRAME :]
        scaled = joined[: whole * FRAME].astype(np.float64) / 32768.0
        powers = np.square(scaled).reshape(whole, BLOCKS, BLOCK).mean(axis=2)
        found: list[SpeechStart | SpeechEnd] = []
        for blocks in powers:
            event = self._take(blocks)
            if event is not None:
                found.append(event)
        return found

    def finish(self) -> SpeechEnd | None:
        """Ends the utterance in progress now, if there is one."""
        return self._end() if self.speaking else None

    def _take(self, blocks: NDArray[np.float64]) -> SpeechStart | SpeechEnd | None:
        level_db = 10.0 * np.log10(float(blocks.mean()) + 1e-12)
        self._levels.append(level_db)
        loud = level_db > self._threshold()
        self._frame += 1
        self._blocks.append(blocks)
        self._recent.append(loud)
        self._run = self._run + 1 if loud else 0
        if self._start is None:
            return self._maybe_start() if loud else None
        if self._run >= RESET_FRAMES:
            self._last_speech = self._frame
        if self._frame - self._last_speech >= self._silence_frames:
            return self._end()
        return None

    def _threshold(self) -> float:
        levels = np.fromiter(self._levels, dtype=np.float64, count=len(self._levels))
        threshold = max(LOWEST_DB, min(HIGHEST_DB, float(levels.min()) + OVER_FLOOR_DB))
        if len(levels) == FLOOR_FRAMES:
            softest = int(FLOOR_FRAMES * NOISE_SHARE)
            noise = float(np.partition(levels, softest)[softest])
            threshold = max(threshold, min(HIGHEST_OVER_NOISE_DB, noise + OVER_NOISE_DB))
        return threshold

    def _maybe_start(self) -> SpeechStart | None:
        if sum(self._recent) < CONFIRM_FRAMES:
            return None
        recent = list(self._levels)[-len(self._recent) :]
        levels = [level for level, loud in zip(recent, self._recent, strict=True) if loud]
        low, middle, high = np.percentile(levels, (10, 50, 90))
        if high - low < STEADY_DB and middle < LOUD_DB:
            return None
        first = next(i for i, loud in enumerate(self._recent) if loud)
        self._start = self._frame - len(self._recent) + first
        self._last_speech = self._frame
        self._blocks = deque(self._blocks)
        return SpeechStart(self._start * FRAME)

    def _end(self) -> SpeechEnd:
        assert self._start is not None
        end = SpeechEnd(self._start * FRAME, self._last_sample(self._start))
        self._start = None
        self._recent.clear()
        self._blocks = deque(list(self._blocks)[-PREROLL:], maxlen=PREROLL)
        return end

    def _last_sample(self, start: int) -> int:
        """One past the last sample from which on 10 ms are over the noise and within 30 dB of the active level."""
        first = self._frame - len(self._blocks)
        powers = np.concatenate((*self._blocks, np.zeros(BLOCKS - 1)))
        windows = np.convolve(powers, np.ones(BLOCKS) / BLOCKS, mode="valid")
        skip = max(0, start - first) * BLOCKS
        until = (self._last_speech + END_AFTER_LAST_FRAMES - first) * BLOCKS
        spoken, after = windows[skip:until], windows[until:-BLOCKS]
        active = float(spoken[spoken > spoken.max() * ACTIVE_BELOW_PEAK].mean())
        noise = 10.0 ** (min(self._levels) / 10.0)
        if after.size:
            noise = max(noise, float(after.mean()))
        above = np.flatnonzero(spoken > max(active * END_BELOW_ACTIVE, noise * OVER_NOISE))
        last = int(above[-1]) if above.size else (self._last_speech - first) * BLOCKS - skip - 1
        return first * FRAME + (skip + last + 1) * BLOCK
