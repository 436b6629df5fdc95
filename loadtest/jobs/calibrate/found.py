"""Injected gaps and 1011s: which were found, how long they were taken to be, and what was found besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.jobs.calibrate.fit import Middle, middle
from loadtest.jobs.calibrate.truth import Matched, Row, Truth

__all__ = ["Found", "closes_found", "dead_air_found", "holes_found", "together"]

SAME_CLOSE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was injected in valid turns, what of it was found, and what was found in all valid `turns` besides."""

    injected: int
    found: int
    not_judged: int
    """Injected in turns that are invalid."""
    invented: int
    turns: int
    errors_ms: tuple[float, ...]
    """Measured less true, of those found."""

    @property
    def error(self) -> Middle | None:
        return middle(self.errors_ms)


def together(parts: Sequence[Found]) -> Found:
    """Of several runs."""
    return Found(
        injected=sum(part.injected for part in parts),
        found=sum(part.found for part in parts),
        not_judged=sum(part.not_judged for part in parts),
        invented=sum(part.invented for part in parts),
        turns=sum(part.turns for part in parts),
        errors_ms=tuple(error for part in parts for error in part.errors_ms),
    )


def holes_found(turns: Sequence[Matched], echoes: Sequence[Row], gaps: Sequence[Row]) -> Found:
    """Of holes in replies. echoes: script turns of the echo, in which nothing was injected either.

    Of a turn with a hole one gap is the hole, the nearest in length; any other is invented. One in a greeting, too.
    """
    rows = [gap for gap in gaps if gap["kind"] == "mid_reply"]
    injected = found = not_judged = invented = judged = 0
    errors = []
    for turn in turns:
        here = [gap["gap_ms"] for gap in rows if _of(turn.row, gap)]
        hole_ms = turn.truth.hole_ms
        judged += bool(turn.row["valid"])
        if not turn.row["valid"]:
            not_judged += hole_ms is not None
        elif hole_ms is None:
            invented += len(here)
        else:
            injected += 1
            if here:
                found += 1
                errors.append(min((gap_ms - hole_ms for gap_ms in here), key=abs))
                invented += len(here) - 1
    valid = [row for row in echoes if row["valid"]]
    invented += sum(any(_of(row, gap) for row in valid) for gap in rows)
    # A greeting's hole has no turn; none is injected there.
    calls = {turn.row["call_id"] for turn in turns if turn.row["valid"]}
    invented += sum(gap["turn"] is None and gap["call_id"] in calls for gap in rows)
    return Found(
        injected=injected,
        found=found,
        not_judged=not_judged,
        invented=invented,
        turns=judged + len(valid),
        errors_ms=tuple(errors),
    )


def dead_air_found(turns: Sequence[Matched], truth: Truth, gaps: Sequence[Row], *, offset_ms: float) -> Found:
    """Of replies that a 1011 swallowed (F1). offset_ms: of the path, by which a silence is longer than at the endpoint,
    as a reply is later; without it the error would be the offset's.
    """
    rows = [gap for gap in gaps if gap["kind"] == "dead_air"]
    injected = found = not_judged = invented = judged = 0
    errors = []
    for turn in turns:
        here = [gap["gap_ms"] for gap in rows if _of(turn.row, gap)]
        judged += bool(turn.row["valid"])
        if turn.truth.fault != "F1":
            invented += len(here) if turn.row["valid"] else 0
        elif not turn.row["valid"]:
            not_judged += 1
        else:
            injected += 1
            woke_s = truth.next_audio_s(turn.truth)
            if here:
                found += 1
                if woke_s is not None:
                    errors.append(here[0] - (woke_s - turn.truth.speech_end_s) * 1000 - offset_ms)
    return Found(
        injected=injected,
        found=found,
        not_judged=not_judged,
        invented=invented,
        turns=judged,
        errors_ms=tuple(errors),
    )


def closes_found(truth: Truth, closes: Sequence[Row], calls: Sequence[Row], turns: int) -> Found:
    """Of 1011s that the endpoint sent before the hang-up, as the probe saw them. turns: for comparison."""
    ended = {row["call_id"]: row["ended_s"] for row in calls if row["ended_s"] is not None}
    sent = [close for close in truth.closes if close.at_s < ended.get(close.call_id, 0.0)]
    seen = [row for row in closes if row["code"] == 1011 and row["side"] == "server"]
    errors = []
    taken: set[str] = set()
    for close in sorted(sent, key=lambda close: close.at_s):
        near = [
            row
            for row in seen
            if row["call_id"] == close.call_id
            and row["close_id"] not in taken
            and abs(row["at_s"] - close.at_s) < SAME_CLOSE_S
        ]
        if near:
            best = min(near, key=lambda row, at_s=close.at_s: abs(float(row["at_s"]) - at_s))  # type: ignore[misc]
            taken.add(best["close_id"])
            errors.append((best["at_s"] - close.at_s) * 1000)
    return Found(
        injected=len(sent),
        found=len(taken),
        not_judged=0,
        invented=len(seen) - len(taken),
        turns=turns,
        errors_ms=tuple(errors),
    )


def _of(turn: Row, gap: Row) -> bool:
    return bool(gap["call_id"] == turn["call_id"] and gap["turn"] == turn["turn"])
