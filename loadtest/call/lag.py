"""Noticing that the own event loop was blocked: whatever the tester times is wrong by as much."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["watch_loop"]

PERIOD_S = 0.02
NOTABLE_S = 0.03


async def watch_loop(report: Callable[[float, float], None]) -> None:
    """Call `report(until, lag)` (monotonic seconds, seconds) each time that the loop came late; runs until cancelled.

    Lags below NOTABLE_S are not reported.
    """
    loop = asyncio.get_running_loop()
    expected = loop.time() + PERIOD_S
    while True:
        await asyncio.sleep(PERIOD_S)
        now = loop.time()
        if (lag := now - expected) > NOTABLE_S:
            report(time.monotonic(), lag)
        expected = now + PERIOD_S
