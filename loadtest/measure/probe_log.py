"""What the agent's probe told in a call, in order and in run time. Empty when the agent carries none."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from loadtest.measure.speech import Span
from loadtest.record.agent_clock import AgentClock
from loadtest.record.events import ClockSync, Event, ProbeMessage
from loadtest_probe import wire

__all__ = ["Generation", "Lag", "Note", "ProbeLog", "probe_log", "with_probe_file"]

UNKNOWN_UNCERTAINTY_S = 0.25
"""Used where no clock ping was answered and messages are placed by their arrival."""


@dataclass(frozen=True, slots=True)
class Note:
    """A message, at run time `t_s`. session: the probe that sent it; None if it did not say."""

    t_s: float
    message: wire.Message
    session: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One turn of the model as the plugin received it; run seconds, null: did not happen."""

    id: str
    created_s: float | None = None
    first_audio_s: float | None = None
    complete_s: float | None = None
    """All of its audio had arrived."""
    done_s: float | None = None
    empty: bool = False
    """It ended in order and had neither audio nor a tool call."""

    def replying_at(self, t_s: float) -> bool:
        """Audio had begun to arrive and had not arrived completely."""
        over = min((t for t in (self.complete_s, self.done_s) if t is not None), default=float("inf"))
        return self.first_audio_s is not None and self.first_audio_s <= t_s < over


@dataclass(frozen=True, slots=True)
class Lag:
    """The agent's event loop was blocked."""

    span: Span
    ms: float
    waited_ms: float | None = None
    """Of these, how many it was kept waiting by the machine; the rest is its own doing. None: not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeLog:
    """All of a call's probe messages."""

    notes: tuple[Note, ...] = ()
    generations: tuple[Generation, ...] = ()
    tools: tuple[Span, ...] = ()
    """From call to return, or to the model's next audio, if it was not seen to return; else to infinity."""
    lags: tuple[Lag, ...] = ()
    uncertainty_ms: float | None = None
    """Of the agent's clock against ours, where it was known worst in the call; None if it was never asked."""
    source: Literal["probe", "agent_log"] = "probe"
    tells_connects: bool = True
    """Every connection's beginning is told; a log tells it if its agent logs the metrics of its model."""
    tells_turns: bool = True
    """So is every end of a turn of the model, and every block of the agent's event loop."""
    told_until_s: float = float("inf")
    """Up to here what was not told did not happen."""

    @property
    def heard(self) -> bool:
        """There is a probe, or a log that tells of this call."""
        return bool(self.notes) or self.source == "agent_log"

    @property
    def hears_audio(self) -> bool:
        """It is told when audio of the model arrived, and of which turn: by a probe alone."""
        return self.heard and self.source == "probe"

    @property
    def uncertainty_s(self) -> float:
        return UNKNOWN_UNCERTAINTY_S if self.uncertainty_ms is None else self.uncertainty_ms / 1000

    @property
    def evidence(self) -> str:
        return self.source if self.heard else "acoustic"


def probe_log(events: Iterable[Event]) -> ProbeLog:
    """Read the probe's messages out of a call's events; a message that came twice counts once."""
    events = tuple(events)
    # A message was placed by the pings that had been answered by then; all of them are known only now.
    clock = AgentClock(event for event in events if isinstance(event, ClockSync))
    seen: dict[tuple[str | None, int, float], Note] = {}
    worst_s: float | None = None
    for event in events:
        if isinstance(event, ProbeMessage) and (line := wire.decode(json.dumps(event.message))) is not None:
            placed = clock.at(line.t, line.session)
            at_s = event.t if placed is None else placed.t_s
            if placed is not None:
                worst_s = max(worst_s or 0.0, placed.uncertainty_s)
            seen.setdefault(line.key, Note(at_s, line.message, line.session))
    notes = tuple(note for _, note in sorted(seen.items(), key=lambda item: (item[1].t_s, item[0][1])))
    generations = _generations(notes)
    return ProbeLog(
        notes=notes,
        generations=generations,
        tools=_tools(notes, generations),
        lags=_lags(notes),
        uncertainty_ms=None if worst_s is None else worst_s * 1000,
    )


def with_probe_file(events: Iterable[Event], text: str, until_s: float) -> tuple[Event, ...]:
    """The events and, behind them, messages up to `until_s` of the probe's own file that never reached the callee.

    They are placed by the answered clock pings. Without any, nothing is known of when they were sent, and they are left
    out.
    """
    events = tuple(events)
    clock = AgentClock(event for event in events if isinstance(event, ClockSync))
    came = (wire.decode(json.dumps(event.message)) for event in events if isinstance(event, ProbeMessage))
    seen = {line.key for line in came if line is not None}
    more = []
    for data in text.splitlines():
        line = wire.decode(data)
        if line is not None and not isinstance(line.message, wire.Clock) and line.key not in seen:
            seen.add(line.key)
            placed = clock.at(line.t, line.session)
            if placed is not None and placed.t_s <= until_s:
                more.append(ProbeMessage(t=placed.t_s, via="file", received_s=None, message=json.loads(data)))
    return (*events, *more)


def _lags(notes: Iterable[Note]) -> tuple[Lag, ...]:
    """Two probes in one event loop tell the same lag; it counts once."""
    found: list[tuple[str | None, Lag]] = []
    for note in notes:
        if isinstance(said := note.message, wire.AgentLag):
            lag = Lag(Span(note.t_s - said.lag_ms / 1000, note.t_s), said.lag_ms, said.waited_ms)
            told = any(who != note.session and one.span.meets(lag.span.start_s, lag.span.end_s) for who, one in found)
            if not told:
                found.append((note.session, lag))
    return tuple(lag for _, lag in found)


def _generations(notes: Iterable[Note]) -> tuple[Generation, ...]:
    found: dict[str, Generation] = {}
    for note in notes:
        if isinstance(said := note.message, wire.Generation):
            generation = found.get(said.id, Generation(id=said.id))
            match said.phase:
                case "created":
                    generation = replace(generation, created_s=note.t_s)
                case "first_audio":
                    generation = replace(generation, first_audio_s=note.t_s)
                case "complete":
                    generation = replace(generation, complete_s=note.t_s)
                case "done":
                    generation = replace(generation, done_s=note.t_s, empty=said.empty is True)
            found[said.id] = generation
    return tuple(found.values())


def _tools(notes: Iterable[Note], generations: Iterable[Generation]) -> tuple[Span, ...]:
    spans: list[Span] = []
    called: dict[str, list[float]] = {}
    for note in notes:
        if isinstance(said := note.message, wire.Tool):
            if said.phase == "called":
                called.setdefault(said.name, []).append(note.t_s)
            elif called.get(said.name):
                spans.append(Span(called[said.name].pop(0), note.t_s))
    spoken = sorted(g.first_audio_s for g in generations if g.first_audio_s is not None)
    # A tool whose turn was interrupted is cancelled, and not every generation of the SDK tells that.
    over = ((t, next((s for s in spoken if s > t), float("inf"))) for times in called.values() for t in times)
    spans += [Span(t, end) for t, end in over]
    return tuple(sorted(spans, key=lambda span: span.start_s))
