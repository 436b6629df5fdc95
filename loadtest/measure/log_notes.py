"""A call's facts from an agent's log as the messages that a probe would have sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from loadtest.measure.probe_log import Generation, Lag, Note, ProbeLog
from loadtest.measure.speech import Span
from loadtest.record.agent_log.facts import Fact, LogOnly, LoopWatch, TurnOver
from loadtest_probe import wire

__all__ = ["Placed", "log_notes"]

AGAIN_S = 1.0
"""A close that is logged a second time is logged so soon after the first."""
_Failure = wire.Closed | wire.Refused


@dataclass(frozen=True, slots=True)
class Placed:
    """A fact that was logged between two moments of the run, s."""

    fact: Fact
    start_s: float
    end_s: float
    watched: bool = False
    """Its log tells when an event loop was blocked."""
    tools: bool = False
    """Its log tells when a tool is called."""

    @property
    def at_s(self) -> float:
        return (self.start_s + self.end_s) / 2

    @property
    def uncertainty_s(self) -> float:
        return (self.end_s - self.start_s) / 2


def log_notes(found: Sequence[Placed]) -> ProbeLog:
    """What a probe would have told of the call, as far as a log does."""
    ordered = _once(sorted(found, key=lambda one: (one.at_s, one.fact.file, one.fact.line)))
    messages = [one for one in ordered if not isinstance(one.fact.said, LogOnly)]
    return ProbeLog(
        source="agent_log",
        notes=tuple(_numbered(messages)),
        generations=tuple(_turns(ordered)),
        # When it returned is not told.
        tools=tuple(Span(one.at_s, one.at_s) for one in ordered if isinstance(one.fact.said, wire.Tool)),
        lags=tuple(
            Lag(Span(one.at_s - one.fact.said.lag_ms / 1000, one.at_s), one.fact.said.lag_ms)
            for one in ordered
            if isinstance(one.fact.said, wire.AgentLag)
        ),
        uncertainty_ms=max((one.uncertainty_s for one in messages or ordered), default=0.0) * 1000,
        tells_connects=any(isinstance(one.fact.said, wire.Connected) for one in ordered),
        tells_turns=any(isinstance(one.fact.said, wire.Connected | TurnOver) for one in ordered)
        and any(one.watched or isinstance(one.fact.said, LoopWatch) for one in ordered),
        told_until_s=max((one.at_s for one in ordered), default=float("-inf")),
    )


def _once(ordered: Iterable[Placed]) -> list[Placed]:
    """Without what tells the same failure again: nothing but time and words says of it that it is no other one."""
    kept: list[Placed] = []
    for one in ordered:
        said = one.fact.said
        if one.fact.repeats and isinstance(said, wire.Refused):
            last = next((k for k in reversed(kept) if isinstance(k.fact.said, _Failure)), None)
            if last is not None and _same(last, one):
                continue
        kept.append(one)
    return kept


def _same(first: Placed, again: Placed) -> bool:
    before, after = first.fact.said, again.fact.said
    assert isinstance(before, _Failure)
    assert isinstance(after, _Failure)
    return (before.code, before.reason) == (after.code, after.reason) and again.start_s - first.end_s <= AGAIN_S


def _numbered(messages: Iterable[Placed]) -> Iterator[Note]:
    """Connections counted as a probe counts them, those whose beginning is not told included."""
    n, is_open = 0, False
    for one in messages:
        match one.fact.said:
            case wire.Connected() | wire.Refused() as said:
                n, is_open = n + 1, isinstance(said, wire.Connected)
                yield Note(one.at_s, replace(said, n=n))
            case wire.Closed() | wire.GoAway() as said:
                n, is_open = n + (not is_open), False
                yield Note(one.at_s, replace(said, n=n))
            case wire.SessionClosed() | wire.AgentLag() as said:
                yield Note(one.at_s, said)


def _turns(ordered: Sequence[Placed]) -> Iterator[Generation]:
    called = [one.at_s for one in ordered if isinstance(one.fact.said, wire.Tool)]
    for number, one in enumerate(ordered):
        if isinstance(said := one.fact.said, TurnOver):
            # A turn that called a tool has no audio either, and is not empty for that.
            begun_s = one.at_s - (said.took_s or 0.0)
            tool = not one.tools or any(begun_s - AGAIN_S <= at_s <= one.at_s + AGAIN_S for at_s in called)
            yield Generation(
                id=str(number),
                created_s=None if said.took_s is None else one.at_s - said.took_s,
                complete_s=one.at_s if said.spoke else None,
                done_s=one.at_s,
                empty=said.silent and not tool,
            )
