"""What the page is drawn from: the tables of one run, or of several on one timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from loadtest.analyse.arm import reply_latencies_ms
from loadtest.analyse.closes import incidents
from loadtest.analyse.gaps import sound_gaps
from loadtest.analyse.inputs import RunData, read_run
from loadtest.record.layout import RunFolder

__all__ = ["Pool", "read_pool"]

BETWEEN_RUNS_S = 30.0
"""Drawn between one run and the next, whatever lay between them."""


@dataclass(frozen=True, slots=True)
class PoolRun:
    """One run and where it lies on the common timeline."""

    folder: RunFolder
    data: RunData
    offset_s: float
    """Added to its run time."""


@dataclass(frozen=True)
class Pool:
    """Runs of the same arms, the first one's scenario standing for all.

    The frames have the columns of loadtest.record.tables and three more: `run`, the run's position; `pooled`, the block
    counted through all runs (null: incomplete); `offset_s`.
    """

    runs: tuple[PoolRun, ...]
    control: str
    calls: pl.DataFrame
    turns: pl.DataFrame
    gaps: pl.DataFrame
    """Those that count, longest first."""
    connections: pl.DataFrame
    closes: pl.DataFrame
    incidents: pl.DataFrame
    """The 1011s of the rate, those of a call within 10 s merged."""

    @property
    def limit_ms(self) -> float:
        return self.runs[0].data.limit_ms

    @property
    def seed(self) -> int:
        return self.runs[0].data.seed

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The control first: it has the first colour."""
        declared = self.runs[0].data.scenario.arms
        return (self.control, *(arm for arm in declared if arm != self.control))

    @cached_property
    def script_turns(self) -> pl.DataFrame:
        """Valid script turns, with `ms`, in which an unanswered turn is at the limit."""
        valid = self.turns.filter((pl.col("kind") == "script") & pl.col("valid").fill_null(value=False))
        return valid.with_columns(ms=pl.Series(reply_latencies_ms(valid, self.limit_ms), dtype=pl.Float64))

    def of_arm(self, frame: pl.DataFrame, arm: str) -> pl.DataFrame:
        return frame.filter(pl.col("arm") == arm)

    @cached_property
    def call_numbers(self) -> dict[tuple[str, str], int]:
        """By (run_id, call_id): the call's number in the page."""
        return {key: i for i, key in enumerate(self.calls.select("run_id", "call_id").iter_rows())}


def read_pool(folders: Sequence[RunFolder], control: str | None = None) -> Pool:
    """Read one or more measured runs. control: None: as the first one's scenario says. Raises RecordError."""
    runs: list[PoolRun] = []
    offset = 0.0
    for folder in folders:
        data = read_run(folder)
        runs.append(PoolRun(folder, data, offset))
        ends = [t for t in (data.calls["ended_s"].max(), data.calls["due_s"].max()) if isinstance(t, float)]
        offset += max(ends, default=0.0) + BETWEEN_RUNS_S
    first = runs[0].data.scenario
    chosen = control or (first.compare.control if first.compare else next(iter(first.arms)))
    numbering = _pooled_blocks(runs)

    def joined(of: Callable[[RunData], pl.DataFrame]) -> pl.DataFrame:
        parts = [
            of(run.data).with_columns(run=pl.lit(i, dtype=pl.Int32), offset_s=pl.lit(run.offset_s, dtype=pl.Float64))
            for i, run in enumerate(runs)
        ]
        return pl.concat(parts).join(numbering, on=["run", "block"], how="left", maintain_order="left")

    return Pool(
        runs=tuple(runs),
        control=chosen,
        calls=joined(lambda data: data.calls),
        turns=joined(lambda data: data.turns),
        gaps=joined(lambda data: sound_gaps(data.gaps, data.turns, data.calls)).sort(
            "gap_ms", descending=True, nulls_last=True, maintain_order=True
        ),
        connections=joined(lambda data: data.connections),
        closes=joined(lambda data: data.closes),
        incidents=joined(lambda data: incidents(data.closes)),
    )


def _pooled_blocks(runs: Sequence[PoolRun]) -> pl.DataFrame:
    keys = pl.concat(
        [
            run.data.calls.select("block")
            .drop_nulls()
            .unique()
            .sort("block")
            .select(pl.lit(i, pl.Int32).alias("run"), "block")
            for i, run in enumerate(runs)
        ]
    )
    return keys.with_row_index("pooled").with_columns(pl.col("pooled").cast(pl.Int32))
