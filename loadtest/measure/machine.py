"""How busy the machine was that carries the tester, and when what it shares among all calls was late."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtest.measure.speech import Span
from loadtest.record.health import MACHINE, HealthSample
from loadtest.scenario.models import ValidityLimits

__all__ = ["Disturbance", "Machine"]

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
