"""Was it the tester? Valid turns by arm, and how the tester and its machine fared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import polars as pl
from scipy import stats

from loadtest.analyse.limits import reason_code
from loadtest.analyse.quantiles import needed, order_statistic
from loadtest.analyse.shares import Share
from loadtest.record.health import MACHINE
from loadtest.scenario.models import ValidityLimits

__all__ = [
    "Calls",
    "TesterHealth",
    "ValidTurns",
    "beyond",
    "count_valid",
    "differ",
    "health_of_tester",
    "verdict_on_validity",
]

PARTS: Final = {"tester": "callees", "callee": "callees", "livekit": "server", "gemini": "simulator", "agent": "agents"}
"""What a process is part of, by the first word of its name; the callees are the tester."""
CHANCE: Final = 0.05
"""A difference between arms that chance alone would make as often is none."""


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
    queued: int
    """Calls that waited for an agent longer than the scenario's agent_join_ms."""
    cpu_p95: float | None
    """Share of the machine's cores."""
    cores_p95: Mapping[str, float]
    """Cores in use by callees (and the dialler), server, simulator, agents, as far as the run started them; by `all`
    of these."""
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
        for reason in dict.fromkeys(reason_code(r) for r in told.split("; ")):
            counts[reason] = counts.get(reason, 0) + 1
    n = script_turns.height
    return ValidTurns(
        turns=n,
        valid=n - bad.height,
        share=(n - bad.height) / n if n else None,
        reasons=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What the verdict needs to know of the calls of all arms."""

    dialled: int
    tester_errors: int
    late: int
    """Dialled later than dial_late_ms."""
    queued: int
    """That waited for an agent of loadtest's own longer than agent_join_ms."""


def verdict_on_validity(
    by_arm: Mapping[str, ValidTurns], disputed: Mapping[str, Share], calls: Calls, limits: ValidityLimits
) -> tuple[str, ...]:
    """Why the run's figures are not to be used; empty if they are."""
    found = [*_by_arm(by_arm, disputed, limits)]
    invalid = {arm: (turns.turns - turns.valid, turns.turns) for arm, turns in by_arm.items()}
    found += _differences("invalid", invalid, limits.share_difference)
    found += _differences("disputed", {arm: (s.count, s.n) for arm, s in disputed.items()}, limits.share_difference)
    if calls.dialled and 1 - calls.tester_errors / calls.dialled < limits.valid_share:
        found.append(f"{calls.tester_errors} of {calls.dialled} dialled calls failed by the tester's own fault")
    for n, what in ((calls.late, "dialled late"), (calls.queued, "kept waiting for an agent of loadtest's own")):
        if beyond(n, calls.dialled, limits.late_share):
            found.append(f"{n} of {calls.dialled} calls were {what}, {limits.late_share:.0%} at most allowed")
    return tuple(f.replace("%", " %") for f in found)


def _by_arm(by_arm: Mapping[str, ValidTurns], disputed: Mapping[str, Share], limits: ValidityLimits) -> Iterator[str]:
    least = limits.valid_share
    for arm, turns in by_arm.items():
        if turns.share is None:
            yield f"{arm}: no script turn was measured"
        elif turns.share < least:
            yield f"{arm}: {_percent(turns.share, least)} of turns valid, {least:.0%} needed"
    for arm, share in disputed.items():
        if beyond(share.count, share.n, limits.disputed_share):
            yield f"{arm}: {share.count / share.n:.1%} of turns disputed, {limits.disputed_share:.0%} at most allowed"


def beyond(count: int, n: int, limit: float) -> bool:
    """Whether a share is larger than its limit. One alone says nothing of a share: a short run has none finer."""
    return n > 0 and (count - 1) / n > limit


def differ(count: int, n: int, other_count: int, m: int, limit: float) -> bool:
    """Whether two arms' shares are farther apart than the limit, and than chance would often have them."""
    if not n or not m or abs(count / n - other_count / m) <= limit:
        return False
    return bool(stats.fisher_exact([[count, n - count], [other_count, m - other_count]]).pvalue < CHANCE)


def _differences(what: str, counts: Mapping[str, tuple[int, int]], limit: float) -> Iterator[str]:
    """Arms whose shares differ: what is left out of one and not of the other biases their comparison."""
    for one, other in combinations(counts, 2):
        (a, n), (b, m) = counts[one], counts[other]
        if differ(a, n, b, m, limit):
            yield (
                f"{a / n:.1%} of turns {what} in {one}, {b / m:.1%} in {other}: "
                f"no more than {limit * 100:g} points apart allowed"
            )


def health_of_tester(
    calls: pl.DataFrame, health: pl.DataFrame, *, cores: float | None, limits: ValidityLimits
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
        late_dials=int(np.count_nonzero(late > limits.dial_late_ms)),
        dropped=calls.filter(pl.col("outcome") == "dropped").height,
        agent_join_p50_ms=order_statistic(joins, 0.5) if len(joins) else None,
        agent_join_max_ms=float(np.max(joins)) if len(joins) else None,
        queued=int(np.count_nonzero(joins > limits.agent_join_ms)),
        cpu_p95=min(1.0, order_statistic(machine, 0.95) / cores) if len(machine) and cores else None,
        cores_p95=_cores_by_part(samples),
        loop_lag_max_ms=float(lags.to_numpy().max()) if len(lags) else None,
        late_frames=int(frames.sum()) if len(frames) else None,
        calls_at_once=int(active.to_numpy().max()) if len(active) else None,
    )


def _cores_by_part(samples: pl.DataFrame) -> dict[str, float]:
    """p95 of the cores in use at a time, by part of the stack and by all of it; empty without samples."""
    ours = samples.filter((pl.col("process") != MACHINE) & pl.col("cpu").is_not_null())
    if not ours.height:
        return {}
    part = pl.col("process").str.split("-").list.first().replace(PARTS).alias("part")
    sums = ours.group_by("t_s", part).agg(pl.col("cpu").sum())
    whole = sums.group_by("t_s").agg(pl.col("cpu").sum())
    by_part = {name: sums.filter(pl.col("part") == name) for name in dict.fromkeys(PARTS.values())}
    return {
        name: order_statistic(of["cpu"].to_numpy(), 0.95) for name, of in {**by_part, "all": whole}.items() if of.height
    }


def _percent(share: float, limit: float) -> str:
    # 94.97 % must not be printed as the 95 % that it fell short of.
    return f"{share:.0%}" if round(share, 2) < limit else f"{share:.2%}"
