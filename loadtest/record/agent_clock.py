"""The agent's clock against the tester's: from answered pings to the run time of what an agent's probe tells.

A ping that was answered says that the agent's clock read `a` somewhere between its sending and the answer's arrival, so
its offset is known to half the round trip, whatever delayed either way. Between pings the clocks run apart by at most
`DRIFT`, so each ping holds for other times too, with an uncertainty that grows with the distance. For every moment the
ping that then knows best is taken: a slow answer never counts where a quick one is near, and drift is
followed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.record.events import ClockSync

__all__ = ["DRIFT", "AgentClock", "Placed"]

DRIFT = 5e-4
"""Seconds a second. Quartz strays by 1e-4 at most; time synchronisation slews a Linux clock by up to 5e-4."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A moment of the agent's clock in run seconds, give or take `uncertainty_s`."""

    t_s: float
    uncertainty_s: float


class AgentClock:
    """syncs: the answered pings of a call, in any order. Pings of the probe's own session are preferred to others'."""

    def __init__(self, syncs: Iterable[ClockSync]) -> None:
        self._pings: dict[str | None, list[tuple[float, float, float]]] = {}
        for sync in syncs:
            self.add(sync)

    def add(self, sync: ClockSync) -> None:
        """Take another answered ping into account."""
        uncertainty_s = sync.uncertainty_ms / 1000
        agent_s = sync.t - uncertainty_s - sync.offset_s  # the moment halfway between sending and arrival
        self._pings.setdefault(sync.session, []).append((agent_s, sync.offset_s, uncertainty_s))

    def at(self, agent_s: float, session: str | None = None) -> Placed | None:
        """The run time of a moment of the agent's clock; None if no ping was answered."""
        pings = self._pings.get(session) or [ping for them in self._pings.values() for ping in them]
        known = ((u + DRIFT * abs(agent_s - at_s), offset_s) for at_s, offset_s, u in pings)
        best = min(known, default=None)
        return None if best is None else Placed(agent_s + best[1], best[0])
