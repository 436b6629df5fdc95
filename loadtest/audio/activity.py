"""A causal speech detector for the callee's decisions while a call goes on.

It tells the callee that the agent has begun to speak, or has been silent for so long. It sees only the past and knows
no active speech level, so it serves turn-taking and provisional figures; what is reported comes from `edges`.
"""

from __future__ import annotations

import math

from loadtest.audio.wav import RATE, Samples

__all__ = ["SpeechActivity"]

FLOOR_DBFS = -50.0
"""Nothing below it is ever speech."""
ABOVE_NOISE_DB = 10.0
"""How far speech must stand out of the noise."""
LOWEST_NOISE_DBFS = -70.0
NOISE_RISE_DB_PER_S = 5.0
"""The noise estimate falls at once and climbs this slowly: speech dips often enough to keep it down."""
START_S = 0.06
"""Speech time, less the pauses in it, before a start is believed: clicks do not last that long."""
HANGOVER_S = 0.2
"""Shorter pauses are inside speech."""


class SpeechActivity:
    """Follows one channel, frame by frame. Times are stream seconds: samples fed, divided by the rate."""

    __slots__ = (
        "_candidate",
        "_evidence_s",
        "_last_speech",
        "_noise_dbfs",
        "_position",
        "_rate",
        "onset_s",
        "speaking",
    )

    def __init__(self, rate: int = RATE) -> None:
        self.speaking = False
        """True from the moment a start is believed until HANGOVER_S of silence."""
        self.onset_s: float | None = None
        """Start of the latest speech, back-dated to its first frame; None before any."""
        self._rate = rate
        self._position = 0  # samples fed; so are the next two
        self._last_speech = 0
        self._candidate = 0
        self._evidence_s = 0.0
        self._noise_dbfs = LOWEST_NOISE_DBFS

    @property
    def stream_s(self) -> float:
        """Seconds of audio fed so far."""
        return self._position / self._rate

    @property
    def silence_s(self) -> float:
        """Seconds since speech was last heard; since the stream began if there was none. 0 while a frame has speech."""
        return (self._position - self._last_speech) / self._rate

    def feed(self, frame: Samples) -> bool:
        """Take the next frame (int16 mono, 10-20 ms); returns `speaking`."""
        n = len(frame)
        if n == 0:
            return self.speaking
        seconds = n / self._rate
        wide = frame.astype(float)
        power = float(wide @ wide) / (n * 32768.0**2)
        level = 10.0 * math.log10(power) if power > 0.0 else -math.inf
        self._noise_dbfs = max(LOWEST_NOISE_DBFS, min(level, self._noise_dbfs + NOISE_RISE_DB_PER_S * seconds))
        loud = level > max(FLOOR_DBFS, self._noise_dbfs + ABOVE_NOISE_DB)

        began = self._position
        self._position += n
        if loud:
            if self._evidence_s <= 0.0:
                self._candidate = began
            self._evidence_s = min(START_S, self._evidence_s + seconds)
            # Half a sample of slack: frame lengths add up to START_S only approximately.
            if not self.speaking and self._evidence_s >= START_S - 0.5 / self._rate:
                self.speaking = True
                self.onset_s = self._candidate / self._rate
            if self.speaking:
                self._last_speech = self._position
        else:
            self._evidence_s = max(0.0, self._evidence_s - seconds)
            if self.speaking and self.silence_s >= HANGOVER_S:
                self.speaking = False
                self._evidence_s = 0.0
        return self.speaking
