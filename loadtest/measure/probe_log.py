"""What the agent's probe told in a call, in order and in run time. Empty when the agent carries none."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from loadtest.measure.speech import Span
from loadtest.record.events import ClockSync, Event, ProbeMessage
from loadtest_probe import wire

__all__ = ["Generation", "Lag", "Note", "ProbeLog", "probe_log", "with_probe_file"]

UNKNOWN_UNCERTAINTY_S = 0.25
"""Used where no clock ping was answered and messages are placed by their arrival."""


@dataclass(frozen=True, slots=True)
class Note:
    """A message, at run time `t_s`."""

    t_s: float
    message: wire.Message


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeLog:
    """All of a call's probe messages."""

    notes: tuple[Note, ...] = ()
    generations: tuple[Generation, ...] = ()
    tools: tuple[Span, ...] = ()
    """From call to return; to infinity if it never returned."""
    lags: tuple[Lag, ...] = ()
    uncertainty_ms: float | None = None
    """Of the agent's clock against ours; None if it was never asked."""

    @property
    def heard(self) -> bool:
        """There is a probe."""
        return bool(self.notes)

    @property
    def uncertainty_s(self) -> float:
        return UNKNOWN_UNCERTAINTY_S if self.uncertainty_ms is None else self.uncertainty_ms / 1000

    @property
    def evidence(self) -> str:
        return "probe" if self.heard else "acoustic"


def probe_log(events: Iterable[Event]) -> ProbeLog:
    """Read the probe's messages out of a call's events; a message that came twice counts once."""
    events = tuple(events)
    # The first messages were placed by whatever ping had been answered by then; the best one is known only now.
    clock = min((e for e in events if isinstance(e, ClockSync)), key=lambda e: e.uncertainty_ms, default=None)
    seen: dict[tuple[int, float], Note] = {}
    for event in events:
        if isinstance(event, ProbeMessage) and (line := wire.decode(json.dumps(event.message))) is not None:
            # The sequence alone would not do: an agent that was restarted counts from 0 again.
            at_s = event.t if clock is None else line.t + clock.offset_s
            seen.setdefault((line.seq, line.t), Note(at_s, line.message))
    notes = tuple(note for _, note in sorted(seen.items(), key=lambda item: (item[1].t_s, item[0][0])))
    return ProbeLog(
        notes=notes,
        generations=_generations(notes),
        tools=_tools(notes),
        lags=tuple(
            Lag(Span(note.t_s - note.message.lag_ms / 1000, note.t_s), note.message.lag_ms)
            for note in notes
            if isinstance(note.message, wire.AgentLag)
        ),
        uncertainty_ms=None if clock is None else clock.uncertainty_ms,
    )


def with_probe_file(events: Iterable[Event], text: str, until_s: float) -> tuple[Event, ...]:
    """The events and, behind them, messages up to `until_s` of the probe's own file that never reached the callee.

    They are placed by the best answered clock ping. Without any, nothing is known of when they were sent, and they are
    left out.
    """
    events = tuple(events)
    clock = min((e for e in events if isinstance(e, ClockSync)), key=lambda e: e.uncertainty_ms, default=None)
    if clock is None:
        return events
    came = (wire.decode(json.dumps(event.message)) for event in events if isinstance(event, ProbeMessage))
    seen = {(line.seq, line.t) for line in came if line is not None}
    more = []
    for data in text.splitlines():
        line = wire.decode(data)
        if line is not None and not isinstance(line.message, wire.Clock) and (line.seq, line.t) not in seen:
            at_s = line.t + clock.offset_s
            if at_s <= until_s:
                more.append(ProbeMessage(t=at_s, via="file", received_s=None, message=json.loads(data)))
    return (*events, *more)


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


def _tools(notes: Iterable[Note]) -> tuple[Span, ...]:
    spans: list[Span] = []
    called: dict[str, list[float]] = {}
    for note in notes:
        if isinstance(said := note.message, wire.Tool):
            if said.phase == "called":
                called.setdefault(said.name, []).append(note.t_s)
            elif called.get(said.name):
                spans.append(Span(called[said.name].pop(0), note.t_s))
    spans += [Span(t, float("inf")) for times in called.values() for t in times]
    return tuple(sorted(spans, key=lambda span: span.start_s))
