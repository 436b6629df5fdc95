"""Every call as the page's script draws it: who spoke when, what was closed, and which silences count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from loadtest.errors import RecordError
from loadtest.measure.acoustics import read_edges
from loadtest.record.layout import CallFolder
from loadtest.report.html.pool import Pool
from loadtest.report.rows import outside_text

__all__ = ["MOST_TURNS", "Texts", "Worst", "call_data", "shown_calls", "worst_calls"]

MOST_TURNS: Final = 12_000
"""More than this many turns make a page that no browser opens in seconds: then only the calls with the worst silences
and an even spread of the others are in it."""
WORST: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """A call that should be listened to."""

    number: int
    """In the page."""
    run_id: str
    call_id: str
    arm: str
    lost: int
    gaps: int
    gap_s: float
    """In all."""
    causes: str
    slowest_ms: float | None
    """Of the replies that came."""
    moment_s: float
    """Of the worst of it, since the answer."""
    reasons: tuple[str, ...]
    """As closes gave them."""


def worst_calls(pool: Pool, most: int = WORST) -> tuple[Worst, ...]:
    """The calls that lost most turns, then had the longest silences in all, then the slowest reply."""
    gaps = pool.gaps
    key = ["run_id", "call_id"]
    per_gap = gaps.group_by(key, maintain_order=True).agg(
        pl.len().alias("gaps"),
        pl.col("gap_ms").sum().alias("gap_ms"),
        pl.col("lost_turn").fill_null(value=False).sum().alias("lost"),
        pl.col("start_s").first(),
        pl.col("cause").fill_null("unknown").unique(maintain_order=True).alias("causes"),
    )
    slowest = (
        pool.script_turns.filter(pl.col("latency_ms").is_not_null())
        .sort("latency_ms", descending=True)
        .group_by(key, maintain_order=True)
        .agg(pl.col("latency_ms").first(), pl.col("speech_end_s").first())
    )
    ranked = (
        pool.calls.join(per_gap, on=key, how="left", maintain_order="left")
        .join(slowest, on=key, how="left", maintain_order="left")
        .filter(pl.col("gaps").is_not_null() | pl.col("latency_ms").is_not_null())
        .with_columns(pl.col("lost", "gaps", "gap_ms").fill_null(0))
        .sort("lost", "gap_ms", "latency_ms", descending=True, nulls_last=True, maintain_order=True)
        .head(most)
    )
    found = []
    for row in ranked.iter_rows(named=True):
        moment = row["start_s"] if row["start_s"] is not None else row["speech_end_s"]
        closes = pool.closes.filter((pl.col("run_id") == row["run_id"]) & (pl.col("call_id") == row["call_id"]))
        found.append(
            Worst(
                number=pool.call_numbers[row["run_id"], row["call_id"]],
                run_id=row["run_id"],
                call_id=row["call_id"],
                arm=row["arm"],
                lost=row["lost"],
                gaps=row["gaps"],
                gap_s=row["gap_ms"] / 1000,
                causes=", ".join(cause.replace("_", " ") for cause in row["causes"] or ()),
                slowest_ms=row["latency_ms"],
                moment_s=max(0.0, (moment or 0.0) - (row["answered_s"] or 0.0)),
                reasons=tuple(
                    _close_text(code, reason) for code, reason in closes.select("code", "reason").iter_rows()
                ),
            )
        )
    return tuple(found)


def shown_calls(pool: Pool, worst: Sequence[Worst], most_turns: int = MOST_TURNS) -> tuple[int, ...]:
    """Numbers of the calls that the page holds: all, unless there are too many turns."""
    turns = pool.turns.height
    n = pool.calls.height
    if turns <= most_turns:
        return tuple(range(n))
    step = -(-turns // most_turns)
    kept = {w.number for w in worst} | set(range(0, n, step))
    by_gap = [pool.call_numbers.get(k) for k in pool.gaps.select("run_id", "call_id").iter_rows()]
    kept |= {number for number in by_gap[:500] if number is not None}
    return tuple(sorted(kept))


class Texts:
    """Texts that come again and again, each held once."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Its position in `all`."""
        if text not in self._numbers:
            self._numbers[text] = len(self.all)
            self.all.append(text)
        return self._numbers[text]


def call_data(pool: Pool, numbers: Sequence[int], texts: Texts) -> list[dict[str, Any]]:
    """The calls of those numbers; seconds since the answer, which is where the recording begins.

    Keys are short, for there are thousands: n number, r run, id, a arm, b block, t minute of the answer, d duration,
    o outcome, v valid, g greeting, rec whether there is a recording, w reason; T turns (see `_turn`), G gaps,
    C closes, L when connections were ready, H spans of the agent.
    """
    wanted = [pool.calls.row(number, named=True) for number in numbers]
    keys = pl.DataFrame(
        [(row["run_id"], row["call_id"]) for row in wanted],
        schema={"run_id": pl.String, "call_id": pl.String},
        orient="row",
    )
    turns, gaps, closes, links = (
        _by_call(frame.join(keys, on=["run_id", "call_id"], how="semi", maintain_order="left"))
        for frame in (pool.turns, pool.gaps, pool.closes, pool.connections)
    )
    arms = {arm: i for i, arm in enumerate(pool.arms)}
    found = []
    for number, row in zip(numbers, wanted, strict=True):
        key = (row["run_id"], row["call_id"])
        folder = pool.runs[row["run"]].folder.call(row["call_id"])
        origin = row["answered_s"] if row["answered_s"] is not None else (row["dialled_s"] or row["due_s"] or 0.0)
        found.append(
            {
                "n": number,
                "r": row["run"],
                "id": row["call_id"],
                "a": arms.get(row["arm"], -1),
                "b": row["pooled"],
                "t": round((origin + row["offset_s"]) / 60, 3),
                "d": _since(row["ended_s"], origin),
                "o": outside_text(row["outcome"] or "unknown"),
                "v": bool(row["valid"]),
                "g": _since(row["greeting_s"], origin),
                "rec": folder.flac.is_file(),
                "w": outside_text(row["reason"] or ""),
                "T": [_turn(turn, origin, texts) for turn in turns.get(key, ())],
                "G": [_gap(gap, origin) for gap in gaps.get(key, ())],
                "C": [
                    {
                        "t": _since(close["at_s"], origin),
                        "x": _close_text(close["code"], close["reason"]),
                        "p": outside_text(close["phase"] or ""),
                    }
                    for close in closes.get(key, ())
                ],
                "L": [_ready(connection, origin) for connection in links.get(key, ())],
                "H": _heard(folder),
            }
        )
    return found


def _by_call(frame: pl.DataFrame) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        found.setdefault((row["run_id"], row["call_id"]), []).append(row)
    return found


def _turn(turn: dict[str, Any], origin: float, texts: Texts) -> list[float | int | None]:
    """Kind, line (as numbers of texts), speech start and end, reply start and end, latency in ms, outcome (likewise),
    flags (1 lost, 2 touched by a close, 4 valid), why it is invalid (likewise)."""
    return [
        texts.number(turn["kind"] or "unknown"),
        texts.number(outside_text(turn["line"] or "")),
        _since(turn["speech_start_s"], origin),
        _since(turn["speech_end_s"], origin),
        _since(turn["reply_start_s"], origin),
        _since(turn["reply_end_s"], origin),
        None if turn["latency_ms"] is None else round(turn["latency_ms"]),
        texts.number(outside_text(turn["outcome"] or "unknown")),
        1 * bool(turn["lost"]) + 2 * (turn["close_id"] is not None) + 4 * bool(turn["valid"]),
        texts.number(outside_text(turn["invalid_reason"] or "")),
    ]


def _gap(gap: dict[str, Any], origin: float) -> dict[str, Any]:
    return {
        "s": _since(gap["start_s"], origin),
        "e": _since(gap["end_s"], origin),
        "c": outside_text((gap["cause"] or "unknown").replace("_", " ")),
        "x": bool(gap["lost_turn"]),
    }


def _ready(connection: dict[str, Any], origin: float) -> list[float | None]:
    opened, setup_ms = connection["opened_s"], connection["setup_ms"]
    ready = None if opened is None or setup_ms is None else opened + setup_ms / 1000
    return [_since(ready, origin), _since(connection["closed_s"], origin)]


def _heard(folder: CallFolder) -> list[list[float]] | None:
    """Where the agent was heard; None: that isn't known apart from its replies."""
    if not folder.edges.is_file():
        return None
    try:
        return [[round(s.start_s, 2), round(s.end_s, 2)] for s in read_edges(folder.edges).agent]
    except RecordError:  # of another analysis: the tables are all there is
        return None


def _close_text(code: int | None, reason: str | None) -> str:
    told = outside_text(reason or "")
    name = "no close frame" if code == 1006 else "closed" if code is None else str(code)
    return f"{name}: {told}" if told else name


def _since(t: float | None, origin: float) -> float | None:
    return None if t is None else round(t - origin, 2)
