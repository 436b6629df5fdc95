"""What the simulator says that was so, put beside the rows of the tables. Nothing but calibration reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Matched", "Row", "TrueClose", "TrueTurn", "Truth", "matched", "read_truth"]

Row = Mapping[str, Any]
"""Of a table, by column."""

SAME_LINE_S = 0.6
"""The endpoint hears a line end this much later at most, or it is another line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueTurn:
    """One utterance of the caller as the endpoint heard it, and what it did; run seconds."""

    call_id: str
    number: int
    """From 1 in the call; the goodbye counts, too."""
    speech_end_s: float
    """By the position inside the chunk."""
    detected_s: float
    first_audio_s: float | None
    """The reply's first audio part was sent; None if none was."""
    fault: str | None
    hole_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueClose:
    """A 1011 that the endpoint sent; run seconds."""

    call_id: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """All of a run."""

    turns: tuple[TrueTurn, ...]
    closes: tuple[TrueClose, ...]

    def next_audio_s(self, turn: TrueTurn) -> float | None:
        """When the agent's endpoint next spoke in that call, whatever woke it."""
        later = (
            other.first_audio_s
            for other in self.turns
            if other.call_id == turn.call_id and other.number >= turn.number and other.first_audio_s is not None
        )
        return min(later, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A script turn of the tables with what was true of it."""

    row: Row
    truth: TrueTurn

    @property
    def true_ms(self) -> float | None:
        """From the end of the caller's speech to the first audio sent."""
        first = self.truth.first_audio_s
        return None if first is None else (first - self.truth.speech_end_s) * 1000

    @property
    def latency_ms(self) -> float | None:
        """As measured."""
        value: float | None = self.row["latency_ms"]
        return value

    @property
    def up_ms(self) -> float:
        """Part of the path: from the end of speech as sent to the same as the endpoint received it."""
        return (self.truth.speech_end_s - float(self.row["speech_end_s"])) * 1000

    @property
    def usable(self) -> bool:
        """The tester was well, and there is a latency on both sides."""
        return bool(self.row["valid"]) and self.latency_ms is not None and self.true_ms is not None


def read_truth(path: Path) -> Truth:
    """From `truth/gemini.jsonl` of a run; a run in which nothing came so far has none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return truth_of(json.loads(line) for line in lines if line.endswith("}"))


def truth_of(lines: Iterable[Row]) -> Truth:
    """From the lines."""
    ends: list[Row] = []
    first: dict[tuple[str, int], float] = {}
    faults: dict[tuple[str, int], Row] = {}
    closes = []
    for line in lines:
        call = line.get("call_id") or ""
        match line["type"]:
            case "caller_speech_end":
                ends.append(line)
            case "reply_started" if line["kind"] == "reply":
                first[call, line["turn"]] = line["at_s"]
            case "fault":
                faults[call, line["turn"]] = line
            case "closed" if line["side"] == "server" and line["code"] == 1011:
                closes.append(TrueClose(call_id=call, at_s=line["t"]))
    turns = []
    for end in ends:
        key = (end.get("call_id") or "", end["turn"])
        fault = faults.get(key, {})
        turns.append(
            TrueTurn(
                call_id=key[0],
                number=key[1],
                speech_end_s=end["at_s"],
                detected_s=end["detected_s"],
                first_audio_s=first.get(key),
                fault=fault.get("fault"),
                hole_ms=fault.get("hole_ms"),
            )
        )
    return Truth(turns=tuple(turns), closes=tuple(closes))


def matched(truth: Truth, turns: Sequence[Row]) -> list[Matched]:
    """Script turns with the utterance that ended nearest to their line; those that the endpoint never heard are left
    out."""
    found = []
    for row in turns:
        if row["kind"] != "script":
            continue
        near = [
            turn
            for turn in truth.turns
            if turn.call_id == row["call_id"] and abs(turn.speech_end_s - row["speech_end_s"]) < SAME_LINE_S
        ]
        if near:
            end_s = row["speech_end_s"]
            found.append(Matched(row=row, truth=min(near, key=lambda turn: abs(turn.speech_end_s - end_s))))
    return found
