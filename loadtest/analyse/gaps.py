"""What was lost: turns without a reply, dead air, and what the 1011s had to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from loadtest.analyse.closes import server_1011
from loadtest.analyse.inputs import block_numbers
from loadtest.analyse.shares import Bools, Floats, PerUnit, Share, estimate_per_unit, estimate_share

__all__ = ["DeadAir", "Losses", "censored_median", "count_losses", "sound_gaps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadAir:
    """Dead air after lost turns; descriptive, for its length is mostly the callee's patience."""

    n: int
    censored: int
    """Of which the call ended before the agent spoke again."""
    median_ms: float | None
    """Kaplan-Meier median; None if n is 0, or if more than half never recovered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What one arm's callees missed, over valid turns and all calls."""

    lost: Share
    """Script turns without a reply."""
    causes: Mapping[str, int]
    """Why, most frequent first; `unknown` where there is no evidence."""
    lost_to_1011: int
    """Lost turns whose close is a server-made 1011."""
    truncated_to_1011: int | None
    """Answered turns whose reply such a close cut short. None: some came in a reply, and nothing tells if they did."""
    gaps: int
    """Silences beyond the scenario's limits."""
    gap_s_per_talk_hour: PerUnit
    """Excess seconds of all gaps per hour of talk, over all calls."""
    patience_median_s: float | None
    """Of the calls that were answered: gaps after a lost reply last about this long."""
    dead_air: DeadAir


def sound_gaps(gaps: pl.DataFrame, turns: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Gaps but those of invalid turns, and those in the greeting of an invalid call."""
    bad_turns = turns.filter(~pl.col("valid").fill_null(value=False)).select("call_id", "turn")
    bad_calls = calls.filter(~pl.col("valid").fill_null(value=False))["call_id"]
    return gaps.join(bad_turns, on=["call_id", "turn"], how="anti", maintain_order="left").filter(
        pl.col("turn").is_not_null() | ~pl.col("call_id").is_in(bad_calls.implode())
    )


def count_losses(calls: pl.DataFrame, script_turns: pl.DataFrame, gaps: pl.DataFrame, closes: pl.DataFrame) -> Losses:
    """Losses of one arm, from its calls and closes, its valid script turns, and its gaps but those of invalid turns."""
    lost = script_turns.filter(pl.col("lost").fill_null(value=False))
    ours = server_1011(closes)
    by_1011 = pl.col("close_id").is_in(ours["close_id"].implode())
    dead = gaps.filter((pl.col("kind") == "dead_air") & pl.col("lost_turn").fill_null(value=False))
    talking = calls.filter(pl.col("talk_s").fill_null(0) > 0)
    excess = gaps.group_by("call_id").agg(pl.col("excess_ms").sum() / 1000)
    per_call = talking.join(excess, on="call_id", how="left", maintain_order="left")
    return Losses(
        lost=estimate_share(
            script_turns["lost"].fill_null(value=False).to_numpy().astype(np.bool_), block_numbers(script_turns)
        ),
        causes=_causes(lost, dead),
        lost_to_1011=lost.filter(by_1011).height,
        truncated_to_1011=None
        if ours.filter(pl.col("audible").is_null() & (pl.col("evidence") == "agent_log")).height
        else script_turns.filter(
            ~pl.col("lost").fill_null(value=False) & pl.col("truncated").fill_null(value=False) & by_1011
        ).height,
        gaps=gaps.filter(pl.col("excess_ms") > 0).height,
        gap_s_per_talk_hour=estimate_per_unit(
            per_call["excess_ms"].fill_null(0).to_numpy(),
            (per_call["talk_s"] / 3600).to_numpy(),
            block_numbers(per_call),
        ),
        patience_median_s=_median(calls.filter(pl.col("answered_s").is_not_null())["patience_s"]),
        dead_air=DeadAir(
            n=dead.height,
            censored=int(dead["censored"].fill_null(value=False).sum()),
            median_ms=censored_median(
                dead["gap_ms"].to_numpy(), dead["censored"].fill_null(value=False).to_numpy().astype(np.bool_)
            ),
        ),
    )


def censored_median(durations: Floats, censored: Bools) -> float | None:
    """Kaplan-Meier median of durations (n,), some of which were cut off; None if survival never falls to a half."""
    survival = 1.0
    for at in np.unique(durations[~censored]):
        survival *= 1 - np.count_nonzero((durations == at) & ~censored) / np.count_nonzero(durations >= at)
        if survival <= 0.5 + 1e-12:
            return float(at)
    return None


def _causes(lost: pl.DataFrame, dead: pl.DataFrame) -> Mapping[str, int]:
    why = dead.select("call_id", "turn", "cause").unique(subset=["call_id", "turn"], keep="first", maintain_order=True)
    told = lost.join(why, on=["call_id", "turn"], how="left", maintain_order="left")["cause"].fill_null("unknown")
    counts = {cause: int((told == cause).sum()) for cause in told.unique()}
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _median(values: pl.Series) -> float | None:
    median = values.median()
    return None if median is None else float(median)  # type: ignore[arg-type]
