"""What was heard in a turn that is no ordinary reply, in words of a fixed list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from loadtest.audio.sounds import SoundKind
from loadtest.measure.call_record import CallRecord
from loadtest.measure.gaps import Gap
from loadtest.measure.speech import Span, first_onset
from loadtest.measure.turns import Turn, TurnOutcome
from loadtest.record.events import TurnKind

__all__ = ["Label", "labels", "talked_over_ms"]

NOISE_S = 0.3
"""Comfort noise that fills less of the wait says nothing."""
UNHEARD_S = 1.0
"""Audio that arrives at the agent is heard within this, if it can be heard."""


class Label(StrEnum):
    """docs/measurement.md defines each."""

    BACKCHANNEL = "backchannel"
    BREATH = "breath"
    CLICK = "click"
    COMFORT_NOISE = "comfort_noise"
    CUT_BY_CALLEE = "cut_by_callee"
    DTMF = "dtmf"
    HOLE = "hole"
    NEAR_ZERO = "near_zero"
    REPEATED = "repeated"
    SECOND_GREETING = "second_greeting"


def labels(taken: Sequence[Turn], record: CallRecord, found: Sequence[Gap]) -> tuple[tuple[Label, ...], ...]:
    """The labels of each turn of a call, sorted; a script turn has those of its re-prompts as well."""
    own = [set(_of_turn(turn, record, found)) for turn in taken]
    for i, turn in enumerate(taken):
        if turn.line.kind is TurnKind.SCRIPT:
            again = (
                own[j]
                for j, other in enumerate(taken)
                if other.line.kind is TurnKind.REPROMPT and other.line.answers_turn == turn.line.turn
            )
            own[i] = own[i].union(*again)
    return tuple(tuple(sorted(names)) for names in own)


def talked_over_ms(turn: Turn, record: CallRecord) -> float | None:
    """For how much of the line the agent spoke as well, backchannels aside; null unless it talked over it."""
    if turn.outcome is not TurnOutcome.TALKED_OVER:
        return None
    return sum(_shared_s(span, turn.line.speech_start_s, turn.line.speech_end_s) for span in record.speech) * 1000


def _of_turn(turn: Turn, record: CallRecord, found: Sequence[Gap]) -> Iterator[Label]:
    line, end_s = turn.line, turn.span.end_s
    if record.acoustics is None or record.recorded is None:
        return
    zero_s = record.recorded.start_s
    onset_s = first_onset(record.speech, line.speech_end_s)
    wait = Span(line.speech_end_s, end_s if onset_s is None else min(onset_s, end_s))
    if any(line.speech_start_s <= span.start_s < end_s for span in record.backchannels):
        yield Label.BACKCHANNEL
    for sound in record.acoustics.sounds:
        start_s, over_s = zero_s + sound.start_s, zero_s + sound.end_s
        match sound.kind:
            case SoundKind.COMFORT_NOISE:
                if _shared_s(Span(start_s, over_s), wait.start_s, wait.end_s) >= NOISE_S:
                    yield Label.COMFORT_NOISE
            case SoundKind.NEAR_ZERO:
                if turn.outcome is TurnOutcome.NO_REPLY and wait.holds(start_s):
                    yield Label.NEAR_ZERO
            case _:
                if line.speech_start_s <= start_s < end_s:
                    yield Label(sound.kind.value)
    if _unheard(turn, record, wait):
        yield Label.NEAR_ZERO
    if any(gap.turn is turn and gap.kind == "mid_reply" for gap in found):
        yield Label.HOLE
    if turn.cut_by_callee:
        yield Label.CUT_BY_CALLEE
    yield from _said_twice(turn, record, zero_s)


def _unheard(turn: Turn, record: CallRecord, wait: Span) -> bool:
    """The model's audio came, all of it, and nothing was heard: the probe knows what the ear cannot."""
    return turn.outcome is TurnOutcome.NO_REPLY and any(
        generation.first_audio_s is not None
        and generation.complete_s is not None
        and turn.line.speech_start_s < generation.first_audio_s <= wait.end_s - UNHEARD_S
        for generation in record.probe.generations
    )


def _said_twice(turn: Turn, record: CallRecord, zero_s: float) -> Iterator[Label]:
    assert record.acoustics is not None
    first_line = record.lines[0]
    following = next((ln for ln in record.lines if ln.start_s >= turn.span.end_s), None)
    for repeat in record.acoustics.repeats:
        first_s, again_s = zero_s + repeat.first_s, zero_s + repeat.again_s
        # What is heard before the next line has ended is no reply to that, but what was still to come of this one.
        over_s = turn.span.end_s if following is None else following.speech_end_s
        if turn.line.speech_end_s <= first_s < turn.span.end_s and again_s < over_s:
            yield Label.REPEATED
        if first_s < first_line.speech_start_s and turn.span.holds(again_s):
            yield Label.SECOND_GREETING


def _shared_s(span: Span, start_s: float, end_s: float) -> float:
    return max(0.0, min(span.end_s, end_s) - max(span.start_s, start_s))
