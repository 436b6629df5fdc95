"""Each utterance of the callee and what followed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from loadtest.measure.barge_ins import Interruption, interruptions
from loadtest.measure.call_record import CalleeLine, CallRecord
from loadtest.measure.speech import Span, utterances
from loadtest.record.events import TurnKind
from loadtest.scenario.models import Scenario

__all__ = ["Turn", "TurnOutcome", "turns"]


class TurnOutcome(StrEnum):
    """What the callee heard after a line."""

    ANSWERED = "answered"
    NO_REPLY = "no_reply"
    TALKED_OVER = "talked_over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One utterance of the callee but the goodbye; run seconds."""

    line: CalleeLine
    outcome: TurnOutcome | None
    """None without a recording, or if the line was not said to its end."""
    reply: Span | None
    """The reply, pauses shorter than agent_finished_after_s included; only if answered."""
    lost: bool | None
    """Script turns: no reply in time. None for others, and where the call was over before that could be known."""
    censored: bool
    """The tester ended the call, or its recording, before it was known whether a reply would come."""
    reprompts: int | None
    """Script turns: re-prompts that followed."""
    span: Span
    """From the line's start to the next turn's, re-prompts of a script turn included, or to the end of the call."""
    open: bool
    """Nothing of the callee followed it."""
    stop_ms: float | None = None
    """Barge-ins: from the onset of its speech to the end of the agent's speech in progress; None if there was none."""
    cut_by_callee: bool = False
    """The reply ended when the callee barged in."""

    @property
    def latency_ms(self) -> float | None:
        return None if self.reply is None else (self.reply.start_s - self.line.speech_end_s) * 1000


def turns(record: CallRecord, scenario: Scenario) -> tuple[Turn, ...]:
    """The call's turns in order.

    A reply is the first speech of the agent to begin after the line's speech has ended and before the next line; a
    re-prompt only closes that window when it has ended itself. A reply later than reply_limit_s is none.
    """
    finished_after_s = scenario.callee.agent_finished_after_s
    interrupted = interruptions(record, finished_after_s)
    heard = utterances(record.speech, finished_after_s, {one.cut.end_s for one in interrupted})
    return tuple(
        _turn(record, heard, interrupted, i, scenario.reply_limit_s)
        for i, line in enumerate(record.lines)
        if line.turn is not None
    )


def _turn(
    record: CallRecord,
    heard: Sequence[Span],
    interrupted: Sequence[Interruption],
    index: int,
    reply_limit_s: float,
) -> Turn:
    line, following = record.lines[index], record.lines[index + 1 :]
    scripted = line.kind is TurnKind.SCRIPT
    later = [n for n in following if not (scripted and n.kind is TurnKind.REPROMPT)]
    end_s = later[0].start_s if later else max(record.last_s, line.start_s)
    reprompts = len(following[: following.index(later[0])] if later else following) if scripted else None

    own = next((one for one in interrupted if one.line is line), None)
    if line.kind is TurnKind.BARGE_IN:
        # What the agent was saying when it was interrupted is no reply, and has talked over nobody.
        begun_s = line.speech_start_s if own is None else own.cut.end_s
        heard = [speech for speech in heard if speech.start_s >= begun_s]
    outcome, reply, lost, censored = _heard_after(record, heard, line, following[:1], reply_limit_s)
    return Turn(
        line=line,
        outcome=outcome,
        reply=reply,
        lost=lost if scripted else None,
        censored=censored,
        reprompts=reprompts,
        span=Span(line.start_s, end_s),
        open=not later,
        stop_ms=None if own is None else own.stop_ms,
        cut_by_callee=any(one.stopped and reply is not None and reply.end_s == one.cut.end_s for one in interrupted),
    )


def _heard_after(
    record: CallRecord, heard: Sequence[Span], line: CalleeLine, following: Sequence[CalleeLine], reply_limit_s: float
) -> tuple[TurnOutcome | None, Span | None, bool | None, bool]:
    """Outcome, reply, lost, censored."""
    end_s, over_s = line.speech_end_s, record.heard_until_s
    if record.recorded is None:
        return None, None, None, False
    if end_s > over_s:
        return None, None, None, True
    next_s = min((n.speech_end_s if n.kind is TurnKind.REPROMPT else n.speech_start_s for n in following), default=None)
    deadline_s = min(end_s + reply_limit_s, next_s if next_s is not None else float("inf"))

    if any(speech.start_s < end_s < speech.end_s for speech in heard):
        return TurnOutcome.TALKED_OVER, None, False, False
    reply = next((speech for speech in heard if end_s <= speech.start_s < min(deadline_s, over_s)), None)
    if reply is not None:
        return TurnOutcome.ANSWERED, reply, False, False
    decided = over_s >= deadline_s
    if any(speech.start_s < end_s and speech.end_s > line.speech_start_s for speech in heard):
        # It spoke into the line and had finished before its end. A callee that goes on takes that for the reply.
        went_on = deadline_s == next_s and all(n.kind is not TurnKind.REPROMPT for n in following)
        return TurnOutcome.TALKED_OVER, None, decided and not went_on, False
    if decided or record.agent_ended_it:
        return TurnOutcome.NO_REPLY, None, True, False
    return TurnOutcome.NO_REPLY, None, None, True
