"""Why a silence, a cut reply or a late one: only what was recorded says so, never a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.measure.call_record import CallRecord
from loadtest.measure.calls import greeting_s
from loadtest.measure.closes import REPLY_AHEAD_S, Close
from loadtest.measure.gaps import Gap
from loadtest.measure.probe_log import Generation
from loadtest.measure.speech import Span, first_onset
from loadtest.measure.turns import Turn, TurnOutcome
from loadtest.record.events import AgentLeft, TurnKind

__all__ = ["Cause", "cut_by", "delayed_by", "gap_cause", "greeting_taken_by", "silenced_by"]

AGENT_LAG_MS = 1000.0
"""The agent explains a silence in which its event loop was blocked, or a tool was open, for so long in all."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What a gap is put down to."""

    cause: str
    """ws_close goaway refused stall empty_turn slow agent tester unknown."""
    close_id: str | None = None


def gap_cause(gap: Gap, record: CallRecord, ended: Sequence[Close], *, tester_late: bool) -> Cause:
    """The cause of a gap. `tester_late`: the tester itself was disturbed meanwhile."""
    if not record.probe.heard:
        return Cause("tester" if tester_late else "unknown")
    close = _close_in_hole(gap, record, ended) if gap.kind == "mid_reply" else _close_in_dead_air(gap, record, ended)
    if _doubtful(gap, record, ended, close):
        return Cause("unknown")
    if close is not None:
        return Cause(close.cause, close.close_id)
    if tester_late:
        return Cause("tester")
    if _agent_busy(record, gap.span):
        return Cause("agent")
    if record.probe.source == "agent_log" and any(
        t.meets(gap.span.start_s, gap.span.end_s) for t in record.probe.tools
    ):
        return Cause("unknown")  # for how long it was open is not told
    if not record.probe.tells_turns or record.probe.told_until_s + record.probe.uncertainty_s < gap.span.end_s:
        return Cause("unknown")
    if gap.kind == "mid_reply":
        return Cause("stall")
    return Cause(_without_close(gap, record))


def _doubtful(gap: Gap, record: CallRecord, ended: Sequence[Close], close: Close | None) -> bool:
    """By the times of a log, a close may as well have been within the silence as without."""
    if record.probe.source != "agent_log":
        return False
    u = record.probe.uncertainty_s
    if close is not None:
        return not gap.censored and close.at_s + u > gap.span.end_s
    from_s = gap.span.start_s - REPLY_AHEAD_S if gap.kind == "mid_reply" or gap.turn is None else gap.turn.line.start_s
    return any(c.at_s - u <= gap.span.end_s and c.at_s + u >= from_s for c in ended)


def cut_by(turn: Turn, record: CallRecord, ended: Sequence[Close]) -> Close | None:
    """The close that cut the reply of an answered turn, by coming while audio still arrived; None if the callee did."""
    if turn.reply is None or turn.cut_by_callee:
        return None
    for close in ended:
        for generation in record.probe.generations:
            if (
                close.cause != "refused"
                and close.at_s <= turn.reply.end_s + record.probe.uncertainty_s
                and generation.first_audio_s is not None
                and generation.first_audio_s > max(turn.line.speech_start_s, turn.reply.start_s - REPLY_AHEAD_S)
                # The plugin ends a turn whose connection is lost in the same breath, before or after it says so.
                and generation.first_audio_s <= close.at_s <= _over_s(generation.complete_s, generation.done_s)
            ):
                return close
    return None


def _over_s(complete_s: float | None, done_s: float | None) -> float:
    if complete_s is not None:
        return complete_s
    return float("inf") if done_s is None else done_s + 0.25


def delayed_by(turn: Turn, record: CallRecord, ended: Sequence[Close]) -> Close | None:
    """The close for whose replacement the reply of an answered turn had to wait."""
    if turn.outcome is not TurnOutcome.ANSWERED or turn.reply is None:
        return None
    from_s = turn.line.speech_end_s - record.probe.uncertainty_s
    to_s = turn.reply.start_s
    arrived = [g.first_audio_s for g in record.probe.generations if g.first_audio_s is not None]
    if record.probe.source == "agent_log":
        to_s -= REPLY_AHEAD_S  # later than that the reply may have arrived before the close
    arrived_s = min((t for t in arrived if from_s < t <= to_s), default=to_s)
    return next((close for close in ended if close.down(from_s, arrived_s)), None)


def greeting_taken_by(record: CallRecord, ended: Sequence[Close]) -> Close | None:
    """The close for which an agent never greeted: nothing else was open while the callee waited for it."""
    answered_s = record.answered_s
    if answered_s is None or record.recorded is None or greeting_s(record) is not None:
        return None
    until_s = record.lines[0].speech_start_s if record.lines else record.heard_until_s
    return next((c for c in reversed(ended) if c.at_s <= until_s and c.down(answered_s, until_s)), None)


def silenced_by(turn: Turn, record: CallRecord, ended: Sequence[Close]) -> Close | None:
    """The close that took the reply of a turn that got none; of a re-prompt's, too."""
    if turn.outcome is not TurnOutcome.NO_REPLY or turn.censored:
        return None
    onset_s = first_onset(record.speech, turn.line.speech_end_s)
    end_s = turn.span.end_s if onset_s is None else min(onset_s, turn.span.end_s)
    return _close_in_silence(turn, end_s, record, ended)


def _close_in_silence(turn: Turn, end_s: float, record: CallRecord, ended: Sequence[Close]) -> Close | None:
    line = turn.line
    within = [c for c in ended if c.down(line.start_s - record.probe.uncertainty_s, end_s)]
    if not within:
        return None
    if within[-1].cause == "refused" and within[-1].back_s is None:
        return within[-1]  # whatever began it, this is why it lasted to the end
    # What came after the line has taken its reply; a close before it only if there was no other.
    return next((c for c in within if c.at_s >= line.speech_end_s), within[-1])


def _close_in_dead_air(gap: Gap, record: CallRecord, ended: Sequence[Close]) -> Close | None:
    assert gap.turn is not None
    return _close_in_silence(gap.turn, gap.span.end_s, record, ended)


def _close_in_hole(gap: Gap, record: CallRecord, ended: Sequence[Close]) -> Close | None:
    began = [s.start_s for s in record.speech if s.end_s <= gap.span.start_s]
    said = [ln.speech_end_s for ln in record.lines if ln.speech_end_s <= gap.span.start_s]
    asked_s = said[-1] if said else float("-inf")
    reply_s = next((s for s in began if s >= asked_s), gap.span.start_s)
    return next(
        (c for c in ended if c.phase == "replying" and reply_s - REPLY_AHEAD_S <= c.at_s <= gap.span.end_s), None
    )


def _agent_busy(record: CallRecord, span: Span) -> bool:
    if sum(lag.ms for lag in record.probe.lags if lag.span.meets(span.start_s, span.end_s)) >= AGENT_LAG_MS:
        return True
    left = record.first(AgentLeft)
    if left is not None and span.start_s <= left.t <= span.end_s:
        return True
    open_s = (min(tool.end_s, span.end_s) - max(tool.start_s, span.start_s) for tool in record.probe.tools)
    return sum(s for s in open_s if s > 0) * 1000 >= AGENT_LAG_MS


def _without_close(gap: Gap, record: CallRecord) -> str:
    assert gap.turn is not None
    spoken_s = gap.turn.line.speech_start_s
    again = [ln for ln in record.lines if ln.kind is TurnKind.REPROMPT and ln.answers_turn == gap.turn.line.turn]
    asked_again_s = again[0].speech_end_s if again else float("inf")
    ours = [g for g in record.probe.generations if g.created_s is not None and spoken_s < g.created_s <= gap.span.end_s]
    if not gap.censored and _replied_before(gap, record, asked_again_s):
        return "slow"
    unheard_s = gap.span.end_s - REPLY_AHEAD_S
    if not record.probe.hears_audio and _may_be_either(gap, record, asked_again_s):
        return "unknown"
    # Near-zero audio is as empty as none: the turn came to its end and nothing of it was heard.
    silent = any(g.empty or _unheard(g, record, unheard_s) for g in ours)
    return "empty_turn" if silent else "stall"


def _unheard(generation: Generation, record: CallRecord, until_s: float) -> bool:
    """All of its audio had arrived by then. Without any, it is a turn that the model did not bring to its end."""
    had_audio = generation.first_audio_s is not None or not record.probe.hears_audio
    return had_audio and generation.complete_s is not None and generation.complete_s < until_s


def _may_be_either(gap: Gap, record: CallRecord, asked_again_s: float) -> bool:
    """A log leaves open to what the agent replied in the end, or what a turn of the model was that ended meanwhile."""
    assert gap.turn is not None
    if not gap.censored and asked_again_s <= gap.span.end_s <= asked_again_s + REPLY_AHEAD_S:
        return True
    said_s, unheard_s = gap.turn.line.speech_end_s, gap.span.end_s - REPLY_AHEAD_S
    over = [(g, g.done_s) for g in record.probe.generations if g.done_s is not None]
    # It may be the turn before; or it may have called a tool, if it is not told that it had audio.
    return any(
        g.created_s is None or (not g.empty and g.complete_s is None and done_s < unheard_s)
        for g, done_s in over
        if said_s < done_s <= gap.span.end_s
    )


def _replied_before(gap: Gap, record: CallRecord, asked_again_s: float) -> bool:
    """What ended the silence was the reply to the line itself, not to a re-prompt."""
    if asked_again_s > gap.span.end_s:
        return True
    return any(
        g.first_audio_s is not None
        and gap.span.end_s - REPLY_AHEAD_S <= g.first_audio_s <= min(asked_again_s, gap.span.end_s)
        for g in record.probe.generations
    )
