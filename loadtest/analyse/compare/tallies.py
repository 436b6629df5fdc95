"""What the gates are held against: turns, calls, blocks and the tester's health, counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

import polars as pl

from loadtest.analyse.compare.arrays import Ints, RunTables
from loadtest.record.health import MACHINE
from loadtest.scenario.models import ValidityLimits

__all__ = ["APART_S", "ArmTally", "RunTally", "add_up", "sum_of", "tally_run"]

APART_S: Final = 1800.0
"""The arms of a block are dialled within this of one another, on the average of each: a block is a window of a quarter
of an hour or so, within which an endpoint has no better and no worse hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTally:
    """What is counted of one arm. Turns and gaps: in complete blocks; calls: all of the runs that were due."""

    turns: int = 0
    invalid: int = 0
    judged: int = 0
    """Valid turns that both detectors heard."""
    disputed: int = 0
    due: int = 0
    dialled: int = 0
    dropped: int = 0
    late: int = 0
    queued: int = 0
    """Waited for an agent of loadtest's own longer than allowed."""
    tester_errors: int = 0
    gaps: int = 0
    """Of calls whose agent tells of its connections."""
    unexplained: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTally:
    """What is counted of a run, or of all of them."""

    arms: Mapping[str, ArmTally]
    complete: int
    begun: int
    """Blocks in which anything was dialled."""
    missing: int
    """Of these: incomplete, and not because the run ended."""
    apart: int
    """Complete blocks whose arms were dialled too far from one another."""
    samples: Mapping[str, tuple[int, int]]
    """Of the tester's health, by the limit's name: how many are beyond it, of how many."""
    late_frames: int
    strange_audio: int | None
    """Pairs of calls whose arms were said different things; None: no plan tells."""


def tally_run(
    tables: RunTables,
    plan: pl.DataFrame | None,
    arms: Sequence[str],
    own_agents: Sequence[str],
    blocks: Ints,
    limits: ValidityLimits,
    cores: float | None,
) -> RunTally:
    """Count one run. plan: block, pair, arm and line_hashes of its calls; own_agents: arms with the reference agent."""
    inside = pl.col("block").is_in(blocks.tolist())
    calls = tables.calls.filter(pl.col("arm").is_in(list(arms)))
    return RunTally(
        arms={
            arm: _arm_tally(
                calls.filter(pl.col("arm") == arm),
                tables.turns.filter((pl.col("arm") == arm) & inside & (pl.col("kind") == "script")),
                tables.gaps.filter((pl.col("arm") == arm) & inside),
                limits,
                own=arm in own_agents,
            )
            for arm in arms
        },
        complete=len(blocks),
        **_block_counts(calls, blocks),
        samples=_samples(tables.health, limits, cores),
        late_frames=int(tables.health.filter(pl.col("t_s") >= 0)["late_frames"].sum()),
        strange_audio=None if plan is None else _strange_audio(plan, arms),
    )


def add_up(tallies: Sequence[RunTally]) -> RunTally:
    """The counts of several runs with the same arms."""
    arms = {arm: sum_of([tally.arms[arm] for tally in tallies]) for arm in tallies[0].arms}
    audio = [tally.strange_audio for tally in tallies]
    return RunTally(
        arms=arms,
        complete=sum(tally.complete for tally in tallies),
        begun=sum(tally.begun for tally in tallies),
        missing=sum(tally.missing for tally in tallies),
        apart=sum(tally.apart for tally in tallies),
        samples={
            name: (sum(tally.samples[name][0] for tally in tallies), sum(tally.samples[name][1] for tally in tallies))
            for name in tallies[0].samples
        },
        late_frames=sum(tally.late_frames for tally in tallies),
        strange_audio=None if None in audio else sum(n for n in audio if n is not None),
    )


def sum_of(tallies: Sequence[ArmTally]) -> ArmTally:
    """The counts of several arms, or of one in several runs."""
    return ArmTally(**{f.name: sum(getattr(tally, f.name) for tally in tallies) for f in fields(ArmTally)})


def _arm_tally(
    calls: pl.DataFrame, script: pl.DataFrame, gaps: pl.DataFrame, limits: ValidityLimits, *, own: bool
) -> ArmTally:
    valid = script.filter(pl.col("valid").fill_null(value=False))
    dialled = calls.filter(pl.col("dialled_s").is_not_null())
    late = (dialled["dialled_s"] - dialled["due_s"]) * 1000 > limits.dial_late_ms
    queued = (dialled["agent_joined_s"] - dialled["dispatched_s"]) * 1000 > limits.agent_join_ms
    told = gaps.filter(pl.col("evidence").fill_null("acoustic") != "acoustic")
    return ArmTally(
        turns=script.height,
        invalid=script.height - valid.height,
        judged=valid.height - valid["disputed"].null_count(),
        disputed=int(valid["disputed"].sum()),
        due=int((calls["outcome"].fill_null("unknown") != "not_dialled").sum()),
        dialled=dialled.height,
        dropped=int((calls["outcome"] == "dropped").sum()),
        late=int(late.sum()),
        queued=int(queued.sum()) if own else 0,
        tester_errors=int((dialled["outcome"] == "tester_error").sum()),
        gaps=told.height,
        unexplained=int((told["cause"].fill_null("unknown") == "unknown").sum()),
    )


def _block_counts(calls: pl.DataFrame, blocks: Ints) -> dict[str, int]:
    dialled = pl.col("dialled_s").is_not_null()
    ended = pl.col("outcome").is_in(["aborted", "not_dialled"])
    by_block = (
        calls.filter(pl.col("block").is_not_null())
        .group_by("block")
        .agg(begun=dialled.any(), ended=ended.fill_null(value=False).any())
        .filter("begun")
    )
    missing = by_block.filter(~pl.col("block").is_in(blocks.tolist()) & ~pl.col("ended"))
    inside = calls.filter(pl.col("block").is_in(blocks.tolist()))
    middles = inside.group_by("block", "arm").agg(pl.col("dialled_s").mean())
    spread = middles.group_by("block").agg((pl.col("dialled_s").max() - pl.col("dialled_s").min()).alias("s"))
    return {"begun": by_block.height, "missing": missing.height, "apart": int((spread["s"] > APART_S).sum())}


def _samples(health: pl.DataFrame, limits: ValidityLimits, cores: float | None) -> dict[str, tuple[int, int]]:
    samples = health.filter(pl.col("t_s") >= 0)
    machine = samples.filter(pl.col("process") == MACHINE)

    def count(values: pl.Series, limit: float) -> tuple[int, int]:
        known = values.drop_nulls()
        return int((known > limit).sum()), len(known)

    return {
        "cpu_share": count(machine["cpu"] / (cores or math.inf), limits.cpu_share),
        "cpu_stall": count(machine["cpu_stall"], limits.cpu_stall),
        "loop_lag_ms": count(samples["loop_lag_ms"], limits.loop_lag_ms),
    }


def _strange_audio(plan: pl.DataFrame, arms: Sequence[str]) -> int:
    pairs = (
        plan.filter(pl.col("arm").is_in(list(arms)) & pl.col("block").is_not_null())
        .with_columns(pl.col("line_hashes").list.join(" "))
        .group_by("block", "pair")
        .agg(pl.col("line_hashes").n_unique())
    )
    return int((pairs["line_hashes"] > 1).sum())
