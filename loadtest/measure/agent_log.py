"""What an agent's log tells of each call of a run, in run time: the probe's messages, where no probe sent any."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from loadtest.measure.log_clock import Bounds, bounds, met, of_own_clock
from loadtest.measure.log_notes import Placed, log_notes
from loadtest.measure.probe_log import ProbeLog
from loadtest.record.agent_log.facts import Fact, Job, JobOver, LoopWatch, TurnOver
from loadtest.record.agent_log.stamps import Stamp, not_before
from loadtest.record.events import AgentLeft, CallStarted, Ended, Event, HangUp
from loadtest_probe import wire

__all__ = ["LoggedCall", "LoggedRun", "agent_logs"]

AFTER_S = 2.0
"""What is logged so soon after the hang-up can still be of the call."""
_OF_WEIGHT = wire.Connected | wire.Closed | wire.GoAway | wire.Refused | wire.SessionClosed | TurnOver
"""What explains, or would."""
_Clock = tuple[str, str]
"""File, and kind of its times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """A call of the run, as far as its log has to be put in place."""

    call_id: str
    arm: str
    events: tuple[Event, ...]
    own_machine: bool
    """Its agent runs where the tester does."""
    last_s: float
    """The last moment of which something was recorded, run seconds."""

    @property
    def up(self) -> tuple[float, float] | None:
        """Run seconds between which something can be logged of it; None if it was never dialled."""
        started = next((e.t for e in self.events if isinstance(e, CallStarted)), None)
        if started is None:
            return None
        ends = [e.t for e in self.events if isinstance(e, HangUp | Ended | AgentLeft)]
        return started, max(ends, default=self.last_s) + AFTER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRun:
    """Messages by call, and what could not be put in place."""

    calls: Mapping[str, ProbeLog]
    unplaced: int
    """Facts that are of no call for certain."""
    clocks_apart: tuple[str, ...] = ()
    """Logs whose calls do not agree about the clock: it was set, or there are several."""


def agent_logs(
    facts: Iterable[Fact], calls: Sequence[LoggedCall], *, origin_unix_s: float | None, zone_s: float
) -> LoggedRun:
    """Put the facts of a log to calls and into run time.

    origin_unix_s: the wall clock at run time 0; None: not recorded, and only logs that name calls can be placed.
    zone_s: what the tester's time zone was ahead of UTC.
    """
    by_clock: dict[_Clock, list[Fact]] = defaultdict(list)
    watched: set[str] = set()
    tools: set[str] = set()
    for fact in facts:
        if isinstance(fact.said, LoopWatch | wire.AgentLag) and fact.ids.call is None:
            watched.add(fact.file)
        if isinstance(fact.said, wire.Tool):
            tools.add(fact.file)
        if fact.at is not None:
            by_clock[fact.file, fact.at.kind].append(fact)
    placed: dict[str, list[Placed]] = defaultdict(list)
    unplaced, apart = 0, []
    for (file, _), told in by_clock.items():
        clocks, agree = _clocks(told, calls, origin_unix_s, zone_s)
        if not agree:
            apart.append(file)
        for call_id, one in _put(told, calls, clocks):
            if call_id is None:
                unplaced += isinstance(one.fact.said, _OF_WEIGHT)
            else:
                placed[call_id].append(replace(one, watched=file in watched, tools=file in tools))
    return LoggedRun(
        calls={call_id: log_notes(found) for call_id, found in placed.items()},
        unplaced=unplaced,
        clocks_apart=tuple(apart),
    )


def _clocks(
    told: Sequence[Fact], calls: Sequence[LoggedCall], origin_unix_s: float | None, zone_s: float
) -> tuple[Mapping[str | None, Bounds], bool]:
    """By call, and by None for facts that name none; and whether all calls have the same."""
    named: dict[str, list[Fact]] = defaultdict(list)
    for fact in told:
        if fact.ids.call is not None:
            named[fact.ids.call].append(fact)
    own = {call.call_id: bounds(named[call.call_id], call.events) for call in calls if call.call_id in named}
    known = {call_id: one for call_id, one in own.items() if one != Bounds()}
    all_of_them = met(known.values())
    agree = all_of_them.possible
    at = next(fact.at for fact in told if fact.at is not None)
    own_machine = all(call.own_machine for call in calls if call.call_id in named or not named)

    days = {fact.at.s // 86400.0 for fact in told if fact.at is not None and fact.at.kind == "day"}

    def final(found: Bounds) -> Bounds:
        if origin_unix_s is None or (len(days) > 1 and not found.known):
            return found  # nor does anything tell which of a log's days is the run's
        return of_own_clock(found, at, origin_unix_s, zone_s, same_clock=own_machine and bool(named))

    if agree:
        whole = final(all_of_them)
        return {None: whole} | dict.fromkeys(own, whole), True
    return {None: Bounds()} | {call_id: final(one) for call_id, one in own.items()}, False


def _put(
    told: Sequence[Fact], calls: Sequence[LoggedCall], clocks: Mapping[str | None, Bounds]
) -> Iterable[tuple[str | None, Placed]]:
    up = {call.call_id: span for call in calls if (span := call.up) is not None}
    arms = {call.call_id: call.arm for call in calls}
    of_arms = {arms[fact.ids.call] for fact in told if fact.ids.call in arms}
    alone = {call_id: span for call_id, span in up.items() if not of_arms or arms[call_id] in of_arms}
    others = _others(told, clocks[None])
    last: Stamp | None = None
    for fact in told:
        assert fact.at is not None
        at, last = not_before(fact.at, last), fact.at
        clock = clocks.get(fact.ids.call, clocks[None])
        if fact.elsewhere or (fact.ids.call is None and _of_the_worker(fact)):
            continue
        if not clock.known:
            yield None, Placed(fact, 0.0, 0.0)
            continue
        start_s, end_s = clock.span(at)
        one = Placed(fact, start_s, end_s)
        if fact.ids.call is not None:
            # The same id in another run's log is another call.
            yield (fact.ids.call if _meets(up.get(fact.ids.call), start_s, end_s) else None), one
        elif meets := [call_id for call_id, span in alone.items() if _meets(span, start_s, end_s)]:
            sure = len(meets) == 1 and not any(_meets(span, start_s, end_s) for span in others)
            yield (meets[0] if sure else None), one


def _of_the_worker(fact: Fact) -> bool:
    """It is of the process that serves all calls, or of one that has none any more."""
    named = isinstance(fact.said, Job | JobOver | LoopWatch)
    return named or (isinstance(fact.said, wire.AgentLag) and fact.ids.pid is not None)


def _meets(span: tuple[float, float] | None, start_s: float, end_s: float) -> bool:
    return span is not None and start_s <= span[1] and span[0] <= end_s


def _others(told: Sequence[Fact], clock: Bounds) -> list[tuple[float, float]]:
    """When jobs that are none of the run's were up; to infinity if their end is not told."""
    spans: dict[str | None, tuple[float, float]] = {}
    for fact in told:
        if fact.elsewhere and fact.at is not None and clock.known:
            start_s, end_s = clock.span(fact.at)
            begun_s = spans.get(fact.ids.job, (start_s, 0.0))[0]
            spans[fact.ids.job] = (begun_s, end_s if isinstance(fact.said, JobOver) else float("inf"))
    return list(spans.values())
