"""What is read from a results folder before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from loadtest.errors import RecordError
from loadtest.record.layout import RunFolder
from loadtest.record.run_json import RunInfo
from loadtest.record.run_scenario import read_run_scenario
from loadtest.record.tables import read_table, table_analysis
from loadtest.scenario.models import Scenario

__all__ = ["RunData", "block_numbers", "read_run"]

NO_BLOCK = -1
"""Stands for the incomplete last block: it counts within an arm, never in a comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """The tables of a run (columns: loadtest.record.tables), its scenario and its run.json."""

    info: RunInfo
    scenario: Scenario
    planned: int | None
    """Calls in the plan; None if there is no plan file."""
    analysis_version: int | None
    """Of the analysis that made the tables; None: one before versions were counted."""
    calls: pl.DataFrame
    turns: pl.DataFrame
    gaps: pl.DataFrame
    connections: pl.DataFrame
    closes: pl.DataFrame
    health: pl.DataFrame

    @property
    def limit_ms(self) -> float:
        """What an unanswered turn counts as."""
        return self.scenario.reply_limit_s * 1000

    @property
    def seed(self) -> int:
        """Of every resampling."""
        return self.scenario.seed


def read_run(folder: RunFolder) -> RunData:
    """Read what `measure` left. Raises RecordError, naming the file."""
    return RunData(
        info=RunInfo.read(folder),
        scenario=read_run_scenario(folder),
        planned=_planned(folder),
        analysis_version=table_analysis(folder.table("turns")),
        calls=read_table(folder.table("calls"), "calls"),
        turns=read_table(folder.table("turns"), "turns"),
        gaps=read_table(folder.table("gaps"), "gaps"),
        connections=read_table(folder.table("connections"), "connections"),
        closes=read_table(folder.table("closes"), "closes"),
        health=read_table(folder.table("health"), "health"),
    )


def block_numbers(frame: pl.DataFrame) -> npt.NDArray[np.int64]:
    """The block of each row (n,), the incomplete last one as `NO_BLOCK`."""
    return frame["block"].fill_null(NO_BLOCK).cast(pl.Int64).to_numpy()


def _planned(folder: RunFolder) -> int | None:
    if not folder.plan.exists():
        return None
    try:
        return int(pl.scan_parquet(folder.plan).select(pl.len()).collect().item())
    except (OSError, pl.exceptions.PolarsError) as e:
        raise RecordError(
            f"{folder.plan}: cannot be read: {e}", remedy="Check that this is a complete results folder."
        ) from e
