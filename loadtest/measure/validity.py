"""Was the tester itself late? Then what it timed says nothing about the agent."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtest.measure.call_record import CallRecord
from loadtest.measure.speech import Span
from loadtest.measure.turns import Turn
from loadtest.record.events import ChannelHealth, ChannelStep, Ended, LoopLag, Outcome
from loadtest.record.health import MACHINE, HealthSample
from loadtest.scenario.models import ValidityLimits

__all__ = ["Disturbance", "Machine", "disturbances", "invalid_call", "invalid_turn", "lateness"]

HEALTH_WINDOW_S = 1.0
"""What a ChannelHealth event speaks of."""
LAGS = {"gemini-simulator": "simulator_lag", "tester": "tester_lag"}
"""What a blocked event loop of theirs is called. The tester's matters where agents dial, and tells only there."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """The tester was late by `ms` somewhere in `span`."""

    span: Span
    what: str
    ms: float


@dataclass(frozen=True, slots=True)
class Machine:
    """How busy the tester's machine was, which carries the callees and whatever else the run started."""

    ends_s: tuple[float, ...] = ()
    spans: tuple[Span, ...] = ()
    busy: tuple[float, ...] = ()
    """By span: share of all cores in use."""
    stalled: tuple[float, ...] = ()
    """By span: share of it in which some task waited for a core; empty where the kernel does not tell."""
    lags: tuple[Disturbance, ...] = ()
    """Of the processes that serve all calls."""
    suspensions: tuple[Disturbance, ...] = ()
    """It slept, or the tester was stopped."""
    watched: bool = False
    """By a run: its machine's load must be known."""

    @classmethod
    def of(cls, samples: Iterable[HealthSample], cores: int, limits: ValidityLimits) -> Machine:
        """From the run's health samples, in file order."""
        listed = sorted(samples, key=lambda sample: sample.t_s)
        machine = [s for s in listed if s.process == MACHINE]
        return cls(
            ends_s=tuple(s.t_s for s in machine),
            spans=tuple(Span(s.t_s - s.interval_s, s.t_s) for s in machine),
            busy=tuple(s.cpu / cores for s in machine),
            stalled=tuple(s.cpu_stall for s in machine if s.cpu_stall is not None),
            lags=tuple(
                Disturbance(Span(s.t_s - s.interval_s, s.t_s), LAGS[s.process], s.loop_lag_ms)
                for s in listed
                if s.process in LAGS and s.loop_lag_ms is not None and s.loop_lag_ms > limits.frame_gap_ms
            ),
            suspensions=tuple(
                Disturbance(Span(s.t_s - s.interval_s, s.t_s), "suspended", s.suspended_s * 1000)
                for s in machine
                if s.suspended_s is not None
            ),
            watched=True,
        )

    def unseen(self, span: Span) -> bool:
        """The load of most of a stretch is not known though it should be."""
        seen = (min(s.end_s, span.end_s) - max(s.start_s, span.start_s) for s in self.spans)
        return self.watched and sum(s for s in seen if s > 0) < 0.5 * (span.end_s - span.start_s)

    def busy_share(self, span: Span) -> float:
        """Mean share of the cores in use over a stretch; 0 where nothing is known."""
        return self._mean(self.busy, span)

    def stalled_share(self, span: Span) -> float:
        """Share of a stretch in which some task waited for a core; 0 where nothing is known."""
        return self._mean(self.stalled, span) if len(self.stalled) == len(self.spans) else 0.0

    def _mean(self, values: Sequence[float], span: Span) -> float:
        weighted = seconds = 0.0
        for i in range(bisect_right(self.ends_s, span.start_s), len(self.spans)):
            sample = self.spans[i]
            if sample.start_s >= span.end_s:
                break
            shared_s = min(sample.end_s, span.end_s) - max(sample.start_s, span.start_s)
            weighted, seconds = weighted + values[i] * shared_s, seconds + shared_s
        return weighted / seconds if seconds > 0 else 0.0


def disturbances(
    record: CallRecord, limits: ValidityLimits, machine: Machine, *, own_agent: bool
) -> tuple[Disturbance, ...]:
    """When the tester was later than its limits. `own_agent`: the agent is loadtest's own, on this machine."""
    lags = [e for e in record.events if isinstance(e, LoopLag) and e.lag_ms > limits.loop_lag_ms]
    found = [Disturbance(Span(e.t - e.lag_ms / 1000, e.t), "loop_lag", e.lag_ms) for e in lags]
    for event in record.events:
        if isinstance(event, ChannelStep) and abs(event.step_ms) > limits.frame_gap_ms:
            at_s = event.at_s - max(0.0, event.step_ms) / 1000
            found.append(Disturbance(Span(at_s, event.at_s), f"{event.channel}_step", abs(event.step_ms)))
        elif isinstance(event, ChannelHealth):
            span = Span(event.t - HEALTH_WINDOW_S, event.t)
            if any(lag.t - lag.lag_ms / 1000 <= span.end_s and span.start_s - 0.5 <= lag.t for lag in lags):
                continue  # a blocked loop holds frames up as well, and its own event knows better when
            worst = max(event.frame_gap_ms, abs(event.residual_ms))
            if worst > limits.frame_gap_ms:
                found.append(Disturbance(span, f"{event.channel}_frame_gap", worst))
    found += (*machine.lags, *machine.suspensions)
    if own_agent:
        lagging = (lag for lag in record.probe.lags if lag.ms > limits.frame_gap_ms)
        found += [Disturbance(lag.span, "agent_lag", lag.ms) for lag in lagging]
    return tuple(found)


def invalid_turn(
    turn: Turn, record: CallRecord, late: Sequence[Disturbance], machine: Machine, limits: ValidityLimits
) -> tuple[str, ...]:
    """Why a turn's figures are not to be used; empty if they are."""
    reasons = list(_unusable(record))
    if record.recorded is None:
        reasons.append("no_recording")
    if turn.open and record.killed:
        reasons.append("killed")
    elif turn.censored:
        reasons.append("call_ended_first")
    return (*reasons, *lateness(turn.span, late, machine, limits))


def invalid_call(
    record: CallRecord, late: Sequence[Disturbance], machine: Machine, limits: ValidityLimits
) -> tuple[str, ...]:
    """Why a call's own figures, the greeting above all, are not to be used; empty if they are."""
    if not record.exists:
        return ("not_dialled",)
    reasons = list(_unusable(record))
    if record.killed:
        reasons.append("killed")
    answered_s = record.answered_s
    if answered_s is None:
        return tuple(reasons)
    span = Span(answered_s, record.lines[0].start_s if record.lines else max(record.last_s, answered_s))
    return (*reasons, *lateness(span, late, machine, limits))


def _unusable(record: CallRecord) -> Iterable[str]:
    ended = record.first(Ended)
    if ended is not None and ended.outcome is Outcome.TESTER_ERROR:
        yield "tester_error"
    if record.unreadable:
        yield f"unreadable_events {record.unreadable}"


def lateness(span: Span, late: Sequence[Disturbance], machine: Machine, limits: ValidityLimits) -> tuple[str, ...]:
    """How the tester was disturbed during a stretch: the worst of each kind, as a code and a figure."""
    worst: dict[str, float] = {}
    for disturbance in late:
        if disturbance.span.meets(span.start_s, span.end_s):
            worst[disturbance.what] = max(worst.get(disturbance.what, 0.0), disturbance.ms)
    busy, stalled = machine.busy_share(span), machine.stalled_share(span)
    crowded = ["load_unknown"] if machine.unseen(span) else []
    crowded += [f"cpu {busy:.0%}"] if busy > limits.cpu_share else []
    crowded += [f"cpu_stall {stalled:.0%}"] if stalled > limits.cpu_stall else []
    return (*(f"{what} {ms:.0f} ms" for what, ms in sorted(worst.items())), *crowded)
