"""Silence beyond the limit: dead air after a line, and holes in what the agent says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from loadtest.measure.backchannels import SOONEST_REPLY_S
from loadtest.measure.barge_ins import interruptions
from loadtest.measure.call_record import CalleeLine, CallRecord
from loadtest.measure.speech import Span, first_onset
from loadtest.measure.turns import Turn
from loadtest.record.events import TurnKind
from loadtest.scenario.models import Scenario

__all__ = ["Gap", "gaps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A silence of the agent; run seconds."""

    turn: Turn | None
    """None in the greeting."""
    kind: Literal["dead_air", "mid_reply"]
    span: Span
    excess_ms: float
    """What exceeds the limit; 0 in a lost turn below it, and where an earlier row has counted the same silence."""
    censored: bool
    """The call ended before the silence did."""
    resumed_over_callee: bool = False

    @property
    def lost_turn(self) -> bool:
        return self.kind == "dead_air"


def gaps(record: CallRecord, taken: Sequence[Turn], scenario: Scenario) -> tuple[Gap, ...]:
    """The call's gaps in order. Every lost turn has its dead air here, and no other turn has any."""
    holes = _holes(record, taken, scenario.mid_reply_limit_s * 1000, scenario.callee.agent_finished_after_s)
    found = [*_dead_air(record, taken, scenario.reply_limit_s * 1000), *holes]
    return tuple(sorted(found, key=lambda gap: (gap.span.start_s, gap.kind)))


def _dead_air(record: CallRecord, taken: Sequence[Turn], limit_ms: float) -> Iterator[Gap]:
    counted_until_s = float("-inf")
    for turn in taken:
        if not turn.lost:
            continue
        start_s = turn.line.speech_end_s
        onset_s = first_onset(record.speech, start_s)
        end_s = record.heard_until_s if onset_s is None else onset_s
        counted = start_s < counted_until_s
        yield Gap(
            turn=turn,
            kind="dead_air",
            span=Span(start_s, end_s),
            excess_ms=0.0 if counted else max(0.0, (end_s - start_s) * 1000 - limit_ms),
            censored=onset_s is None,
        )
        counted_until_s = max(counted_until_s, end_s)


def _holes(record: CallRecord, taken: Sequence[Turn], limit_ms: float, finished_after_s: float) -> Iterator[Gap]:
    interrupted = interruptions(record, finished_after_s)
    for before, after in pairwise(record.speech):
        silence_ms = (after.start_s - before.end_s) * 1000
        if silence_ms <= limit_ms or after.start_s > record.heard_until_s:
            continue
        if any(before.end_s < line.speech_end_s <= after.start_s for line in record.lines):
            continue  # a line was said to its end in between: what follows is the reply to it
        if any(one.line.speech_start_s <= before.end_s <= one.cut.end_s for one in interrupted):
            continue  # the callee had it stop
        if silence_ms >= finished_after_s * 1000 and _callee_waited(record, after.start_s, finished_after_s):
            continue  # the floor was the callee's, who left it on purpose: what follows is nobody's reply
        over = next((ln for ln in record.lines if ln.speech_start_s <= after.start_s < ln.speech_end_s), None)
        if over is not None and _answers_early(record, over, after.start_s):
            continue
        turn = _turn_of(record, taken, before.end_s)
        yield Gap(
            turn=turn,
            kind="mid_reply",
            span=Span(before.end_s, after.start_s),
            excess_ms=silence_ms - limit_ms,
            censored=False,
            resumed_over_callee=over is not None,
        )


def _callee_waited(record: CallRecord, until_s: float, finished_after_s: float) -> bool:
    """The line that came next was meant to follow a longer silence than gives up the floor."""
    line = next((ln for ln in record.lines if ln.speech_start_s >= until_s), None)
    return (
        line is not None
        and line.kind is TurnKind.SCRIPT
        and line.after_silence_s is not None
        and line.after_silence_s > finished_after_s
    )


def _turn_of(record: CallRecord, taken: Sequence[Turn], at_s: float) -> Turn | None:
    """The turn whose reply was heard then; None for the greeting, and for what is said to a line that is no turn."""
    line = next((ln for ln in reversed(record.lines) if ln.speech_end_s <= at_s), None)
    return next((turn for turn in taken if turn.line is line), None)


def _answers_early(record: CallRecord, line: CalleeLine, onset_s: float) -> bool:
    """Speech in the middle of a line is a reply given too early, not the rest of the one before."""
    if record.probe.hears_audio:
        return any(
            generation.first_audio_s is not None and line.speech_start_s < generation.first_audio_s <= onset_s
            for generation in record.probe.generations
        )
    return onset_s - line.speech_start_s >= SOONEST_REPLY_S
