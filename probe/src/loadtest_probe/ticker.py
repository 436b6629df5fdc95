"""One cheap timer: says when the agent's event loop was blocked, and gives the rest of the probe a regular look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from loadtest_probe.guard import Guard
from loadtest_probe.wire import AgentLag, Message

__all__ = ["Spent", "Ticker", "spent"]

PERIOD_S = 0.1
LAG_LIMIT_S = 0.1
ACCOUNT = Path("/proc/thread-self/schedstat")


class Spent(NamedTuple):
    """What a thread has done since it began, seconds: it computed, and it was ready but had no core."""

    computing_s: float
    queued_s: float


def spent() -> Spent | None:
    """Of the thread that calls; None where the kernel does not tell (sched-stats in its documentation)."""
    try:
        with ACCOUNT.open("rb", buffering=0) as file:
            computing_ns, queued_ns = file.read(64).split()[:2]
        return Spent(int(computing_ns) / 1e9, int(queued_ns) / 1e9)
    except (OSError, ValueError):
        return None


class Ticker:
    """Calls `look` every `PERIOD_S` and reports an `AgentLag` when that came more than `LAG_LIMIT_S` late.

    quickly: while it is true, look four times as often. is_quiet: report no lag. account: of the loop's thread.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        report: Callable[[Message], None],
        look: Callable[[], None],
        quickly: Callable[[], bool],
        guard: Guard,
        account: Callable[[], Spent | None] = spent,
    ) -> None:
        self._loop = loop
        self._report = report
        self._look = look
        self._quickly = quickly
        self._guard = guard
        self._account = account
        self._before = account()
        self.is_quiet = False
        self._stopped = False
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._schedule()

    def stop(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self) -> None:
        period = PERIOD_S / 4 if self._quickly() else PERIOD_S
        self._due = self._loop.time() + period
        self._timer = self._loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        late_s = self._loop.time() - self._due
        before, self._before = self._before, self._account()
        if late_s > LAG_LIMIT_S and not self.is_quiet:
            waited_s = _waited_s(late_s, before, self._before)
            self._report(AgentLag(round(late_s * 1000, 1), None if waited_s is None else round(waited_s * 1000, 1)))
        self._guard.run(self._look)
        if not self._stopped:
            self._schedule()


def _waited_s(late_s: float, before: Spent | None, now: Spent | None) -> float | None:
    """How long of a lag the thread did not compute for it, at least; null if that is not known."""
    if before is None or now is None:
        return None
    queued_s = now.queued_s - before.queued_s
    # Who neither computes nor queues was stopped, or waits for a disk.
    idle_s = late_s - (now.computing_s - before.computing_s)
    return min(late_s, max(queued_s, idle_s, 0.0))
