"""A callee's event loop that something keeps busy is noticed, with how long and until when."""

from __future__ import annotations

import asyncio
import time

import pytest

from loadtest.call.lag import watch_loop


async def test_a_busy_loop_is_one_lag_of_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop's clock and the machine's stand still but for what happens here."""
    now, reports = [100.0], list[tuple[float, float]]()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", lambda: now[0])
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    async def sleep(seconds: float) -> None:
        """In the third of its waits something else keeps the loop for 0.4 s."""
        now[0] += seconds
        waits.append(seconds)
        if len(waits) == 3:
            now[0] += 0.4
        if len(waits) == 6:
            raise asyncio.CancelledError

    waits: list[float] = []
    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await watch_loop(lambda until, lag: reports.append((until, lag)))
    assert reports == [(pytest.approx(100.46), pytest.approx(0.4))]


async def test_what_really_keeps_the_loop_busy_is_noticed() -> None:
    lags: list[float] = []
    watching = asyncio.create_task(watch_loop(lambda _, lag: lags.append(lag)))
    await asyncio.sleep(0.05)
    until = time.perf_counter() + 0.3
    while time.perf_counter() < until:
        pass
    await asyncio.sleep(0.05)
    watching.cancel()
    assert max(lags) > 0.25  # the busy loop may begin at the end of a wait of 0.02
