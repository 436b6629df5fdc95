"""How much is told: an agent that reconnects for ever must fill neither the disk nor the data channel."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Budget"]

BURST = 100
PER_SECOND = 1.0


class Budget:
    """Allows `burst` things at once, and `per_second` of them later on. now: a clock, seconds."""

    def __init__(
        self, burst: int = BURST, per_second: float = PER_SECOND, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._now = now
        self._left = float(burst)
        self._at = now()

    def take(self) -> bool:
        """One more: True if it may be told."""
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
