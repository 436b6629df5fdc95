"""One call as it was recorded: what the callee said and when, when the agent was heard, how the call went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from loadtest.audio.second_opinion import Opinion
from loadtest.audio.wav import open_recording
from loadtest.errors import RecordError
from loadtest.measure.acoustics import Acoustics, acoustics, read_edges
from loadtest.measure.backchannels import backchannels
from loadtest.measure.probe_log import ProbeLog, probe_log, with_probe_file
from loadtest.measure.speech import Span
from loadtest.plan.calls import PlannedCall
from loadtest.record.events import (
    Answered,
    EndCause,
    Ended,
    Event,
    HangUp,
    KeyPressed,
    LineEnded,
    LineStarted,
    Outcome,
    RecordingStarted,
    TurnKind,
)
from loadtest.record.layout import CallFolder
from loadtest.record.reader import CallEvents, read_events

__all__ = ["CallRecord", "CalleeLine", "call_record", "read_call", "with_probe"]

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalleeLine:
    """A line as sent; run seconds."""

    turn: int | None
    """None for the goodbye, and for lines to which no reply was awaited."""
    kind: TurnKind
    name: str
    answers_turn: int | None
    start_s: float
    speech_start_s: float
    speech_end_s: float
    """End of its speech, or where it was cut; of a line of keys, the last one that was sent."""
    after_silence_s: float | None = None
    """How long the agent had to be silent before it, s; None if that was not what it waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A planned call and everything that is on disk about it."""

    planned: PlannedCall
    events: tuple[Event, ...] = ()
    unreadable: int = 0
    """Complete lines of the event file that are no event."""
    exists: bool = True
    """False: the call was never begun."""
    lines: tuple[CalleeLine, ...] = ()
    acoustics: Acoustics | None = None
    """What is heard in the recording; None if there is none."""
    speech: tuple[Span, ...] = ()
    """The agent's speech as received, without its backchannels."""
    backchannels: tuple[Span, ...] = ()
    opinions: Mapping[Span, Opinion] | None = None
    """Of the second detector, on each span of the speech, in run seconds; None if it was not asked."""
    recorded: Span | None = None
    """What the recording covers; None if there is none."""
    probe: ProbeLog = field(default_factory=ProbeLog)

    def first(self, kind: type[E]) -> E | None:
        """The first event of a type."""
        return next((event for event in self.events if isinstance(event, kind)), None)

    @property
    def answered_s(self) -> float | None:
        answered = self.first(Answered)
        return None if answered is None else answered.t

    @property
    def hung_up_s(self) -> float | None:
        """When the call was hung up, by whomever; None if the tester was killed before."""
        end = self.first(HangUp) or self.first(Ended)
        return None if end is None else end.t

    @property
    def killed(self) -> bool:
        """The tester died while the call was in progress."""
        return self.exists and self.hung_up_s is None

    @property
    def last_s(self) -> float:
        """The last moment that is known of: the hang-up, or else the end of what was recorded."""
        if self.hung_up_s is not None:
            return self.hung_up_s
        times = [event.t for event in self.events] + ([self.recorded.end_s] if self.recorded else [])
        return max(times, default=self.planned.due_s)

    @property
    def heard_until_s(self) -> float:
        """Up to here the agent's silence is known to be silence."""
        recorded = self.recorded.end_s if self.recorded else self.last_s
        return recorded if self.hung_up_s is None else min(recorded, self.hung_up_s)

    @property
    def agent_ended_it(self) -> bool:
        """The other side ended the call, not the callee and not the tester."""
        hang_up, ended = self.first(HangUp), self.first(Ended)
        if ended is not None and ended.outcome in {Outcome.ABORTED, Outcome.TESTER_ERROR}:
            return False
        return hang_up is not None and hang_up.cause in {EndCause.AGENT_HANGUP, EndCause.ROOM_CLOSED}


def read_call(planned: PlannedCall, folder: CallFolder, probe_file: Path, *, second_opinion: bool = True) -> CallRecord:
    """Read a call's folder; a call without one was never begun. Raises RecordError if something there is unreadable.

    probe_file: what the agent's probe left on this machine, if anything. The callee adds what it lacks when the call is
    over, unless it was killed. second_opinion: use that of the second detector.
    """
    if not folder.events.exists():
        return CallRecord(planned=planned, exists=False)
    return with_probe(call_record(planned, read_events(folder.events), _heard(folder, second_opinion)), probe_file)


def with_probe(record: CallRecord, probe_file: Path) -> CallRecord:
    """The call with what its events lack of the probe's own file, if there is one. Raises RecordError."""
    if not probe_file.exists():
        return record
    events = with_probe_file(record.events, _text(probe_file), record.last_s)
    return record if events == record.events else replace(record, events=events, probe=probe_log(events))


def _heard(folder: CallFolder, second_opinion: bool) -> Acoustics | None:
    if folder.has_recording:
        return acoustics(open_recording(folder.path), second_opinion=second_opinion)
    if not folder.edges.exists():
        return None
    kept = read_edges(folder.edges)
    return kept if second_opinion else replace(kept, opinions=None)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as e:
        raise RecordError(f"{path}: cannot be read: {e.strerror or e}", remedy="Make it readable, or remove it.") from e


def call_record(planned: PlannedCall, read: CallEvents, heard: Acoustics | None) -> CallRecord:
    """Put events and what is heard in the recording on one timeline. heard: None if nothing was recorded."""
    started = next((event for event in read.events if isinstance(event, RecordingStarted)), None)
    if started is None and any(isinstance(event, LineStarted) for event in read.events):
        raise RecordError(
            f"{planned.call_id}: lines were said, but not when the recording began",
            remedy="The call's events.jsonl is damaged: restore it from a copy of the run.",
        )
    speech: tuple[Span, ...] = ()
    opinions: dict[Span, Opinion] | None = None
    recorded = None
    if started is not None and heard is not None:
        recorded = Span(started.t, started.t + heard.duration_s)
        speech = tuple(Span(started.t + s.start_s, started.t + s.end_s) for s in heard.agent)
        if heard.opinions is not None:
            opinions = dict(zip(speech, (o.moved(started.t) for o in heard.opinions), strict=True))
    lines = _lines(read.events, started) if started is not None else ()
    # An agent that is interrupted is still speaking, however little of it is left.
    spoken = [Span(ln.speech_start_s, ln.speech_end_s) for ln in lines if ln.kind is not TurnKind.BARGE_IN]
    aside = backchannels(speech, spoken)
    return CallRecord(
        planned=planned,
        events=read.events,
        unreadable=read.unreadable,
        lines=lines,
        acoustics=heard,
        speech=tuple(span for span in speech if span not in aside),
        backchannels=aside,
        opinions=opinions,
        recorded=recorded,
        probe=probe_log(read.events),
    )


def _lines(events: tuple[Event, ...], started: RecordingStarted) -> tuple[CalleeLine, ...]:
    cut = {e.turn: e.end_sample for e in events if isinstance(e, LineEnded) and e.cut}

    def at(sample: int) -> float:
        return started.t + sample / started.rate

    lines: list[CalleeLine] = []
    for event in events:
        if isinstance(event, LineStarted):
            lines.append(
                CalleeLine(
                    turn=event.turn,
                    kind=event.kind,
                    name=event.line,
                    answers_turn=event.answers_turn,
                    start_s=at(event.start_sample),
                    speech_start_s=at(event.speech_start_sample),
                    speech_end_s=at(min(event.speech_end_sample, cut.get(event.turn, event.speech_end_sample))),
                    after_silence_s=event.after_silence_s,
                )
            )
        elif isinstance(event, KeyPressed) and lines:
            # Keys are over when the last one was sent, which may be later than it was due; before that they are cut.
            lines[-1] = replace(lines[-1], speech_end_s=max(event.t, lines[-1].speech_end_s))
    return tuple(lines)
