"""One cheap timer: says when the agent's event loop was blocked, and gives the rest of the probe a regular look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from loadtest_probe.guard import Guard
from loadtest_probe.wire import AgentLag, Message

__all__ = ["Ticker"]

PERIOD_S = 0.1
LAG_LIMIT_S = 0.1


class Ticker:
    """Calls `look` every `PERIOD_S` and reports an `AgentLag` when that came more than `LAG_LIMIT_S` late.

    quickly: while it is true, look four times as often. is_quiet: report no lag.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        report: Callable[[Message], None],
        look: Callable[[], None],
        quickly: Callable[[], bool],
        guard: Guard,
    ) -> None:
        self._loop = loop
        self._report = report
        self._look = look
        self._quickly = quickly
        self._guard = guard
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
        late = self._loop.time() - self._due
        if late > LAG_LIMIT_S and not self.is_quiet:
            self._report(AgentLag(round(late * 1000, 1)))
        self._guard.run(self._look)
        if not self._stopped:
            self._schedule()
