"""What two detectors make of the same call: where they do not agree, the turn is disputed.

The energy detector says where speech begins and ends; the second one says whether that is speech.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from loadtest.measure.barge_ins import interruptions
from loadtest.measure.call_record import CallRecord
from loadtest.measure.speech import Span
from loadtest.measure.turns import Turn

__all__ = ["confirmed", "disputed"]

APART_S: Final = 0.1
"""Onsets further apart than this are not the same onset."""


def confirmed(record: CallRecord, finished_after_s: float) -> CallRecord:
    """The record with what both detectors call speech: where the second hears none, no utterance begins.

    Within an utterance, after a pause shorter than `finished_after_s`, nothing is judged: the end of a reply and the
    holes in it are the energy detector's alone.
    """
    if record.opinions is None:
        return record
    cuts_s = {one.cut.end_s for one in interruptions(record, finished_after_s)}
    speech: list[Span] = []
    for span in record.speech:
        before_s = speech[-1].end_s if speech else float("-inf")
        within = span.start_s - before_s < finished_after_s and before_s not in cuts_s
        if within or record.opinions[span].speech:
            speech.append(span)
    return replace(record, speech=tuple(speech))


def disputed(turn: Turn, alone: Turn, record: CallRecord) -> bool | None:
    """Whether the detectors differ about a turn; None if there was only one, or nothing to judge.

    turn: of the confirmed record. alone: the same turn by the energy detector alone. They differ if it would have come
    out otherwise, or if the second detector puts the reply's onset more than APART_S elsewhere.
    """
    if record.opinions is None or turn.outcome is None:
        return None
    if (turn.outcome, turn.lost, _onset_s(turn)) != (alone.outcome, alone.lost, _onset_s(alone)):
        return True
    if turn.reply is None:
        return False
    opinion = next(o for span, o in record.opinions.items() if span.start_s == turn.reply.start_s)
    return opinion.onset_s is None or abs(opinion.onset_s - turn.reply.start_s) > APART_S


def _onset_s(turn: Turn) -> float | None:
    return None if turn.reply is None else turn.reply.start_s
