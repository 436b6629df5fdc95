"""From the folders of a calibration's runs to its figures: tables and truth in, statistics out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.jobs.calibrate.design import ECHO_DELAY_S
from loadtest.jobs.calibrate.fit import Apart, Fit, Middle, apart, fit, middle
from loadtest.jobs.calibrate.found import Found, closes_found, dead_air_found, holes_found
from loadtest.jobs.calibrate.truth import Matched, Row, Truth, matched, read_truth
from loadtest.jobs.calibrate.truths import ECHO, SAME
from loadtest.record.layout import RunFolder
from loadtest.record.tables import read_table

__all__ = ["Evidence", "Floor", "PathParts", "evidence", "floor", "path_parts", "same_arms", "sweep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One run: what was measured, and what was so."""

    calls: Sequence[Row]
    turns: Sequence[Row]
    """Of all arms, re-prompts included."""
    gaps: Sequence[Row]
    closes: Sequence[Row]
    truth: Truth
    matched: Sequence[Matched]
    """Script turns of arms with an endpoint."""

    @property
    def echoes(self) -> list[Row]:
        """Script turns of the echo."""
        return [row for row in self.turns if row["arm"] == ECHO and row["kind"] == "script"]

    @property
    def script_turns(self) -> list[Row]:
        return [row for row in self.turns if row["kind"] == "script"]

    def holes(self) -> Found:
        return holes_found(self.matched, self.echoes, self.gaps)

    def dead_air(self, offset_ms: float) -> Found:
        return dead_air_found(self.matched, self.truth, self.gaps, offset_ms=offset_ms)

    def closes_1011(self) -> Found:
        return closes_found(self.truth, self.closes, self.calls, len(self.matched))


@dataclass(frozen=True, slots=True, kw_only=True)
class PathParts:
    """What a latency has beyond the endpoint's own time, and where it comes from; ms."""

    offset: Middle
    """Measured less true."""
    up: Middle
    """From the end of speech as sent to the same as the endpoint received it."""
    down: Middle
    """From the first audio sent to the onset as received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """The path there and back with nobody at its end but an echo, less the echo's own delay; ms."""

    onset: Middle
    """By the beginning of speech."""
    end: Middle
    """By its end."""


def evidence(folder: RunFolder) -> Evidence:
    """Read a run that was measured. Raises RecordError."""

    def rows(name: str) -> list[dict[str, Any]]:
        return read_table(folder.table(name), name).to_dicts()

    truth, turns = read_truth(folder.truth / "gemini.jsonl"), rows("turns")
    return Evidence(
        calls=rows("calls"),
        turns=turns,
        gaps=rows("gaps"),
        closes=rows("closes"),
        truth=truth,
        matched=matched(truth, turns),
    )


def sweep(turns: Sequence[Matched]) -> Fit | None:
    """Measured against true."""
    usable = [turn for turn in turns if turn.usable]
    return fit([turn.true_ms or 0.0 for turn in usable], [turn.latency_ms or 0.0 for turn in usable])


def path_parts(turns: Sequence[Matched]) -> PathParts | None:
    """None without usable turns."""
    beyond = [((turn.latency_ms or 0.0) - (turn.true_ms or 0.0), turn.up_ms) for turn in turns if turn.usable]
    offset, up = middle([both for both, _ in beyond]), middle([up_ms for _, up_ms in beyond])
    down = middle([both - up_ms for both, up_ms in beyond])
    return None if offset is None or up is None or down is None else PathParts(offset=offset, up=up, down=down)


def floor(echoes: Sequence[Row]) -> Floor | None:
    """None if no echo was heard in a valid turn."""
    heard = [row for row in echoes if row["valid"] and row["latency_ms"] is not None]
    onset = middle([(row["reply_start_s"] - row["speech_start_s"] - ECHO_DELAY_S) * 1000 for row in heard])
    end = middle([(row["reply_end_s"] - row["speech_end_s"] - ECHO_DELAY_S) * 1000 for row in heard])
    return None if onset is None or end is None else Floor(onset=onset, end=end)


def same_arms(turns: Sequence[Matched]) -> Apart | None:
    """How far the identical arms are apart in what is measured, turn by turn of the same truth."""
    by_place: dict[tuple[int, str], dict[str, float]] = {}
    for turn in turns:
        block = turn.row["block"]
        if turn.usable and block is not None:
            place = by_place.setdefault((block, turn.row["line"]), {})
            place[turn.row["arm"]] = turn.latency_ms or 0.0
    blocks: dict[int, list[float]] = {}
    for (block, _), of in by_place.items():
        if all(arm in of for arm in SAME):
            blocks.setdefault(block, []).append(of[SAME[0]] - of[SAME[1]])
    return apart(blocks)
