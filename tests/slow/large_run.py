"""A results folder with very many turns, to see what comparing it takes:

    python -m tests.slow.large_run /tmp/large --blocks 1000 --calls-per-block 50 --turns-per-call 10
    /usr/bin/time -v taskset -c 0 loadtest compare /tmp/large/*

is 1,000,000 turns, for which `loadtest compare` has 15 s and 2 GB on one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from loadtest.record.layout import RunFolder
from tests.unit.made_up import write_frame, write_run

ARMS = ("preview", "ga")
MEDIAN_MS = {"preview": 900.0, "ga": 860.0}
LOST = {"preview": 0.012, "ga": 0.01}
CLOSES_A_MINUTE = {"preview": 0.08, "ga": 0.05}
TURN_S = 8.0


def large_run(path: Path, *, blocks: int, calls_per_block: int, turns_per_call: int, seed: int = 1) -> RunFolder:
    """Arms that differ a little, with effects of blocks and calls, lost turns, gaps and 1011s."""
    draws = np.random.default_rng(seed)
    n_calls = blocks * calls_per_block * len(ARMS)
    scenario = {
        "blocks": blocks,
        "calls_per_block": calls_per_block,
        "compare": {"control": "ga"},
    }
    folder = write_run(path, ARMS, f"20260101T000000Z-large-{seed:04x}", n_calls, scenario, {})
    slot = np.arange(n_calls)
    arm = draws.permuted(np.tile(np.arange(2), (n_calls // 2, 1)), axis=1).reshape(-1)
    calls = pl.DataFrame(
        {"run_id": folder.run_id, "slot": slot, "block": slot // (2 * calls_per_block), "arm": np.array(ARMS)[arm]}
    ).with_columns(call_id=pl.format("{}-{}", pl.col("slot").cast(pl.String).str.zfill(4), "arm"))
    talk_s = np.full(n_calls, turns_per_call * TURN_S)
    due_s = slot.astype(np.float64) / 2
    write_frame(
        folder,
        "calls",
        calls.with_columns(
            due_s=pl.Series(due_s),
            dialled_s=pl.Series(due_s + 0.004),
            dispatched_s=pl.Series(due_s + 0.1),
            agent_joined_s=pl.Series(due_s + 0.8),
            answered_s=pl.Series(due_s + 2.0),
            greeting_latency_ms=pl.Series(draws.lognormal(np.log(800), 0.3, n_calls)),
            talk_s=pl.Series(talk_s),
            socket_s=pl.Series(talk_s),
            ended_s=pl.Series(due_s + 2.0 + talk_s),
            outcome=pl.lit("completed"),
            end_cause=pl.lit("callee_hangup"),
            valid=pl.lit(value=True),
        ),
    )
    closes = _closes(calls, arm, talk_s, due_s + 2.0, draws)
    write_frame(folder, "closes", closes)
    write_frame(folder, "connections", _connections(calls, closes, due_s + 2.0, talk_s))
    turns = _turns(calls, arm, turns_per_call, draws)
    write_frame(folder, "turns", turns)
    lost = turns.filter("lost")
    write_frame(
        folder,
        "gaps",
        lost.select("run_id", "call_id", "arm", "block", "slot", "turn").with_columns(
            kind=pl.lit("dead_air"),
            gap_ms=pl.Series(draws.uniform(8_000, 15_000, lost.height)),
            excess_ms=pl.Series(draws.uniform(0, 5_000, lost.height)),
            cause=pl.lit("ws_close"),
            evidence=pl.lit("probe"),
            lost_turn=pl.lit(value=True),
        ),
    )
    seconds = np.arange(int(due_s[-1]) + 1, dtype=float)
    write_frame(
        folder, "health", pl.DataFrame({"t_s": seconds}).with_columns(process=pl.lit("machine"), cpu=pl.lit(0.9))
    )
    return folder


def _turns(calls: pl.DataFrame, arm: npt.NDArray[np.int64], per_call: int, draws: np.random.Generator) -> pl.DataFrame:
    n = len(calls) * per_call
    of_call = np.repeat(np.arange(len(calls)), per_call)
    of_arm = arm[of_call]
    block_effect = draws.normal(0, 0.1, (len(calls["block"].unique()), 2))[calls["block"].to_numpy()[of_call], of_arm]
    spread = block_effect + draws.normal(0, 0.15, len(calls))[of_call] + draws.normal(0, 0.35, n)
    latency_ms = np.array([MEDIAN_MS[name] for name in ARMS])[of_arm] * np.exp(spread)
    lost = draws.random(n) < np.array([LOST[name] for name in ARMS])[of_arm]
    return calls[of_call].with_columns(
        turn=pl.Series(np.tile(np.arange(per_call), len(calls))),
        kind=pl.lit("script"),
        line=pl.lit("yes"),
        latency_ms=pl.when(pl.Series(~lost)).then(pl.Series(latency_ms)),
        outcome=pl.when(pl.Series(lost)).then(pl.lit("no_reply")).otherwise(pl.lit("answered")),
        lost=pl.Series(lost),
        close_id=pl.when(pl.Series(lost & (draws.random(n) < 0.5))).then(pl.format("{}/close-1", "call_id")),
        disputed=pl.lit(value=False),
        valid=pl.lit(value=True),
    )


def _closes(
    calls: pl.DataFrame,
    arm: npt.NDArray[np.int64],
    talk_s: npt.NDArray[np.float64],
    start_s: npt.NDArray[np.float64],
    draws: np.random.Generator,
) -> pl.DataFrame:
    hit = draws.random(len(calls)) < talk_s / 60 * np.array([CLOSES_A_MINUTE[name] for name in ARMS])[arm]
    after_s = draws.uniform(1.0, talk_s)
    return calls.with_columns(
        close_id=pl.format("{}/close-1", "call_id"),
        connection_id=pl.format("{}/1", "call_id"),
        at_s=pl.Series(start_s + after_s),
        connection_age_s=pl.Series(after_s),
        code=pl.lit(1011),
        reason=pl.lit("Internal error encountered."),
        side=pl.lit("server"),
        phase=pl.lit("awaiting_reply"),
        evidence=pl.lit("probe"),
    ).filter(pl.Series(hit))


def _connections(
    calls: pl.DataFrame, closes: pl.DataFrame, start_s: npt.NDArray[np.float64], talk_s: npt.NDArray[np.float64]
) -> pl.DataFrame:
    return (
        calls.with_columns(
            connection_id=pl.format("{}/1", "call_id"),
            n=pl.lit(1),
            opened_s=pl.Series(start_s),
            evidence=pl.lit("probe"),
            over_s=pl.Series(start_s + talk_s),
        )
        .join(closes.select("call_id", "at_s"), on="call_id", how="left", maintain_order="left")
        .with_columns(
            closed_s=pl.coalesce("at_s", "over_s"),
            end=pl.when(pl.col("at_s").is_null()).then(pl.lit("hangup")).otherwise(pl.lit("close")),
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--blocks", type=int, default=1000)
    parser.add_argument("--calls-per-block", type=int, default=50)
    parser.add_argument("--turns-per-call", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    print(large_run(**vars(parser.parse_args())).path)  # noqa: T201
