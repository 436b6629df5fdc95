"""The callee interrupts: what the agent was saying then, and when it stopped.

Heard alone, a reply that was cut and one that happened to end are the same: what is called the stop is the end of the
agent's speech in progress, whatever ended it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loadtest.measure.call_record import CalleeLine, CallRecord
from loadtest.measure.speech import Span
from loadtest.record.events import TurnKind

__all__ = ["STOP_LIMIT_MS", "Interruption", "interruptions"]

STOP_LIMIT_MS: Final = 2000.0
"""An agent that is still heard so long after the barge-in's onset has not let itself be interrupted."""
PAUSE_S = 0.6
"""Shorter pauses are within what the agent says, if no probe tells of another reply."""
LAST_S = 0.05
"""Speech that ends so shortly before the call does was ended by that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """A barge-in that met speech of the agent."""

    line: CalleeLine
    cut: Span
    """What the agent was saying, pauses included, until it stopped."""
    censored: bool
    """The call was over before the agent had stopped."""

    @property
    def stop_ms(self) -> float | None:
        """From the onset of the barge-in's speech to the end of the agent's; the time until the call's end where that
        came first, if it is beyond STOP_LIMIT_MS."""
        ms = (self.cut.end_s - self.line.speech_start_s) * 1000
        return None if self.censored and ms <= STOP_LIMIT_MS else ms

    @property
    def stopped(self) -> bool:
        """The agent let itself be interrupted, or had just finished."""
        return not self.censored and self.stop_ms is not None and self.stop_ms <= STOP_LIMIT_MS


def interruptions(record: CallRecord, finished_after_s: float) -> tuple[Interruption, ...]:
    """The call's barge-ins that interrupted something, in order. finished_after_s: a pause that gives up the floor."""
    found = []
    for line in record.lines:
        if line.kind is TurnKind.BARGE_IN and line.speech_start_s <= record.heard_until_s:
            cut = _in_progress(record, line, finished_after_s)
            if cut is not None:
                censored = cut.end_s > record.heard_until_s - LAST_S
                found.append(Interruption(line=line, cut=cut, censored=censored))
    return tuple(found)


def _in_progress(record: CallRecord, line: CalleeLine, finished_after_s: float) -> Span | None:
    """The agent's speech around the barge-in's onset; None if there was none."""
    before = [span for span in record.speech if span.start_s < line.speech_start_s]
    if not before:
        return None
    end_s = before[-1].end_s
    for span in record.speech[len(before) :]:
        if not _goes_on(record, line, Span(end_s, span.start_s), finished_after_s):
            break
        end_s = span.end_s
    if end_s <= line.speech_start_s:
        return None
    return Span(before[-1].start_s, min(end_s, record.heard_until_s))


def _goes_on(record: CallRecord, line: CalleeLine, pause: Span, finished_after_s: float) -> bool:
    """What follows the pause belongs to what was said before it."""
    if not (record.probe.generations and record.probe.hears_audio):
        return pause.end_s - pause.start_s < PAUSE_S
    again = any(
        line.speech_start_s < (generation.first_audio_s or 0.0) <= pause.end_s
        for generation in record.probe.generations
    )
    return not again and pause.end_s - pause.start_s < finished_after_s
