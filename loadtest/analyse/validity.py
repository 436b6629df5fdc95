"""Was it the tester? Valid turns by arm, and how the tester and its machine fared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from loadtest.analyse.quantiles import needed, order_statistic
from loadtest.record.health import MACHINE

__all__ = ["TesterHealth", "ValidTurns", "count_valid", "health_of_tester", "verdict_on_validity"]

_AMOUNT: Final = re.compile(r" [\d.]+( ms| ?%)?$")
"""How much it was, behind what it was: `loop_lag 134 ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidTurns:
    """Script turns of one arm during which the tester was well."""

    turns: int
    valid: int
    share: float | None
    """None without turns."""
    reasons: Mapping[str, int]
    """Why the others are not, most frequent first; a turn can have several reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TesterHealth:
    """How the run's own side fared, all arms together."""

    dials: int
    late_p50_ms: float | None
    """Dialled after due."""
    late_p99_ms: float | None
    """None below 381 dials, where the maximum says it all."""
    late_max_ms: float | None
    late_dials: int
    """Later than the scenario's dial_late_ms."""
    dropped: int
    """Due at the cap, never dialled."""
    agent_join_p50_ms: float | None
    """From dispatch to the agent in the room: how long calls queued for an agent."""
    agent_join_max_ms: float | None
    cpu_p95: float | None
    """Share of the machine's cores."""
    loop_lag_max_ms: float | None
    """Longest block of any event loop of the tester."""
    late_frames: int | None
    calls_at_once: int | None
    """Most calls in progress."""


def count_valid(script_turns: pl.DataFrame) -> ValidTurns:
    """Count one arm's script turns; one that `measure` did not call valid is not."""
    bad = script_turns.filter(~pl.col("valid").fill_null(value=False))
    counts: dict[str, int] = {}
    for told in bad["invalid_reason"].fill_null("no reason recorded"):
        for reason in dict.fromkeys(_AMOUNT.sub("", r) for r in told.split("; ")):
            counts[reason] = counts.get(reason, 0) + 1
    n = script_turns.height
    return ValidTurns(
        turns=n,
        valid=n - bad.height,
        share=(n - bad.height) / n if n else None,
        reasons=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
    )


def verdict_on_validity(
    by_arm: Mapping[str, ValidTurns], *, least_share: float, dialled: int, tester_errors: int
) -> tuple[str, ...]:
    """Why the run's figures are not to be used; empty if they are."""
    found = []
    for arm, turns in by_arm.items():
        if turns.share is None:
            found.append(f"{arm}: no script turn was measured")
        elif turns.share < least_share:
            found.append(f"{arm}: {_percent(turns.share, least_share)} of turns valid, {least_share:.0%} needed")
    if dialled and 1 - tester_errors / dialled < least_share:
        found.append(f"{tester_errors} of {dialled} dialled calls failed by the tester's own fault")
    return tuple(f.replace("%", " %") for f in found)


def health_of_tester(
    calls: pl.DataFrame, health: pl.DataFrame, *, cores: float | None, dial_late_ms: float
) -> TesterHealth:
    """Sum up dial lateness and the health samples of the run proper (warm-up is before 0)."""
    dialled = calls.filter(pl.col("dialled_s").is_not_null())
    late = ((dialled["dialled_s"] - dialled["due_s"]) * 1000).drop_nulls().to_numpy()
    joins = ((calls["agent_joined_s"] - calls["dispatched_s"]) * 1000).drop_nulls().to_numpy()
    samples = health.filter(pl.col("t_s") >= 0)
    machine = samples.filter(pl.col("process") == MACHINE)["cpu"].drop_nulls().to_numpy()
    lags, frames, active = (samples[name].drop_nulls() for name in ("loop_lag_ms", "late_frames", "calls_active"))
    return TesterHealth(
        dials=dialled.height,
        late_p50_ms=order_statistic(late, 0.5) if len(late) else None,
        late_p99_ms=order_statistic(late, 0.99) if len(late) >= needed(0.99) else None,
        late_max_ms=float(np.max(late)) if len(late) else None,
        late_dials=int(np.count_nonzero(late > dial_late_ms)),
        dropped=calls.filter(pl.col("outcome") == "dropped").height,
        agent_join_p50_ms=order_statistic(joins, 0.5) if len(joins) else None,
        agent_join_max_ms=float(np.max(joins)) if len(joins) else None,
        cpu_p95=min(1.0, order_statistic(machine, 0.95) / cores) if len(machine) and cores else None,
        loop_lag_max_ms=float(lags.to_numpy().max()) if len(lags) else None,
        late_frames=int(frames.sum()) if len(frames) else None,
        calls_at_once=int(active.to_numpy().max()) if len(active) else None,
    )


def _percent(share: float, limit: float) -> str:
    # 94.97 % must not be printed as the 95 % that it fell short of.
    return f"{share:.0%}" if round(share, 2) < limit else f"{share:.2%}"
