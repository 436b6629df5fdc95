"""What was measured in one call, as rows of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.measure.attribution import cut_by, delayed_by, gap_cause, greeting_taken_by, silenced_by
from loadtest.measure.barge_ins import interruptions
from loadtest.measure.call_record import CallRecord
from loadtest.measure.calls import call_row
from loadtest.measure.closes import Close, closes
from loadtest.measure.connections import Connection, connections
from loadtest.measure.disputes import confirmed, disputed
from loadtest.measure.gaps import Gap, gaps
from loadtest.measure.labels import Label, labels, talked_over_ms
from loadtest.measure.machine import Machine
from loadtest.measure.speech import utterances
from loadtest.measure.turns import Turn, turns
from loadtest.measure.validity import disturbances, invalid_call, invalid_turn, lateness
from loadtest.record.events import TurnKind
from loadtest.scenario.models import Scenario

__all__ = ["CallRows", "call_rows"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallRows:
    """A call's rows, by table."""

    calls: Sequence[Row]
    turns: Sequence[Row]
    gaps: Sequence[Row]
    connections: Sequence[Row]
    closes: Sequence[Row]


def call_rows(run_id: str, record: CallRecord, scenario: Scenario, machine: Machine) -> CallRows:
    """Measure one call."""
    planned, limits = record.planned, scenario.validity
    agent = scenario.arms[planned.arm].agent
    late = disturbances(record, limits, machine, own_agent=agent.reference)
    alone = turns(record, scenario)
    record = confirmed(record, scenario.callee.agent_finished_after_s)
    taken = turns(record, scenario)
    found = connections(record)
    finished_after_s = scenario.callee.agent_finished_after_s
    cuts_s = {one.cut.end_s for one in interruptions(record, finished_after_s)}
    ended = closes(record, found, utterances(record.speech, finished_after_s, cuts_s))

    silences = gaps(record, taken, scenario)
    gap_rows = [
        _gap_row(gap, record, ended, tester_late=bool(lateness(gap.span, late, machine, limits))) for gap in silences
    ]
    turn_rows = [
        _turn_row(turn, record, found, ended, gap_rows, heard, invalid_turn(turn, record, late, machine, limits))
        | _second_opinion(turn, by_energy, record)
        for turn, by_energy, heard in zip(taken, alone, labels(taken, record, silences), strict=True)
    ]
    audible = {row["close_id"] for row in (*gap_rows, *turn_rows)}
    if (silent := greeting_taken_by(record, ended)) is not None:
        audible.add(silent.close_id)
    lead = {
        "run_id": run_id,
        "call_id": planned.call_id,
        "arm": planned.arm,
        "block": planned.block,
        "slot": planned.slot,
    }

    def finish(rows: Sequence[Row]) -> list[Row]:
        return [lead | {name: _rounded(name, value) for name, value in row.items()} for row in rows]

    return CallRows(
        calls=finish([call_row(record, found, invalid_call(record, late, machine, limits))]),
        turns=finish(turn_rows),
        gaps=finish(gap_rows),
        connections=finish([_connection_row(c, record) for c in found]),
        closes=finish([_close_row(c, record, _audible(c, audible, record)) for c in ended]),
    )


def _rounded(name: str, value: Any) -> Any:
    """Microseconds: finer than anything here is known, and the same on every machine."""
    return round(value, 3 if name.endswith("_ms") else 6) if isinstance(value, float) else value


def _connection_id(connection: Connection, record: CallRecord) -> str:
    return f"{record.planned.call_id}/{connection.n}"


def _turn_row(
    turn: Turn,
    record: CallRecord,
    found: Sequence[Connection],
    ended: Sequence[Close],
    gap_rows: Sequence[Row],
    heard: Sequence[Label],
    invalid: Sequence[str],
) -> Row:
    line, reply = turn.line, turn.reply
    cut = cut_by(turn, record, ended)
    costly = (cut, delayed_by(turn, record, ended), silenced_by(turn, record, ended))
    of_gap = [row["close_id"] for row in gap_rows if row["turn"] == line.turn and row["close_id"] is not None]
    close_id = next((c.close_id for c in costly if c is not None), None)
    connection = next((c for c in found if c.open_at(line.speech_end_s)), None)
    return {
        "turn": line.turn,
        "kind": line.kind.value,
        "line": line.name,
        "speech_start_s": line.speech_start_s,
        "speech_end_s": line.speech_end_s,
        "reply_start_s": None if reply is None else reply.start_s,
        "reply_end_s": None if reply is None else reply.end_s,
        "latency_ms": turn.latency_ms,
        "outcome": None if turn.outcome is None else turn.outcome.value,
        "lost": turn.lost,
        "truncated": None if reply is None or not record.probe.hears_audio else cut is not None,
        "reprompts": turn.reprompts,
        "stop_ms": turn.stop_ms,
        "talked_over_ms": talked_over_ms(turn, record),
        "labels": "; ".join(heard) or None,
        "connection_id": None if connection is None else _connection_id(connection, record),
        "close_id": of_gap[0] if of_gap else close_id,
        "valid": not invalid,
        "invalid_reason": "; ".join(invalid) or None,
    }


def _second_opinion(turn: Turn, by_energy: Turn, record: CallRecord) -> Row:
    if record.opinions is None:
        return {}
    return {
        "disputed": disputed(turn, by_energy, record),
        "energy_outcome": None if by_energy.outcome is None else by_energy.outcome.value,
        "energy_latency_ms": by_energy.latency_ms,
    }


def _patience_s(gap: Gap, record: CallRecord) -> float:
    """After which silence the callee re-prompted; the pair's patience, but for a line with a limit of its own."""
    turn = None if gap.turn is None else gap.turn.line.turn
    again = (ln for ln in record.lines if ln.kind is TurnKind.REPROMPT and ln.answers_turn == turn)
    limit_s = next((line.after_silence_s for line in again), None)
    return record.planned.patience_s if limit_s is None else limit_s


def _gap_row(gap: Gap, record: CallRecord, ended: Sequence[Close], *, tester_late: bool) -> Row:
    because = gap_cause(gap, record, ended, tester_late=tester_late)
    return {
        "turn": None if gap.turn is None else gap.turn.line.turn,
        "kind": gap.kind,
        "start_s": gap.span.start_s,
        "end_s": gap.span.end_s,
        "gap_ms": (gap.span.end_s - gap.span.start_s) * 1000,
        "excess_ms": gap.excess_ms,
        "patience_s": _patience_s(gap, record),
        "censored": gap.censored,
        "cause": because.cause,
        "close_id": because.close_id,
        "lost_turn": gap.lost_turn,
        "resumed_over_callee": gap.resumed_over_callee,
        "evidence": record.probe.evidence,
    }


def _connection_row(connection: Connection, record: CallRecord) -> Row:
    return {
        "connection_id": _connection_id(connection, record),
        "n": connection.n,
        "opened_s": connection.opened_s,
        "setup_ms": connection.setup_ms,
        "closed_s": connection.closed_s,
        "end": connection.end,
        "resumed": connection.resumed,
        "host": connection.host,
        "evidence": record.probe.evidence,
    }


def _audible(close: Close, costly: set[Any], record: CallRecord) -> bool | None:
    """Something was put down to it; None: what it may have cut off a reply is not told."""
    if close.close_id in costly:
        return True
    return None if close.phase in {"replying", None} and not record.probe.hears_audio else False


def _close_row(close: Close, record: CallRecord, audible: bool | None) -> Row:
    return {
        "close_id": close.close_id,
        "connection_id": _connection_id(close.connection, record),
        "at_s": close.at_s,
        "at_uncertainty_ms": record.probe.uncertainty_ms,
        "code": close.code,
        "reason": close.reason,
        "side": close.side,
        "phase": close.phase,
        "http_status": close.http_status,
        "connection_age_s": close.connection_age_s,
        "session_age_s": close.session_age_s,
        "reconnect_ms": None if close.back_s is None else (close.back_s - close.at_s) * 1000,
        "resumed": close.resumed,
        "recovered": close.recovered,
        "audible": audible,
        "evidence": record.probe.evidence,
    }
