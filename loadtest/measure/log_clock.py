"""Where an agent's log and the run meet in time: by what must have come before what, whatever the clocks say.

A worker is asked to take a call after the tester asked for an agent, and before the agent was seen in the room; it
notices that the callee is gone after the callee has hung up. Each such pair bounds wall clock less run time from one
side, and all of a log's pairs have one and the same difference, time zones and wrong clocks included.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.record.agent_log.facts import CalleeGone, CalleeThere, Fact, Job
from loadtest.record.agent_log.stamps import Stamp
from loadtest.record.events import AgentJoined, CallStarted, Dispatched, EndCause, Event, HangUp, RoomCreated

__all__ = ["Bounds", "bounds", "met", "of_own_clock"]

CLOCKS_AGREE_S: Final = 1.0
"""Where nothing else is known: how far the clocks of two machines are taken to be apart at most."""
SAME_CLOCK_S: Final = 0.005
"""Between what happens and the time that a log on the tester's own machine gives it."""
_ZONES_S: Final = 900.0
"""Time zones are apart by multiples of this."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Wall clock less run time lies between these, s."""

    least_s: float = -math.inf
    most_s: float = math.inf

    @property
    def possible(self) -> bool:
        """Nothing in it is a contradiction."""
        return self.least_s <= self.most_s

    @property
    def known(self) -> bool:
        return self.possible and math.isfinite(self.least_s) and math.isfinite(self.most_s)

    def span(self, at: Stamp) -> tuple[float, float]:
        """Run seconds between which it was logged."""
        return at.s - self.most_s, at.s + at.resolution_s - self.least_s

    def and_(self, other: Bounds) -> Bounds:
        return Bounds(max(self.least_s, other.least_s), min(self.most_s, other.most_s))


def bounds(facts: Iterable[Fact], events: Sequence[Event]) -> Bounds:
    """What one call's facts, placed there by their ids, and its events say about the difference."""
    return met(one for fact in facts if fact.at is not None for one in _of(fact, fact.at, events))


def met(all_of_them: Iterable[Bounds]) -> Bounds:
    """The difference that fits all calls; not `possible` if none does."""
    found = Bounds()
    for one in all_of_them:
        found = found.and_(one)
    return found


def of_own_clock(found: Bounds, at: Stamp, origin_unix_s: float, zone_s: float, *, same_clock: bool) -> Bounds:
    """What the tester's own clock adds to what causes tell. `at`: any stamp of the log.

    origin_unix_s: wall clock at run time 0. zone_s: what the tester's zone is ahead of UTC. same_clock: the agents run
    on the tester's machine.
    """
    own_s = origin_unix_s
    if at.kind == "day":
        own_s -= math.floor((origin_unix_s + zone_s) / 86400.0) * 86400.0
    if at.kind != "utc":
        own_s += zone_s
        if found.known:  # the zone, and the day, are those that fit
            own_s += round(((found.least_s + found.most_s) / 2 - own_s) / _ZONES_S) * _ZONES_S
    slack_s = SAME_CLOCK_S if same_clock else CLOCKS_AGREE_S
    both = found.and_(Bounds(own_s - slack_s, own_s + slack_s))
    # Of another machine's clock the causes tell all that is known; of the own one they are only a check.
    return both if not found.known or (same_clock and both.known) else found


def _of(fact: Fact, at: Stamp, events: Sequence[Event]) -> Iterator[Bounds]:
    def first(kind: type[Event]) -> float | None:
        return next((event.t for event in events if isinstance(event, kind)), None)

    before_s: float | None = None
    match fact.said:
        case Job():
            asked = first(Dispatched)
            before_s = first(CallStarted) if asked is None else first(RoomCreated)
            if (there_s := first(AgentJoined)) is not None:
                yield Bounds(least_s=at.s - there_s)
        case CalleeThere():
            before_s = first(CallStarted) if first(Dispatched) is None else first(Dispatched)
        case CalleeGone():
            ours = (EndCause.CALLEE_HANGUP, EndCause.LIMIT, EndCause.TESTER)
            before_s = next((e.t for e in events if isinstance(e, HangUp) and e.cause in ours), None)
    if before_s is not None:
        yield Bounds(most_s=at.s + at.resolution_s - before_s)
