"""The blind test: numbers first, then the truth that was sealed before anything was dialled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.jobs.calibrate.evidence import Evidence
from loadtest.jobs.calibrate.fit import Fit, Middle, middle
from loadtest.jobs.calibrate.found import Found, holes_found
from loadtest.jobs.calibrate.truth import Matched, Row
from loadtest.jobs.calibrate.truths import TurnTruth

__all__ = ["Blind", "Number", "compared", "numbers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """What is said of one turn before its truth is known; ms. From the tables and the fit alone."""

    call_id: str
    turn: int
    latency_ms: float | None
    estimate_ms: float | None
    """What must have been true, by the fit of the turns whose truth was known; None without a latency or a fit."""
    gap_ms: float | None
    """Of the longest hole heard in the reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """How the numbers stand against the truth."""

    sha256: str
    """Of the sealed file, printed before the first call."""
    turns: int
    off_seal_ms: float | None
    """Largest distance of what the endpoint did from what had been sealed: its log against the file."""
    error: Middle | None
    """Estimated less true."""
    gaps: Found


def numbers(turns: Sequence[Row], gaps: Sequence[Row], calls: Sequence[str], line: Fit | None) -> list[Number]:
    """Of the valid script turns of these calls."""
    found = []
    for row in turns:
        if row["kind"] != "script" or row["call_id"] not in calls or not row["valid"]:
            continue
        holes = [
            gap["gap_ms"]
            for gap in gaps
            if (gap["call_id"], gap["turn"], gap["kind"]) == (row["call_id"], row["turn"], "mid_reply")
        ]
        latency = row["latency_ms"]
        found.append(
            Number(
                call_id=row["call_id"],
                turn=row["turn"],
                latency_ms=latency,
                estimate_ms=None if latency is None or line is None else line.true_ms(latency),
                gap_ms=max(holes, default=None),
            )
        )
    return found


def compared(
    told: Sequence[Number], sealed: Mapping[str, Sequence[TurnTruth]], sha256: str, measured: Evidence
) -> Blind:
    """Hold the numbers against the endpoint's log, and the log against what had been sealed."""
    turns = [turn for turn in measured.matched if turn.row["call_id"] in sealed]
    estimates = {(number.call_id, number.turn): number.estimate_ms for number in told}
    errors = []
    for turn in turns:
        estimate = estimates.get((turn.row["call_id"], turn.row["turn"]))
        if estimate is not None and turn.true_ms is not None:
            errors.append(estimate - turn.true_ms)
    off = [_off_seal_ms(turn, sealed[turn.row["call_id"]]) for turn in turns]
    return Blind(
        sha256=sha256,
        turns=len(errors),
        off_seal_ms=max((ms for ms in off if ms is not None), default=None),
        error=middle(errors),
        gaps=holes_found(turns, (), [gap for gap in measured.gaps if gap["call_id"] in sealed]),
    )


def _off_seal_ms(turn: Matched, sealed: Sequence[TurnTruth]) -> float | None:
    truth = turn.truth
    if truth.number > len(sealed) or truth.first_audio_s is None:
        return None
    put_away = sealed[truth.number - 1]
    late_ms = abs((truth.first_audio_s - truth.detected_s) * 1000 - put_away.delay_ms)
    return max(late_ms, abs((truth.hole_ms or 0.0) - (put_away.hole_ms or 0.0)))
