"""Sums over the calls and closes of one model, in memory that does not grow with the log's length."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from loadtest.analyse.incident.call import Ended, LoggedCall, Span, is_hit
from loadtest.analyse.incident.result import AGES, PHASES, UNKNOWN, CloseKind, ModelIncident, Spread, What
from loadtest.analyse.rates import Rate, estimate_rate

__all__ = ["Spans", "Tally", "spread"]

_Kind = tuple[What, int | None, int | None, str, str]
MOST_REASONS: Final = 500
OTHER_REASONS: Final = "other reasons"
SURE_S: Final = 2.0
"""An age that is told worse than that is of no use to find a fixed lifetime by."""
_AGE_ENDS_S: Final = (10.0, 60.0, 300.0, 540.0, 660.0)


@dataclass(slots=True)
class Spans:
    """Durations that are known between two ends, 16 bytes each."""

    low: array[float] = field(default_factory=lambda: array("d"))
    high: array[float] = field(default_factory=lambda: array("d"))

    def add(self, span: Span) -> None:
        self.low.append(span[0])
        self.high.append(span[1])

    def extend(self, other: Spans) -> None:
        self.low.extend(other.low)
        self.high.extend(other.high)


def spread(spans: Spans) -> Spread | None:
    """None if there are no durations."""
    if not spans.low:
        return None
    ends = np.frombuffer(spans.low), np.frombuffer(spans.high)

    def both(share: float) -> Span:
        low, high = (float(np.quantile(end, share, method="inverted_cdf")) for end in ends)
        return low, high

    return Spread(n=len(spans.low), p50=both(0.5), p95=both(0.95), longest=both(1.0))


@dataclass(slots=True)
class _OfKind:
    first: str
    count: int = 0
    calls: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    ages: Spans = field(default_factory=Spans)


@dataclass(slots=True)
class Tally:
    """What is known of one model, or of the calls of one file whose model is not told yet."""

    calls: int = 0
    hit: int = 0
    unplaced: int = 0
    given_up: int = 0
    turns: int = 0
    replies: int = 0
    tools: int = 0
    connects: int = 0
    ends: int = 0
    """Of connections that were up, in calls that are named."""
    kinds: dict[_Kind, _OfKind] = field(default_factory=dict)
    phases: Counter[str] = field(default_factory=Counter)
    ages: Counter[str] = field(default_factory=Counter)
    reconnects: Spans = field(default_factory=Spans)
    after_speech: Spans = field(default_factory=Spans)
    events: array[float] = field(default_factory=lambda: array("d"))
    minutes: array[float] = field(default_factory=lambda: array("d"))
    """1011 incidents, and connected minutes, of each call whose connects are told."""
    call_events: array[float] = field(default_factory=lambda: array("d"))
    call_minutes: array[float] = field(default_factory=lambda: array("d"))
    """The same by minutes of the call, where no connect is told, but its begin and end."""

    def add_call(self, call: LoggedCall) -> None:
        """A call that is over."""
        self.calls += 1
        self.hit += call.hit
        self.given_up += call.given_up
        self.turns += call.turns
        self.replies += call.replies
        self.tools += call.tools
        self.connects += call.connects
        self.ends += call.ends
        if call.connects:
            self.events.append(call.exposed)
            self.minutes.append(call.connected_s / 60)
        elif call.lasted_s is not None:
            self.call_events.append(call.incidents)
            self.call_minutes.append(call.lasted_s / 60)

    def add_ends(self, call: LoggedCall) -> None:
        """Take what it holds."""
        for span in call.reconnects:
            self.reconnects.add(span)
        for ended in call.ended:
            kind = self._add(ended)
            if kind not in call.kinds:
                call.kinds.add(kind)
                self.kinds[kind].calls += 1
        call.reconnects.clear()
        call.ended.clear()

    def add_unplaced(self, ended: Ended) -> None:
        """The end of a connection of nobody knows which call."""
        self.unplaced += 1
        self._add(ended)

    def add(self, other: Tally) -> None:
        """All that another one holds."""
        for name in ("calls", "hit", "unplaced", "given_up", "turns", "replies", "tools", "connects", "ends"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("phases", "ages"):
            getattr(self, name).update(getattr(other, name))
        for name in ("reconnects", "after_speech", "events", "minutes", "call_events", "call_minutes"):
            getattr(self, name).extend(getattr(other, name))
        for kind, found in other.kinds.items():
            mine = self.kinds.setdefault(kind, _OfKind(found.first))
            mine.count += found.count
            mine.calls += found.calls
            mine.phases.update(found.phases)
            mine.ages.extend(found.ages)

    def result(self, model: str | None) -> ModelIncident:
        """The figures."""
        rate, per = self._rate()
        return ModelIncident(
            model=model,
            calls=self.calls,
            calls_hit=self.hit,
            unplaced=self.unplaced,
            given_up=self.given_up,
            connects=self.connects or None,
            connected_minutes=sum(self.minutes) if self.connects else None,
            call_minutes=sum(self.call_minutes) if self.call_minutes else None,
            turns=self.turns or self.replies or None,
            tools=self.tools,
            closes=self._closes(),
            phases=_in_order(self.phases, PHASES),
            ages=_in_order(self.ages, AGES),
            reconnects=spread(self.reconnects),
            reconnects_untold=max(0, self.ends - len(self.reconnects.low)),
            after_speech=spread(self.after_speech),
            rate_1011=rate,
            rate_per=per,
        )

    def _add(self, ended: Ended) -> _Kind:
        kind: _Kind = (ended.what, ended.code, ended.http_status, ended.side, ended.reason)
        if kind not in self.kinds and len(self.kinds) >= MOST_REASONS:
            kind = (ended.what, ended.code, ended.http_status, ended.side, OTHER_REASONS)
        found = self.kinds.setdefault(kind, _OfKind(ended.where))
        found.count += 1
        found.phases[ended.phase] += 1
        self.phases[ended.phase] += 1
        if ended.what != "refused":
            self.ages[_age(ended.age)] += 1
            if ended.age is not None and ended.age[1] - ended.age[0] <= SURE_S:
                found.ages.add(ended.age)
        if ended.after_speech is not None and is_hit(ended):
            self.after_speech.add(ended.after_speech)
        return kind

    def _closes(self) -> tuple[CloseKind, ...]:
        return tuple(
            CloseKind(
                what=what,
                code=code,
                http_status=status,
                side=side,
                reason=reason,
                count=found.count,
                calls=found.calls if self.calls else None,
                phases=_in_order(found.phases, PHASES),
                age_s=spread(found.ages),
                first=found.first,
            )
            for (what, code, status, side, reason), found in sorted(
                self.kinds.items(), key=lambda item: (-item[1].count, str(item[0]))
            )
        )

    def _rate(self) -> tuple[Rate | None, Literal["connected minute", "call minute"] | None]:
        if sum(self.minutes) > 0:
            return estimate_rate(np.asarray(self.events), np.asarray(self.minutes)), "connected minute"
        if sum(self.call_minutes) > 0:
            return estimate_rate(np.asarray(self.call_events), np.asarray(self.call_minutes)), "call minute"
        return None, None


def _age(span: Span | None) -> str:
    if span is None:
        return UNKNOWN
    least, most = (sum(end <= age_s for end in _AGE_ENDS_S) for age_s in span)
    return AGES[least] if least == most else UNKNOWN


def _in_order(found: Counter[str], names: Iterable[str]) -> dict[str, int]:
    return {name: found[name] for name in names if found[name]}
